"""FiftyOne's importer reads the exported folder. Without its database, so not through ``Dataset.from_dir``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fiftyone")


def test_samples_are_read(exports: Path, rows: list[dict[str, Any]]) -> None:
    import fiftyone as fo
    from fiftyone.utils.data.importers import LegacyFiftyOneDatasetImporter

    with LegacyFiftyOneDatasetImporter(dataset_dir=str(exports / "fiftyone")) as importer:
        samples = [sample for sample in importer if "train" in sample.tags]
    assert [sample["row_id"] for sample in samples] == [row["id"] for row in rows]
    for sample, row in zip(samples, rows, strict=True):
        assert Path(sample.filepath).is_file()
        assert isinstance(sample["relation"], fo.Classification)
        assert sample["relation"].label == row["relation"]
        assert sample["question"] == row["question"]
        roles = {box["role"] for box in sample["objects"].detections}
        assert {"subject", "reference"} <= roles
