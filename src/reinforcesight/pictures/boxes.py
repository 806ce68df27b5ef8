"""Boxes of masks, and areas and overlaps of boxes. Boxes are xyxy, in pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reinforcesight.arrays import BoolArray


def box_of(mask: BoolArray) -> tuple[float, float, float, float]:
    """Return the tightest box around a mask, xyxy half-open."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def box_area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def shared_area(first: Sequence[float], second: Sequence[float]) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return width * height if width > 0 and height > 0 else 0.0


def box_overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the intersection over union (IoU) of two boxes."""
    shared = shared_area(first, second)
    return shared / (box_area(first) + box_area(second) - shared) if shared else 0.0


def contained(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the fraction of the smaller box that lies inside the other box."""
    return shared_area(first, second) / min(box_area(first), box_area(second))
