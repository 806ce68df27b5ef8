"""Which detections are trusted. Everything else is left out with a reason that is counted.

Two kinds of loss are told apart: a duplicate takes nothing away, but a thing that may be in the picture and was left
out takes the uniqueness from its name ("the chair" is not clear beside a chair that was hardly seen).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reinforcesight.arrays import BoolArray, Float32Array
from reinforcesight.data_gen.perception.config import GateRules
from reinforcesight.data_gen.perception.outlines import box_of, box_overlap
from reinforcesight.data_gen.perception.protocols import Box, GroundedBox, SegmentedMask
from reinforcesight.data_gen.source import Skipped
from reinforcesight.language.names import ambiguous_names
from reinforcesight.language.vocabulary import canonical_words

FLAT_DEPTH = 1.02  # farthest over nearest depth of a picture, below which the model has seen nothing


@dataclass(frozen=True, slots=True)
class TraceEvidence:
    """Where a pointer was while a phrase was spoken.

    Attributes:
        points: x, y as shares of the picture, (N, 2), inside it.
        box: Central box of the points, shares of the picture, widened a little.
        centre: Their median.
    """

    points: tuple[tuple[float, float], ...]
    box: Box
    centre: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Query:
    """A noun phrase that is looked for in a picture.

    Attributes:
        phrase: What the detector is asked, such as "white cup".
        category: Bare noun.
        traces: Where the speaker pointed, one entry a mention; empty where nobody did.
    """

    phrase: str
    category: str | None = None
    traces: tuple[TraceEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A detection that passed so far."""

    name: str
    category: str | None
    box: Box
    score: float
    mask: BoolArray | None = None


@dataclass(slots=True)
class Gated:
    """What passed, what did not, and the names of things that may be there all the same."""

    found: list[Found]
    skipped: list[Skipped]
    unseen: list[str]

    def drop(self, item: Found, reason: str, detail: str, *, in_picture: bool) -> None:
        """Leave a detection out."""
        box = [round(v, 1) for v in item.box]
        self.skipped.append(Skipped(reason, f"{item.name!r} at {box}, score {item.score:.2f}: {detail}"))
        if in_picture:
            self.unseen.append(item.name)


def gate_boxes(
    boxes: Sequence[GroundedBox], queries: Sequence[Query], *, width: int, height: int, rules: GateRules
) -> Gated:
    """Boxes that are sure enough, one a thing, best first.

    Args:
        boxes: From the detector, any order.
        queries: What was asked; ``GroundedBox.phrase`` counts in it.
        width: Picture width, pixels.
        height: Picture height, pixels.
        rules: Thresholds.
    """
    gated = Gated([], [], [])
    kept: list[tuple[Found, Query]] = []
    doubtful: list[Found] = []
    for number, raw in enumerate(sorted(boxes, key=lambda b: (-b.score, b.phrase, b.box))):
        query = queries[raw.phrase]
        box = _clipped(raw.box, width, height)
        item = Found(query.phrase, query.category, box or raw.box, raw.score)
        if all(map(math.isnan, raw.box)):
            gated.drop(item, "unreadable_answer", "what the model said can't be read", in_picture=True)
        elif box is None:
            gated.drop(item, "bad_box", "empty or outside the picture", in_picture=False)
        elif number >= rules.max_objects:
            gated.drop(item, "too_many_boxes", f"beyond the best {rules.max_objects}", in_picture=True)
        elif _area(box) > rules.fills_picture * width * height:
            gated.drop(item, "fills_picture", "covers nearly the whole picture", in_picture=True)
        elif raw.score < rules.min_score:
            if raw.score >= rules.doubt_score:
                doubtful.append(item)
        else:
            kept.append((item, query))
    kept = _one_box_a_thing(kept, gated, rules)
    kept = _one_name_a_thing(kept, gated, rules)
    for item, query in kept:
        share = visited_share(item.box, query.traces, width=width, height=height)
        if share is not None and share < rules.min_visited:
            detail = f"{share:.0%} of the phrase's trace is inside"
            gated.drop(item, "trace_elsewhere", detail, in_picture=True)
        else:
            gated.found.append(item)
    for item in doubtful:
        # A weak second box on a thing that is there already says nothing new.
        again = any(
            (
                canonical_words(item.name) == canonical_words(other.name)
                or (
                    other.score - item.score >= rules.name_margin
                    and box_overlap(item.box, other.box) >= rules.other_name
                )
            )
            and (box_overlap(item.box, other.box) >= 0.4 or contained(item.box, other.box) >= rules.nested)
            for other, _ in kept
        )
        gated.drop(item, "low_score", f"below {rules.min_score}", in_picture=not again)
    return gated


def boxes_of_points(
    boxes: Sequence[GroundedBox],
    masks: Sequence[SegmentedMask],
    queries: Sequence[Query],
    rules: GateRules,
) -> tuple[list[GroundedBox], Gated]:
    """Boxes in place of points, around the outlines that the segmenter found for them.

    Args:
        boxes: Boxes and points of a picture.
        masks: One for each point among them, in order.
        queries: What was asked.
        rules: Thresholds.

    Returns:
        Boxes alone, and the points that were left out: no outline, or not a sure one.
    """
    made = iter(masks)
    kept: list[GroundedBox] = []
    gated = Gated([], [], [])
    for raw in boxes:
        if raw.point is None:
            kept.append(raw)
            continue
        outline, query = next(made), queries[raw.phrase]
        item = Found(query.phrase, query.category, raw.box, raw.score)
        if not outline.mask.any():
            gated.drop(item, "empty_mask", "the segmenter found nothing at the point", in_picture=True)
        elif outline.score < rules.min_mask_score:
            gated.drop(item, "low_mask_score", f"expected quality {outline.score:.2f}", in_picture=True)
        else:
            x0, y0, x1, y1 = box_of(outline.mask)
            kept.append(GroundedBox(raw.phrase, (float(x0), float(y0), float(x1), float(y1)), raw.score))
    return kept, gated


def _one_box_a_thing(
    kept: list[tuple[Found, Query]], gated: Gated, rules: GateRules
) -> list[tuple[Found, Query]]:
    """Duplicates, parts and groups among boxes of one name; the best of each stays. ``kept``: best first."""
    result: list[tuple[Found, Query]] = []
    for item, query in kept:
        words = canonical_words(item.name)
        alike = [other for other, _ in result if canonical_words(other.name) == words]
        if any(box_overlap(item.box, other.box) >= rules.same_box for other in alike):
            gated.drop(item, "duplicate_box", "another box is on the same thing", in_picture=False)
        elif any(contained(item.box, other.box) >= rules.nested for other in alike):
            gated.drop(item, "nested_box", "inside, or around, a surer box of its name", in_picture=False)
        else:
            result.append((item, query))
    return result


def _one_name_a_thing(
    kept: list[tuple[Found, Query]], gated: Gated, rules: GateRules
) -> list[tuple[Found, Query]]:
    result: list[tuple[Found, Query]] = []
    unsure: list[Found] = []  # things whose first name does not lead clearly over their second
    for item, query in kept:
        other = next((o for o, _ in result if box_overlap(item.box, o.box) >= rules.other_name), None)
        if other is None:
            result.append((item, query))
        elif other.score - item.score >= rules.name_margin or may_be_one_name(other.name, item.name):
            # Not in_picture: it is there, under its surer name.
            gated.drop(item, "same_thing_other_name", f"surer as {other.name!r}", in_picture=False)
        else:
            gated.drop(item, "name_not_sure", f"nearly as sure as {other.name!r}", in_picture=True)
            unsure.append(other)
    for item, _ in result:
        if item in unsure:
            gated.drop(item, "name_not_sure", "nearly as sure under another name", in_picture=True)
    return [pair for pair in result if pair[0] not in unsure]


def may_be_one_name(first: str, second: str) -> bool:
    """Whether two names may be of one thing: the same words, or one with more before them ("red chair", "chair")."""
    short, long = sorted((canonical_words(first), canonical_words(second)), key=len)
    return bool(short) and long[-len(short) :] == short


def visited_share(
    box: Box, traces: Sequence[TraceEvidence], *, width: int, height: int, padding: float = 0.05
) -> float | None:
    """Largest share of a mention's trace points in a box, padded by a share of the picture; ``None`` without traces."""
    if not traces:
        return None
    x0, y0 = box[0] / width - padding, box[1] / height - padding
    x1, y1 = box[2] / width + padding, box[3] / height + padding
    return max(
        sum(x0 <= x <= x1 and y0 <= y <= y1 for x, y in trace.points) / len(trace.points) for trace in traces
    )


def gate_masks(gated: Gated, masks: Sequence[SegmentedMask], rules: GateRules) -> Gated:
    """Detections whose outline is sure and agrees with its box, each with its mask."""
    result = Gated([], list(gated.skipped), list(gated.unseen))
    for item, made in zip(gated.found, masks, strict=True):
        if not made.mask.any():
            result.drop(item, "empty_mask", "the segmenter found nothing", in_picture=True)
        elif made.score < rules.min_mask_score:
            result.drop(item, "low_mask_score", f"expected quality {made.score:.2f}", in_picture=True)
        elif (agreement := box_overlap(item.box, box_of(made.mask))) < rules.mask_box:
            result.drop(
                item, "mask_box_disagree", f"the outline's box overlaps by {agreement:.2f}", in_picture=True
            )
        elif (other := _same_outline(made.mask, result.found, rules.same_mask)) is not None:
            result.drop(item, "duplicate_mask", f"the outline of {other.name!r}", in_picture=False)
        else:
            result.found.append(replace(item, mask=made.mask))
    return result


def _same_outline(mask: BoolArray, found: Sequence[Found], least: float) -> Found | None:
    for other in found:
        assert other.mask is not None
        union = int((mask | other.mask).sum())
        if union and int((mask & other.mask).sum()) >= least * union:
            return other
    return None


def gate_names(gated: Gated) -> Gated:
    """Without things whose name only seems unique, because a namesake was left out."""
    result = Gated(list(gated.found), list(gated.skipped), list(gated.unseen))
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


def depth_fault(
    values: Float32Array, kind: Literal["metric", "scale", "inverse"], rules: GateRules
) -> Skipped | None:
    """Why a depth map can't be used, or ``None``."""
    finite = np.isfinite(values)
    valid = finite if kind == "inverse" else finite & (values > 0)
    share = float(valid.mean()) if valid.size else 0.0
    if share < rules.min_valid_depth:
        return Skipped("invalid_depth", f"{share:.0%} of the picture has depth")
    low, high = (float(v) for v in np.percentile(values[valid], (2, 98)))
    flat = high - low <= 1e-3 * max(abs(high), abs(low)) if kind == "inverse" else high / low < FLAT_DEPTH
    return Skipped("flat_depth", f"all depth between {low:.4g} and {high:.4g}") if flat else None


def _clipped(box: Box, width: int, height: int) -> Box | None:
    """The part of a box inside the picture, to a thousandth of a pixel; ``None`` where less than a pixel is left."""
    if not all(np.isfinite(box)):
        return None
    # As floats: a whole number would make another key of what is stored than the same number read back.
    x0, y0 = round(max(float(box[0]), 0.0), 3), round(max(float(box[1]), 0.0), 3)
    x1, y1 = round(min(float(box[2]), float(width)), 3), round(min(float(box[3]), float(height)), 3)
    return (x0, y0, x1, y1) if x1 - x0 >= 1 and y1 - y0 >= 1 else None


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(first: Box, second: Box) -> float:
    wide = min(first[2], second[2]) - max(first[0], second[0])
    high = min(first[3], second[3]) - max(first[1], second[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def contained(first: Box, second: Box) -> float:
    """Share of the smaller box inside the other."""
    return _shared(first, second) / min(_area(first), _area(second))
