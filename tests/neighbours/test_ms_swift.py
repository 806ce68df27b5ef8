"""ms-swift loads the exported data, with no row refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("swift.dataset", reason="ms-swift is not installed")


def test_the_exported_training_data_are_loaded(exports: Path, rows: list[dict[str, Any]]) -> None:
    from swift.dataset import load_dataset

    loaded, _ = load_dataset(str(exports / "ms-swift" / "train.jsonl"), strict=True)
    assert len(loaded) == len(rows)
    for found, row in zip(loaded, rows, strict=True):
        user, assistant = found["messages"]
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        assert user["content"].count("<image>") == len(found["images"]) == 1
        assert row["question"] in user["content"]
        assert assistant["content"] == row["completion"]
        image = found["images"][0]
        assert image["bytes"] or Path(image["path"]).is_file()
