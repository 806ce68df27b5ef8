"""A second model's opinion: what two models of other making and training see alike is trusted, the rest is left out.

Geometry can't see that two things have exchanged their names, nor that a sure box is on nothing. A second detector
errs elsewhere; a second depth model bends other parts of a picture. Mistakes that both make stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray
from reinforcesight.data_gen.perception.config import GateRules
from reinforcesight.data_gen.perception.gates import Gated, Query, may_be_one_name
from reinforcesight.data_gen.perception.outlines import box_overlap
from reinforcesight.data_gen.perception.protocols import Box, DepthKind, GroundedBox
from reinforcesight.data_gen.source import Skipped

_FIT_ROUNDS = 4
_LEAST_FIT = 64  # pixels read by both


def confirm_boxes(
    gated: Gated, second: Sequence[GroundedBox], queries: Sequence[Query], rules: GateRules
) -> Gated:
    """Detections that a second detector makes too, under the same name.

    A detection is confirmed where the second detector's surest box on that thing (overlap of at least
    ``second_look``, or a point inside) has its name. Sure boxes of the second detector that the first one has not are
    things that may be there: their names are no longer unique.

    Args:
        gated: What passed so far.
        second: The second detector's boxes or points for the same queries.
        queries: What both were asked.
        rules: Thresholds.
    """
    result = Gated([], list(gated.skipped), list(gated.unseen))
    seen = [item for item in second if item.score >= rules.doubt_score and not np.isnan(item.box).any()]
    explained: set[int] = set()
    for item in gated.found:
        on_it = [n for n, other in enumerate(seen) if _same_place(item.box, other, rules.second_look)]
        explained.update(on_it)
        surest = max(on_it, key=lambda n: seen[n].score, default=None)
        if surest is None:
            result.drop(item, "not_seen_again", "a second detector has nothing there", in_picture=True)
        elif not may_be_one_name(item.name, queries[seen[surest].phrase].phrase):
            other_name = queries[seen[surest].phrase].phrase
            result.drop(item, "named_otherwise", f"{other_name!r} to a second detector", in_picture=True)
            result.unseen.append(other_name)
        else:
            result.found.append(item)
    for number, other in enumerate(seen):
        if number not in explained and other.score >= rules.min_score:
            result.unseen.append(queries[other.phrase].phrase)
    # What could not be read may be anywhere.
    result.unseen.extend(queries[item.phrase].phrase for item in second if np.isnan(item.box).any())
    return result


def _same_place(box: Box, other: GroundedBox, least: float) -> bool:
    if other.point is not None:
        x, y = other.point
        return box[0] <= x <= box[2] and box[1] <= y <= box[3]
    return box_overlap(box, other.box) >= least


def agreeing_depth(
    first: Float32Array, first_kind: DepthKind, second: Float32Array, second_kind: DepthKind, rules: GateRules
) -> tuple[BoolArray | None, Skipped | None]:
    """Where two depth maps of one picture agree, bool (H, W), or why they don't.

    The second is brought to the first by the scale, or scale and shift of inverse depth, that most pixels agree on
    (least squares, repeated on the better half). Two depths then agree where their ratio is within
    ``depth_agreement``; inverse depths, whose ratios mean nothing, where they differ by less than that share of the
    picture's range.

    Args:
        first: (H, W), zero, negative or not finite where there is no reading (see ``DepthPrediction`` for "inverse").
        first_kind: What its values are.
        second: The other map, of the same shape.
        second_kind: What its values are.
        rules: Thresholds.
    """
    both = _read(first, first_kind) & _read(second, second_kind)
    if int(both.sum()) < _LEAST_FIT:
        return None, Skipped("depth_models_disagree", "hardly a pixel has both depths")
    agree = np.zeros(first.shape, dtype=bool)
    if "inverse" in (first_kind, second_kind):
        target, given = _closeness(first, first_kind)[both], _closeness(second, second_kind)[both]
        low, high = np.percentile(target, (2, 98))
        slope, offset = _robust_line(given, target)
        if slope <= 0 or high <= low:
            return None, Skipped("depth_models_disagree", "what is near in one is far in the other")
        agree[both] = np.abs(slope * given + offset - target) <= rules.depth_agreement * (high - low)
    else:
        ratio = np.log(first[both].astype(np.float64)) - np.log(second[both].astype(np.float64))
        agree[both] = np.abs(ratio - np.median(ratio)) <= np.log1p(rules.depth_agreement)
    share = float(agree.sum() / both.sum())
    if share < rules.min_valid_depth:
        return None, Skipped("depth_models_disagree", f"they agree on {share:.0%} of the picture")
    return agree, None


def _read(values: Float32Array, kind: DepthKind) -> BoolArray:
    finite = np.isfinite(values)
    return finite if kind == "inverse" else finite & (values > 0)


def _closeness(values: Float32Array, kind: DepthKind) -> FloatArray:
    """Inverse depth up to a scale (and, for relative maps, a shift)."""
    if kind == "inverse":
        return values.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 / values.astype(np.float64)


def _robust_line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and offset of y over x, fitted again and again to the half that lies nearest."""
    chosen = np.ones(x.size, dtype=bool)
    slope, offset = 0.0, float(np.median(y))
    for _ in range(_FIT_ROUNDS):
        deviation = x[chosen] - x[chosen].mean()
        spread = float(deviation @ deviation)
        if spread <= 0:
            break
        slope = float(deviation @ y[chosen]) / spread
        offset = float(y[chosen].mean() - slope * x[chosen].mean())
        distance = np.abs(slope * x + offset - y)
        chosen = distance <= np.median(distance)
    return slope, offset
