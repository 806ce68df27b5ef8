"""Exports of one small data set for the tests of other tools, which may not share an environment with this package.

python tests/support/neighbour_exports.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FORMS = ("trl", "llama-factory", "ms-swift", "verl", "fiftyone", "cv-bench")


def write_exports(folder: Path) -> Path:
    """Write ``folder/FORM`` for each form, and the rows that they were made from as ``folder/rows.json``."""
    from small_dataset import make_rows, write_dataset

    from reinforcesight.cli import run

    rows = make_rows(range(4))
    parts = {"train": rows[:24], "test": rows[24:]}
    dataset = write_dataset(folder / "dataset", parts)
    for form in FORMS:
        assert run(["export", "--to", form, "--dataset", str(dataset), "--output", str(folder / form)]) == 0
    names = ("id", "prompt", "completion", "question", "choices", "answer", "relation", "task")
    plain = {split: [{name: getattr(row, name) for name in names} for row in part] for split, part in parts.items()}
    (folder / "rows.json").write_text(json.dumps(plain), encoding="utf-8")
    return folder


if __name__ == "__main__":
    write_exports(Path(sys.argv[1]))
