"""``export --to ms-swift``: JSON lines with ``messages`` and ``images``; ``<image>`` in the text is the picture."""

from __future__ import annotations

import json
from pathlib import Path

from reinforcesight.export.splits import row_with_picture_file, splits_of
from reinforcesight.jobs.files import atomic_file


def to_ms_swift(dataset: Path, output: Path) -> list[Path]:
    """Write one JSON-lines file per split.

    Raises:
        InputError: The data set can't be read.
        OutputError: A file can't be written.
    """
    written = []
    for split, rows in splits_of(dataset).items():
        path = output / f"{split}.jsonl"
        with atomic_file(path) as stream:
            for row in rows:
                text = json.dumps(row_with_picture_file(row, output), ensure_ascii=False)
                stream.write(f"{text}\n".encode())
        written.append(path)
    return written
