"""``export --to fiftyone``: a folder for ``fo.Dataset.from_dir(..., dataset_type=fo.types.FiftyOneDataset)``.

The files have no version number: FiftyOne reads them as plain JSON and updates them to its own version
(fiftyone/utils/data/importers.py, 2025).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.reader import RowIndex
from reinforcesight.data_gen.viewing.notes import NOTED_COLUMNS, Annotation, Annotations
from reinforcesight.export.splits import message_text, splits_of, write_picture
from reinforcesight.jobs.files import atomic_file, write_json
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pages.pictures import known_scene

_PLAIN = ("question", "choices", "answer", "answer_text", "task", "form", "margin", "source_id", "evidence")


def to_fiftyone(dataset: Path, output: Path) -> list[Path]:
    """Write ``metadata.json``, ``samples.json`` and ``data/``: a sample for each question, with the objects' boxes.

    Tags and comments of ``browse`` become tags and the field ``comment``. Each sample has its own picture file, since
    FiftyOne identifies samples by their files.
    """
    index = RowIndex(dataset, NOTED_COLUMNS)
    noted = Annotations(dataset, index).all()
    notes = {index.columns["id"][number]: note for number, note in noted.items()}
    path = output / "samples.json"
    written = 0
    with atomic_file(path) as stream:
        stream.write(b'{"samples": [')
        for split, rows in splits_of(dataset):
            for row in rows:
                name = re.sub(r"[^\w-]+", "_", row["id"])[:100]
                picture = write_picture(row, output / "data", f"{written:06d}-{name}")
                sample = _sample(row, split, notes.get(row["id"], Annotation()))
                text = json.dumps({"filepath": picture.relative_to(output).as_posix(), **sample}, ensure_ascii=False)
                stream.write(f"{',' if written else ''}\n{text}".encode())
                written += 1
        stream.write(b"\n]}\n")
    about = {"source": "ReinforceSight", "dataset": dataset.resolve().name, "questions": written}
    write_json(output / "metadata.json", {"media_type": "image", "info": about})
    return [path, output / "metadata.json", output / "data"]


def _sample(row: Mapping[str, Any], split: str, note: Annotation) -> dict[str, Any]:
    blocks = split_completion(message_text(row["completion"]))
    return {
        "tags": [split, *note.tags, *(["excluded"] if note.excluded else [])],
        "row_id": row["id"],
        **{name: row[name] for name in _PLAIN},
        "image_source": row["source"],
        "reasoning": blocks.reasoning,
        "comment": note.comment,
        "relation": {"_cls": "Classification", "label": row["relation"]},
        "objects": {"_cls": "Detections", "detections": _detections(row)},
    }


def _detections(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the question's objects; boxes as left, top, width and height, as fractions of the picture."""
    known = known_scene(row["scene"], row["evidence"])
    if known is None:
        return []
    width, height = known.scene.width, known.scene.height
    found = []
    for role, item in known.objects.items():
        x0, y0, x1, y1 = item.box
        box = [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height]
        found.append({"_cls": "Detection", "label": item.name, "bounding_box": box, "role": role})
    return found
