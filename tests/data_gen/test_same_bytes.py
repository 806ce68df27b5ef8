"""Two small rendered data sets have the digests below: a change to the code that changes the data is noticed.

File bytes aren't pinned. Numbers in the scenes differ in their last bit between processors (numpy and OpenBLAS choose
their loops by instruction set), and compression differs between builds of zlib and Zstandard. Text, labels, numbers
rounded to six digits, and decoded pixels do not.

Where the data change on purpose, copy the digests from the failure and say so in CHANGELOG.md: every data set that is
made again from its settings then differs from the one published.
"""

from __future__ import annotations

import io
import json
import re
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from reinforcesight.config import load_config
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.pipeline import generate

REPOSITORY = Path(__file__).parents[2]
# Words, numbers and pixels. The embedded weights were trained on nano's world: its digests must never change.
DIGESTS = {
    "rendered": (
        "9c92a9fcd0b93035f27a9e01dbdf07ebce2fec77915ed473bc76460a799fb90d",
        "a54dabb27376c4945d05ed6dd0c5d09e5cf0bc5c71546f5036649e630afe071e",
        "3fc55d61f2242de1ad467e1602aaab71693561354ca2d3489efb2db268dc5c70",
    ),
    "nano_questions": (
        "3dccdb4becc112be29894005ab3efcc590beb128165a462ec39d0a3031befb8d",
        "09ed92b5944f5fb3d3a2610d5968c7fc1737f73e573d3143e452f34af01965b2",
        "c625b430bb25f736081a00e2753ab08e78d02914337f64a87687be8822551d98",
    ),
}
# Other versions of these may cast other rays.
RENDERING_PACKAGES = ("numpy", "trimesh", "embreex")


def rounded(value: Any) -> Any:
    """A JSON value with its floats at six significant digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def locked_versions_installed() -> bool:
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE))
    return all(metadata.version(name) == locked[name] for name in RENDERING_PACKAGES)


@pytest.fixture(scope="module", params=DIGESTS)
def recipe(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def rows(recipe, tmp_path_factory) -> list[dict[str, Any]]:
    output = tmp_path_factory.mktemp("pinned") / "dataset"
    choices: dict[str, Any] = {"output": output, "num_samples": 48, "seed": 5, "workers": 1}
    if recipe == "rendered":
        config = GenerateConfig(**choices, picture_size=(160, 120))
    else:
        config = load_config(GenerateConfig, REPOSITORY / "configs" / f"{recipe}.yaml", flags=choices)
    generate(config)
    files = sorted((output / "data").glob("*.parquet"))
    return [{"file": path.name, **row} for path in files for row in pq.read_table(path).to_pylist()]


@pytest.mark.timeout(120)
def test_questions_and_labels_are_the_pinned_ones(recipe, rows):
    numeric = ("image", "scene", "evidence", "margin")
    words = [{name: value for name, value in row.items() if name not in numeric} for row in rows]
    assert sha256(json.dumps(words).encode()).hexdigest() == DIGESTS[recipe][0]


@pytest.mark.skipif(not locked_versions_installed(), reason="other versions than those of requirements.txt")
def test_scenes_and_pixels_are_the_pinned_ones(recipe, rows):
    numbers = [rounded([json.loads(row["scene"]), json.loads(row["evidence"]), row["margin"]]) for row in rows]
    assert sha256(json.dumps(numbers).encode()).hexdigest() == DIGESTS[recipe][1]
    pixels = sha256()
    for row in rows:
        pixels.update(row["image"]["path"].encode())
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            pixels.update(image.tobytes())
    assert pixels.hexdigest() == DIGESTS[recipe][2]
