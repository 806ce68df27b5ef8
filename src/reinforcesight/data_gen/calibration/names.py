"""Measure how often a detector's class names are wrong, by its score, on pictures with labelled boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reinforcesight.data_gen.calibration.bounds import steps_of
from reinforcesight.data_gen.calibration.record import AxisRecord
from reinforcesight.data_gen.perception.filtering import may_be_one_name
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.errors import InputError
from reinforcesight.jobs.files import json_value
from reinforcesight.pictures.boxes import box_overlap

_OVERLAP = 0.5


def names_record(source: AnnotatedSource, detections: Path, *, confidence: float) -> AxisRecord:
    """Compare the stored detections of one detector with labelled boxes.

    A detection is right if its IoU with a box of the same name is at least 0.5, and wrong if only boxes of other names
    reach that. Other detections are not counted, since not every object is annotated.

    Args:
        source: Pictures with labelled boxes.
        detections: COCO results JSON, a list with ``image_id``, ``category_id`` or ``category_name``, ``bbox`` and
            ``score``.

    Raises:
        InputError: The file can't be read, has another format, or no detection lies on an annotated box.
    """
    names, ids = _names_and_ids(source.annotation_file)
    by_image: dict[str, list[tuple[str, tuple[float, ...], float]]] = {}
    for entry in _entries(detections):
        try:
            name = entry.get("category_name") or names[entry["category_id"]]
            x, y, w, h = (float(v) for v in entry["bbox"])
            found = (str(name), (x, y, x + w, y + h), float(entry["score"]))
            by_image.setdefault(str(entry["image_id"]), []).append(found)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"not a detection: {json.dumps(entry)[:120]} ({type(error).__name__}: {error})",
                where=str(detections),
                fix="give COCO results: image_id, category_id of the annotation file or category_name, bbox, score",
            ) from error
    scores, wrong, pictures, undecided = [], [], [], 0
    for index in range(source.count()):
        try:
            picture = source.read(index)
        except PictureRejected:
            continue
        for name, box, score in by_image.get(ids.get(picture.source_id, ""), ()):
            here = [item.name for item in picture.detections if box_overlap(box, item.box) >= _OVERLAP]
            if not here:
                undecided += 1
                continue
            scores.append(score)
            wrong.append(not any(may_be_one_name(name, other) for other in here))
            pictures.append(picture.source_id)
    if not scores:
        raise InputError(
            "no detection lies on an annotated box of the same picture",
            where=str(detections),
            fix="give detections of the pictures in --names, with their image ids",
        )
    steps = steps_of(scores, wrong, np.array(pictures), confidence=confidence)
    return AxisRecord(claims=len(scores), wrong=sum(wrong), undecided=undecided, steps=tuple(steps))


def _entries(path: Path) -> list[Mapping[str, Any]]:
    try:
        content = json_value(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"the detections can't be read: {error}", where=str(path)) from error
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise InputError(
            "expected a JSON list of detections", where=str(path), fix="give COCO results, one entry a detection"
        )
    return content


def _names_and_ids(annotations: Path) -> tuple[dict[Any, str], dict[str, str]]:
    """Return category names by id, and image ids by file name."""
    content = json_value(annotations.read_bytes())
    names = {category["id"]: category["name"] for category in content.get("categories", ())}
    return names, {image["file_name"]: str(image["id"]) for image in content["images"]}
