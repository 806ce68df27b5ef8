"""Convert COCO segmentations (polygons, plain or compressed RLE) to masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reinforcesight.arrays import BoolArray
from reinforcesight.data_gen.sources.json_values import as_number, short


def mask_of_segmentation(segmentation: object, width: int, height: int) -> BoolArray:
    """Convert a COCO segmentation to a bool mask (H, W).

    Args:
        segmentation: List of polygons ``[x0, y0, x1, y1, ...]``, or ``{"size": [H, W], "counts": ...}`` with a list of
            run lengths or COCO's compressed string.
        width, height: Of the picture, pixels.

    Raises:
        ValueError: The segmentation has another format or another size than the picture, or is empty.
    """
    if isinstance(segmentation, dict):
        mask = _from_runs(segmentation, width, height)
    elif isinstance(segmentation, list):
        mask = _from_polygons(segmentation, width, height)
    else:
        raise ValueError(f"expected polygons or run lengths, got {type(segmentation).__name__}")
    if not mask.any():
        raise ValueError("the outline covers no pixel of the picture")
    return mask


def _from_polygons(polygons: Sequence[object], width: int, height: int) -> BoolArray:
    from pycocotools import mask as coco_mask

    rings: list[list[float]] = []
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError("expected polygons of at least three x, y pairs")
        for position, value in enumerate(polygon):
            limit = height if position % 2 else width
            # pycocotools allocates memory in proportion to the length of an edge: distant points would exhaust it.
            number = as_number(value)
            if number is None or not -limit <= number <= 2 * limit:
                raise ValueError(f"impossible polygon coordinate {short(value)}")
        rings.append([float(value) for value in polygon])
    if not rings:
        raise ValueError("the list of polygons is empty")
    runs = coco_mask.merge(coco_mask.frPyObjects(rings, height, width))
    mask: BoolArray = coco_mask.decode(runs).astype(bool)
    return mask


def _from_runs(runs: dict[str, object], width: int, height: int) -> BoolArray:
    if runs.get("size") != [height, width]:
        raise ValueError(f"run lengths of size {short(runs.get('size'))}, the picture has {[height, width]}")
    counts = runs.get("counts")
    if isinstance(counts, str):
        counts = _decompressed(counts)
    if not isinstance(counts, list) or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in counts):
        raise ValueError("expected run lengths that are whole numbers, zero or more")
    # pycocotools reads uninitialised memory if the runs are too short.
    if sum(counts) != width * height:
        raise ValueError(f"the run lengths do not add up to the picture's {width * height} pixels")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape((width, height)).T


def _decompressed(text: str) -> list[int]:
    """Decode COCO's run lengths: base 32, continuation bit; from the fourth, difference to the one two before."""
    counts: list[int] = []
    value = shift = 0
    for symbol in text:
        code = ord(symbol) - 48
        if not 0 <= code < 64 or shift > 40:
            raise ValueError("the compressed run lengths hold an impossible character")
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the compressed run lengths end in the middle of a number")
    return counts
