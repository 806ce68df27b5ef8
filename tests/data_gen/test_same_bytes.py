"""A small rendered data set has the digests below: a change to the code that changes the data is noticed.

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

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.pipeline import generate

WORDS = "b77f0204809a3643ffa1a567416b40b890e95d7d3c1c35411acac76cdadc5797"
NUMBERS = "a78b28955d98cefe465c0a19c80f2dce8fcf832e6dd1797a4697342655772ee2"
PIXELS = "d115d4cc5cdc4df6e1434c9a05105660574000d6f133df2f6f8f56815e5a0e85"
REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"
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
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE))
    return all(metadata.version(name) == locked[name] for name in RENDERING_PACKAGES)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[dict[str, Any]]:
    output = tmp_path_factory.mktemp("pinned") / "dataset"
    generate(GenerateConfig(output=output, num_samples=48, seed=5, workers=1, picture_size=(160, 120)))
    files = sorted((output / "data").glob("*.parquet"))
    return [{"file": path.name, **row} for path in files for row in pq.read_table(path).to_pylist()]


@pytest.mark.timeout(120)
def test_questions_and_labels_are_the_pinned_ones(rows):
    numeric = ("image", "scene", "evidence", "margin")
    words = [{name: value for name, value in row.items() if name not in numeric} for row in rows]
    assert sha256(json.dumps(words).encode()).hexdigest() == WORDS


@pytest.mark.skipif(not locked_versions_installed(), reason="other versions than those of requirements.txt")
def test_scenes_and_pixels_are_the_pinned_ones(rows):
    numbers = [rounded([json.loads(row["scene"]), json.loads(row["evidence"]), row["margin"]]) for row in rows]
    assert sha256(json.dumps(numbers).encode()).hexdigest() == NUMBERS
    pixels = sha256()
    for row in rows:
        pixels.update(row["image"]["path"].encode())
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            pixels.update(image.tobytes())
    assert pixels.hexdigest() == PIXELS
