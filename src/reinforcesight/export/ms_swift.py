"""``export --to ms-swift``: JSON lines with ``messages`` and ``images``; ``<image>`` in the text marks the picture."""

from __future__ import annotations

import json
from pathlib import Path

from reinforcesight.export.splits import message_row, picture_file, splits_of
from reinforcesight.jobs.files import atomic_file


def to_ms_swift(dataset: Path, output: Path) -> list[Path]:
    """Write one JSON-lines file per split, with absolute picture paths, so that ms-swift can run in any folder."""
    written = []
    for split, rows in splits_of(dataset):
        path = output / f"{split}.jsonl"
        with atomic_file(path) as stream:
            for row in rows:
                picture = str(picture_file(row, output.resolve()))
                stream.write(f"{json.dumps(message_row(row, picture), ensure_ascii=False)}\n".encode())
        written.append(path)
    return written
