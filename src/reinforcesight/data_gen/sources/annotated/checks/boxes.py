"""Detect boxes that are not x, y, width, height in pixels: corners, fractions, percent, or another picture size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reinforcesight.data_gen.sources.annotated.checks.doubts import Doubt
from reinforcesight.data_gen.sources.json_values import as_number, as_numbers

XYWH = tuple[float, float, float, float]

# Annotators draw boxes a little over the border.
_TOLERANCE = 2.0  # pixels, and the share below of the side
_TOLERANCE_SHARE = 0.01
# Fewer boxes than this can have a form by chance.
_FEW_BOXES = 4


def numbered_boxes(annotations: Iterable[Mapping[str, object]]) -> Iterator[tuple[XYWH, Mapping[str, object]]]:
    """Return the boxes of four finite numbers with their annotations, without groups of objects."""
    for annotation in annotations:
        numbers = as_numbers(annotation.get("bbox"), 4)
        if numbers is not None and not annotation.get("iscrowd"):
            yield (numbers[0], numbers[1], numbers[2], numbers[3]), annotation


def fits(box: XYWH, size: tuple[float, float]) -> bool:
    """Return whether a box lies in a picture of this width and height, up to the usual inaccuracy of annotators."""
    x, y, width, height = box
    across, down = (max(_TOLERANCE, _TOLERANCE_SHARE * side) for side in size)
    return -across <= x and -down <= y and x + width <= size[0] + across and y + height <= size[1] + down


@dataclass(slots=True)
class _Counts:
    """Counts of pictures and boxes that are evidence for or against each box format."""

    pictures: int = 0
    boxes: int = 0
    shares: int = 0  # pictures whose boxes are all from 0 to 1
    percent: int = 0  # boxes from 0 to 100 in large pictures
    broken: int = 0  # boxes whose numbers are not whole
    ordered: int = 0  # boxes that would be corners in the picture
    leaving: int = 0  # boxes that leave the picture
    leaving_pictures: set[int] = field(default_factory=set)
    area_of_corners: int = 0
    area_of_sides: int = 0


def check_boxes(pictures: Sequence[tuple[tuple[float, float] | None, Sequence[Mapping[str, object]]]]) -> list[Doubt]:
    """Return warnings if the boxes are probably not x, y, width and height in pixels.

    ``pictures`` has width and height (``None``: unknown) and annotations of each picture.
    """
    counts = _Counts()
    for number, (size, entries) in enumerate(pictures):
        found = list(numbered_boxes(entries))
        if found and size is not None:
            counts.pictures += 1
            counts.shares += all(min(box) >= -0.01 and max(box) <= 1.01 for box, _ in found)
            for box, annotation in found:
                _count(counts, number, box, size, annotation)
    return [doubt for doubt in (_shares(counts), _corners(counts), _percent(counts), _size(counts)) if doubt][:1]


def _count(
    counts: _Counts, number: int, box: XYWH, size: tuple[float, float], annotation: Mapping[str, object]
) -> None:
    x, y, width, height = box
    counts.boxes += 1
    counts.percent += min(size) >= 200 and min(box) >= 0 and max(x + width, y + height) <= 100.5
    counts.broken += any(value % 1 for value in box)
    counts.ordered += width > x and height > y and fits((x, y, width - x, height - y), size)
    if not fits(box, size):
        counts.leaving += 1
        counts.leaving_pictures.add(number)
    area = as_number(annotation.get("area"))
    if area is not None and area > 0:
        by_corners = abs((width - x) * (height - y) - area) <= 0.02 * area
        by_sides = abs(width * height - area) <= 0.02 * area
        counts.area_of_corners += by_corners and not by_sides
        counts.area_of_sides += by_sides and not by_corners


def _shares(counts: _Counts) -> Doubt | None:
    if not counts.shares:
        return None
    what = f"boxes are from 0 to 1 in {counts.shares} of {counts.pictures} pictures: shares of the picture, not pixels"
    certain = counts.shares >= 0.9 * counts.pictures
    return Doubt("normalised_boxes", what, "multiply them by the picture's width and height", certain)


def _corners(counts: _Counts) -> Doubt | None:
    if counts.boxes < _FEW_BOXES or counts.ordered < 0.98 * counts.boxes or counts.area_of_sides > 0.05 * counts.boxes:
        return None
    by_area = counts.area_of_corners >= 0.5 * counts.boxes
    by_place = counts.leaving >= max(3, 0.2 * counts.boxes)
    if not by_area and not counts.leaving:
        return None
    what = (
        f"boxes look like two corners: in {counts.pictures} pictures the last two numbers are always beyond the first "
        f"two, and {counts.leaving} of {counts.boxes} boxes leave the picture if these are width and height"
    )
    return Doubt("corner_boxes", what, "write x, y, width, height (COCO's bbox)", by_area or by_place)


def _percent(counts: _Counts) -> Doubt | None:
    if counts.boxes < 10 or counts.percent < counts.boxes or counts.broken < 0.5 * counts.boxes:
        return None
    what = f"no box of {counts.pictures} pictures exceeds 100: percent of the picture, not pixels"
    return Doubt("percent_boxes", what, "multiply them by the picture's width and height / 100", counts.boxes >= 30)


def _size(counts: _Counts) -> Doubt | None:
    pictures = len(counts.leaving_pictures)
    if counts.leaving < 3 or counts.leaving < 0.2 * counts.boxes or pictures < 0.5 * counts.pictures:
        return None
    what = f"boxes leave {pictures} of {counts.pictures} pictures: they seem to be of another picture size"
    return Doubt("boxes_of_another_size", what, "scale the boxes to the size of the picture files", False)
