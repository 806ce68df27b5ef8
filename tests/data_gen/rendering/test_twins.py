"""Twins against the renderer's geometry, and as rows of a data set.

``benchmarks/twin_truth.py`` prints the full table; this is its smaller version.
"""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from twin_truth import measure_twins

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.rendering import Distribution, RenderConfig, render_picture
from reinforcesight.data_gen.rendering.twins import mirrored
from reinforcesight.data_gen.sources.rendered import RenderedSource

pytest.importorskip("embreex")

SMALL = (128, 96)


@pytest.mark.timeout(120)
def test_a_twin_inverts_one_relation_and_no_label_is_wrong():
    total = measure_twins(20, seed=1, size=SMALL)
    keys = {key[:2] for key in total if len(key) == 3}
    assert sum(total[*key, "twins"] for key in keys) >= 6
    assert sum(total[*key, "wrong"] for key in keys) == 0
    assert sum(total[*key, "claims"] for key in keys) > 200
    assert sum(total[*key, "also"] for key in keys) == 0
    for key in keys:
        if key[0] != "mirrored":
            assert total[*key, "inverted"] == total[*key, "twins"]


def test_the_mirrored_geometry_is_that_of_the_mirrored_picture():
    base = render_picture(3, 5, Distribution.TRAIN, SMALL, RenderConfig(roll=8.0))
    flipped = mirrored(base)
    assert np.array_equal(flipped.picture[:, 0], base.picture[:, -1])
    shown = 0
    for item in flipped.objects:
        rows, columns = np.nonzero(flipped.instances == item.id)
        if len(rows) == 0 or item.truncated:
            continue
        pixels = flipped.camera.project(item.vertices.astype(np.float64))
        (x0, y0), (x1, y1) = pixels.min(axis=0), pixels.max(axis=0)
        assert x0 - 1 <= columns.min()
        assert columns.max() <= x1 + 1
        assert y0 - 1 <= rows.min()
        assert rows.max() <= y1 + 1
        shown += 1
    assert shown >= 2
    camera = flipped.camera
    assert np.isclose(np.linalg.det(camera.rotation), 1.0)
    # The floor point of the mirrored world below a pixel is the mirror image of the original one.
    point = base.camera.world_point(30.0, 3.0, 0.0)
    assert np.allclose(camera.world_point(SMALL[0] - 30.0, 3.0, 0.0), point * [-1, 1, 1])


@pytest.mark.timeout(180)
def test_twins_ask_the_same_question_and_have_opposite_answers(tmp_path):
    output = tmp_path / "twins"
    # One form, so that a split of so small a data set has several questions of each kind.
    config = {"num_samples": 48, "seed": 2, "twins": 0.5, "forms": ["which_object"], "workers": 1}
    config["tasks"] = {"Relation": 2, "Depth": 1, "Distance": 1}
    splits = {"train": 0.5, "validation": 0.5, "test": 0}
    generate(GenerateConfig(output=output, picture_size=SMALL, splits=splits, **config))
    files = sorted((output / "data").glob("*.parquet"))
    rows = [{"split": path.name.partition("-")[0], **row} for path in files for row in pq.read_table(path).to_pylist()]
    pairs: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        twin = json.loads(row["evidence"]).get("twin")
        if twin is not None:
            pairs[twin["id"]].append(row)
    assert len(pairs) >= 2
    for name, (first, second) in pairs.items():
        assert first["id"] == name
        assert first["split"] == second["split"]
        assert first["prompt"] == second["prompt"]
        assert first["choices"] == second["choices"]
        assert {first["answer"], second["answer"]} == {"(A)", "(B)"}
        assert first["image"]["bytes"] != second["image"]["bytes"]
        assert first["source_id"] != second["source_id"]
        assert first["completion"] != second["completion"]
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["twins"] == 2 * len(pairs)
    assert len(rows) == 48
    assert all(made_evenly(rows, column) for column in ("answer", "relation"))


def test_a_picture_has_the_same_twin_whenever_it_is_loaded():
    source = RenderedSource(1, size=SMALL, twins=1.0)
    first = next(picture for picture in map(source.load, range(9)) if picture.twin is not None)
    assert RenderedSource(1, size=SMALL, twins=1.0).load(first.index) == first


def made_evenly(rows: list[dict], column: str) -> bool:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row[column]] += 1
    return max(counts.values()) - min(counts.values()) <= 1


def test_only_rendered_pictures_have_twins(tmp_path):
    with pytest.raises(ValidationError, match="twins are made for the source 'rendered'"):
        GenerateConfig(source="annotated", input=tmp_path, output=tmp_path / "out", twins=0.1)
