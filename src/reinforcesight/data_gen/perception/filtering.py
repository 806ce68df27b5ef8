"""Filter detections, and count a reason for each one that is dropped.

A duplicate can be dropped safely. But if another object that may be in the picture is dropped, its name is no longer
unique: "the chair" is ambiguous next to an uncertain chair. ``FilteredDetections.unseen`` holds such names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reinforcesight.arrays import BoolArray
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.geometry import Detection
from reinforcesight.data_gen.perception.protocols import GroundedBox, SegmentedMask
from reinforcesight.data_gen.source import Skipped
from reinforcesight.language.names import ambiguous_names
from reinforcesight.language.vocabulary import canonical_words
from reinforcesight.pictures.boxes import box_area, box_of, box_overlap, contained
from reinforcesight.pictures.drawing import Box

# Pointer positions while a phrase was spoken: (x, y) as fractions of the picture.
Trace = tuple[tuple[float, float], ...]
_TRACE_PADDING = 0.05  # tolerance around a box for pointer positions, as a fraction of the picture


@dataclass(frozen=True, slots=True)
class Query:
    """Noun phrase to search for in a picture, with one pointer trace per mention."""

    phrase: str
    category: str | None = None
    traces: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptDetection:
    """Detection that passed all filters so far."""

    name: str
    category: str | None
    box: Box
    score: float
    mask: BoolArray | None = None


@dataclass(slots=True)
class FilteredDetections:
    """Accepted and dropped detections, and names of objects that may be in the picture but were not accepted."""

    found: list[KeptDetection]
    skipped: list[Skipped]
    unseen: list[str]

    def drop(self, item: KeptDetection, reason: str, detail: str, *, in_picture: bool) -> None:
        """Drop a detection; ``in_picture``: its object may still be in the picture."""
        box = [round(v, 1) for v in item.box]
        self.skipped.append(Skipped(reason, f"{item.name!r} at {box}, score {item.score:.2f}: {detail}"))
        if in_picture:
            self.unseen.append(item.name)

    def detections(self) -> list[Detection]:
        return [
            Detection(id=number, name=item.name, box=item.box, mask=item.mask, category=item.category)
            for number, item in enumerate(self.found)
        ]


def filter_boxes(
    boxes: Sequence[GroundedBox], queries: Sequence[Query], *, width: int, height: int, rules: DetectionThresholds
) -> FilteredDetections:
    """Keep boxes with a sufficient score, one per object, best first; their phrases are indices into ``queries``."""
    filtered = FilteredDetections([], [], [])
    kept: list[tuple[KeptDetection, Query]] = []
    doubtful: list[KeptDetection] = []
    for number, raw in enumerate(sorted(boxes, key=lambda b: (-b.score, b.phrase, b.box))):
        query = queries[raw.phrase]
        box = _clipped(raw.box, width, height)
        item = KeptDetection(query.phrase, query.category, box or raw.box, raw.score)
        if np.isnan(raw.box).all():
            filtered.drop(item, "unreadable_answer", "the model's answer can't be read", in_picture=True)
        elif box is None:
            filtered.drop(item, "bad_box", "empty or outside the picture", in_picture=False)
        elif number >= rules.max_objects:
            filtered.drop(item, "too_many_boxes", f"beyond the best {rules.max_objects}", in_picture=True)
        elif box_area(box) > rules.fills_picture * width * height:
            filtered.drop(item, "fills_picture", "covers nearly the whole picture", in_picture=True)
        elif raw.score < rules.min_score:
            if raw.score >= rules.doubt_score:
                doubtful.append(item)
        else:
            kept.append((item, query))
    kept = _one_box_each(kept, filtered, rules)
    kept = _one_name_each(kept, filtered, rules)
    for item, query in kept:
        share = visited_share(item.box, query.traces, width=width, height=height)
        if share is not None and share < rules.min_trace_inside:
            detail = f"{share:.0%} of the phrase's trace is inside"
            filtered.drop(item, "trace_elsewhere", detail, in_picture=True)
        else:
            filtered.found.append(item)
    for item in doubtful:
        again = any(_same_thing(item, other, rules) for other, _ in kept)
        filtered.drop(item, "low_score", f"below {rules.min_score}", in_picture=not again)
    return filtered


def _same_thing(weak: KeptDetection, sure: KeptDetection, rules: DetectionThresholds) -> bool:
    """Return whether a low-score box covers the same object as an accepted box."""
    overlap = box_overlap(weak.box, sure.box)
    one_name = canonical_words(weak.name) == canonical_words(sure.name)
    sure_name = sure.score - weak.score >= rules.name_margin and overlap >= rules.other_name
    on_it = overlap >= 0.4 or contained(weak.box, sure.box) >= rules.nested
    return (one_name or sure_name) and on_it


def boxes_of_points(
    boxes: Sequence[GroundedBox],
    masks: Sequence[SegmentedMask],
    queries: Sequence[Query],
    rules: DetectionThresholds,
) -> tuple[list[GroundedBox], FilteredDetections]:
    """Replace the points among ``boxes`` by the boxes of their ``masks``, which are in the same order.

    Returns:
        Boxes only; and the points that were left out, because their mask is empty or has a low score.
    """
    made = iter(masks)
    kept: list[GroundedBox] = []
    filtered = FilteredDetections([], [], [])
    for raw in boxes:
        if raw.point is None:
            kept.append(raw)
            continue
        outline, query = next(made), queries[raw.phrase]
        item = KeptDetection(query.phrase, query.category, raw.box, raw.score)
        if not outline.mask.any():
            filtered.drop(item, "empty_mask", "the segmenter found nothing at the point", in_picture=True)
        elif outline.score < rules.min_mask_score:
            filtered.drop(item, "low_mask_score", f"expected quality {outline.score:.2f}", in_picture=True)
        else:
            kept.append(GroundedBox(raw.phrase, box_of(outline.mask), raw.score))
    return kept, filtered


def _one_box_each(
    kept: list[tuple[KeptDetection, Query]], filtered: FilteredDetections, rules: DetectionThresholds
) -> list[tuple[KeptDetection, Query]]:
    """Remove duplicates, parts and groups among boxes with the same name; ``kept`` is sorted best first."""
    result: list[tuple[KeptDetection, Query]] = []
    for item, query in kept:
        words = canonical_words(item.name)
        alike = [other for other, _ in result if canonical_words(other.name) == words]
        if any(box_overlap(item.box, other.box) >= rules.same_box for other in alike):
            filtered.drop(item, "duplicate_box", "another box is on the same thing", in_picture=False)
        elif any(contained(item.box, other.box) >= rules.nested for other in alike):
            filtered.drop(item, "nested_box", "inside or around a better box of its name", in_picture=False)
        else:
            result.append((item, query))
    return result


def _one_name_each(
    kept: list[tuple[KeptDetection, Query]], filtered: FilteredDetections, rules: DetectionThresholds
) -> list[tuple[KeptDetection, Query]]:
    """Keep one name per object, and remove objects whose best name has no clear lead over another name."""
    result: list[tuple[KeptDetection, Query]] = []
    unsure: list[KeptDetection] = []
    for item, query in kept:
        other = next((o for o, _ in result if box_overlap(item.box, o.box) >= rules.other_name), None)
        if other is None:
            result.append((item, query))
        elif other.score - item.score >= rules.name_margin or may_be_one_name(other.name, item.name):
            filtered.drop(item, "same_thing_other_name", f"better as {other.name!r}", in_picture=False)
        else:
            filtered.drop(item, "name_not_sure", f"almost the same score as {other.name!r}", in_picture=True)
            unsure.append(other)
    for item, _ in result:
        if item in unsure:
            filtered.drop(item, "name_not_sure", "almost the same score under another name", in_picture=True)
    return [pair for pair in result if pair[0] not in unsure]


def may_be_one_name(first: str, second: str) -> bool:
    """Return whether two names may mean the same object: equal, or one ends in the other ("red chair", "chair")."""
    short, long = sorted((canonical_words(first), canonical_words(second)), key=len)
    return bool(short) and long[-len(short) :] == short


def visited_share(box: Box, traces: Sequence[Trace], *, width: int, height: int) -> float | None:
    """Return the largest fraction of a trace's points inside a box with some padding; ``None`` without traces."""
    if not traces:
        return None
    x0, y0 = box[0] / width - _TRACE_PADDING, box[1] / height - _TRACE_PADDING
    x1, y1 = box[2] / width + _TRACE_PADDING, box[3] / height + _TRACE_PADDING
    return max(sum(x0 <= x <= x1 and y0 <= y <= y1 for x, y in trace) / len(trace) for trace in traces)


def confirm_boxes(
    filtered: FilteredDetections, second: Sequence[GroundedBox], queries: Sequence[Query], rules: DetectionThresholds
) -> FilteredDetections:
    """Keep the detections that a second detector confirms. Errors that both detectors make are not found.

    A detection is confirmed if the second detector's best box on the object (IoU of at least ``second_overlap``, or a
    point inside) has the same name. High-score boxes of the second detector that match no detection may be objects in
    the picture, so their names are no longer unique.
    """
    result = FilteredDetections([], list(filtered.skipped), list(filtered.unseen))
    seen = [item for item in second if item.score >= rules.doubt_score and not np.isnan(item.box).any()]
    explained: set[int] = set()
    for item in filtered.found:
        on_it = [n for n, other in enumerate(seen) if _same_place(item.box, other, rules.second_overlap)]
        explained.update(on_it)
        best = max(on_it, key=lambda n: seen[n].score, default=None)
        if best is None or seen[best].score < (rules.second_min_score or 0.0):
            result.drop(item, "not_seen_again", "the second detector finds nothing there", in_picture=True)
            continue
        other_name = queries[seen[best].phrase].phrase
        if may_be_one_name(item.name, other_name):
            result.found.append(item)
        else:
            result.drop(item, "named_otherwise", f"{other_name!r} by the second detector", in_picture=True)
            result.unseen.append(other_name)
    for number, other in enumerate(seen):
        if number not in explained and other.score >= (rules.second_min_score or rules.min_score):
            result.unseen.append(queries[other.phrase].phrase)
    # If the answer for a phrase is unreadable, its object may be anywhere.
    result.unseen.extend(queries[item.phrase].phrase for item in second if np.isnan(item.box).any())
    return result


def _same_place(box: Box, other: GroundedBox, least: float) -> bool:
    if other.point is not None:
        x, y = other.point
        return box[0] <= x <= box[2] and box[1] <= y <= box[3]
    return box_overlap(box, other.box) >= least


def filter_masks(
    filtered: FilteredDetections, masks: Sequence[SegmentedMask], rules: DetectionThresholds
) -> FilteredDetections:
    """Keep the detections whose mask has a sufficient score and agrees with the box, and add the mask."""
    result = FilteredDetections([], list(filtered.skipped), list(filtered.unseen))
    for item, made in zip(filtered.found, masks, strict=True):
        if not made.mask.any():
            result.drop(item, "empty_mask", "the segmenter found nothing", in_picture=True)
        elif made.score < rules.min_mask_score:
            result.drop(item, "low_mask_score", f"expected quality {made.score:.2f}", in_picture=True)
        elif (agreement := box_overlap(item.box, box_of(made.mask))) < rules.mask_box:
            detail = f"the outline's box overlaps by {agreement:.2f}"
            result.drop(item, "mask_box_disagree", detail, in_picture=True)
        elif (other := _same_outline(made.mask, result.found, rules.same_mask)) is not None:
            result.drop(item, "duplicate_mask", f"the outline of {other.name!r}", in_picture=False)
        else:
            result.found.append(replace(item, mask=made.mask))
    return result


def _same_outline(mask: BoolArray, found: Sequence[KeptDetection], least: float) -> KeptDetection | None:
    for other in found:
        assert other.mask is not None
        union = int((mask | other.mask).sum())
        if union and int((mask & other.mask).sum()) >= least * union:
            return other
    return None


def filter_names(filtered: FilteredDetections) -> FilteredDetections:
    """Drop objects whose name seems unique only because another object with that name was dropped."""
    result = FilteredDetections(list(filtered.found), list(filtered.skipped), list(filtered.unseen))
    while result.found and result.unseen:
        names = [item.name for item in result.found]
        alone = ambiguous_names(names)
        together = ambiguous_names([*names, *result.unseen])[: len(names)]
        doubtful = [now and not before for now, before in zip(together, alone, strict=True)]
        if not any(doubtful):
            break
        items, result.found = result.found, []
        for item, doubt in zip(items, doubtful, strict=True):
            if doubt:
                detail = "another thing that the name may mean was left out"
                result.drop(item, "name_shared_with_skipped", detail, in_picture=True)
            else:
                result.found.append(item)
    return result


def _clipped(box: Box, width: int, height: int) -> Box | None:
    """Clip a box to the picture, rounded to 0.001 pixel; return ``None`` if less than a pixel remains."""
    if not all(np.isfinite(box)):
        return None
    # Floats only: an int would give another cache key than the same number after reading.
    x0, y0 = round(max(float(box[0]), 0.0), 3), round(max(float(box[1]), 0.0), 3)
    x1, y1 = round(min(float(box[2]), float(width)), 3), round(min(float(box[3]), float(height)), 3)
    return (x0, y0, x1, y1) if x1 - x0 >= 1 and y1 - y0 >= 1 else None
