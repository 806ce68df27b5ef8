"""Compute the margins of relations on arrays of P pairs, and the first reason why a pair gets no relation.

Code arrays have shape (P,); a code below ``HOLDS`` is an index into ``REASONS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reinforcesight.arrays import BoolArray, FloatArray, IntArray
from reinforcesight.language.names import ambiguous_names
from reinforcesight.relations.kinds import Axis, Reason, RelationRules
from reinforcesight.scene import Scene

REASONS = tuple(Reason)
CODE = {reason: index for index, reason in enumerate(REASONS)}
HOLDS = len(REASONS)


@dataclass(frozen=True, slots=True)
class ObjectTable:
    """Columns of a scene's N objects as arrays; unknown values are NaN."""

    box: FloatArray  # (N, 4) pixels
    size: FloatArray  # (2,) picture width, height
    depth: FloatArray  # (N,)
    spread: FloatArray
    near: FloatArray
    far: FloatArray
    thickness: FloatArray
    valid: FloatArray
    visible: FloatArray
    centre: FloatArray  # (N, 3)
    surface: FloatArray  # (N, N)
    truncated: BoolArray
    masked: BoolArray
    merged: BoolArray  # the outline may be that of two things
    ambiguous: BoolArray
    views: FloatArray  # (N, V) depth in each view of the picture; view 0 is the picture itself
    shared: BoolArray  # the depth may belong to another object
    part_of: IntArray  # (N,) index of the object that this one is a part of; -1: none
    over: BoolArray  # (N, N) row: covers part of the column's object, or stands or lies on it

    @property
    def unseen_thickness(self) -> FloatArray:
        """Return the possible error of each object's centre, (N,); the less of an object is visible, the larger."""
        shown = np.where(np.isnan(self.visible), 1.0, np.clip(self.visible, 0.1, 1.0))
        return self.thickness / shown

    @staticmethod
    def of(scene: Scene) -> ObjectTable:
        items = scene.objects
        count = len(items)

        def column(name: str) -> FloatArray:
            values = [getattr(item, name) for item in items]
            return np.array([np.nan if v is None else v for v in values], dtype=np.float64)

        position = {item.id: index for index, item in enumerate(items)}
        surface = np.full((count, count), np.nan)
        if scene.surface_distances is not None:
            rows = [[np.nan if v is None else v for v in row] for row in scene.surface_distances]
            surface = np.array(rows, dtype=np.float64).reshape(count, count)
        over = np.zeros((count, count), dtype=bool)
        for contact in scene.contacts:
            over[position[contact.subject], position[contact.reference]] = True
        missing = (np.nan, np.nan, np.nan)
        return ObjectTable(
            box=np.array([item.box for item in items], dtype=np.float64).reshape(count, 4),
            size=np.array([scene.width, scene.height], dtype=np.float64),
            depth=column("depth"),
            spread=np.nan_to_num(column("depth_spread"), nan=0.0),
            near=column("depth_near"),
            far=column("depth_far"),
            thickness=np.nan_to_num(column("thickness"), nan=0.0),
            valid=column("valid_depth_fraction"),
            visible=column("visible_fraction"),
            centre=np.array([item.centre or missing for item in items], dtype=np.float64).reshape(count, 3),
            surface=surface,
            truncated=np.array([item.truncated for item in items], dtype=bool),
            masked=np.array([item.masked for item in items], dtype=bool),
            merged=np.array([item.merged for item in items], dtype=bool),
            ambiguous=np.array(ambiguous_names([item.name for item in items]), dtype=bool),
            views=_views_of(scene),
            shared=np.array([item.depth_shared_with is not None for item in items], dtype=bool),
            part_of=np.array(
                [position.get(item.part_of, -1) if item.part_of is not None else -1 for item in items],
                dtype=np.int64,
            ),
            over=over,
        )


def _views_of(scene: Scene) -> FloatArray:
    count = max((len(item.depth_views) for item in scene.objects), default=0)
    rows = [
        [np.nan if item.depth is None else item.depth, *(item.depth_views or [np.nan] * count)]
        for item in scene.objects
    ]
    return np.array(rows, dtype=np.float64).reshape(len(scene.objects), count + 1)


def _give(codes: IntArray, reason: Reason, applies: BoolArray) -> None:
    """Set a reason for each pair in ``applies`` that has no reason yet."""
    codes[applies & (codes == HOLDS)] = CODE[reason]


def common_reasons(
    codes: IntArray, t: ObjectTable, involved: Sequence[IntArray], rules: RelationRules, *, marked: bool
) -> None:
    """Set the reasons that apply to all axes: same object, ambiguous name, tiny, part of the other, occluded."""
    same = np.zeros(len(codes), dtype=bool)
    part = np.zeros(len(codes), dtype=bool)
    for first, second in combinations(involved, 2):
        same |= first == second
        part |= (t.part_of[first] == second) | (t.part_of[second] == first)
    _give(codes, Reason.SAME_OBJECT, same)
    side = t.box[:, 2:] - t.box[:, :2]
    tiny = (side.min(axis=1, initial=np.inf) < rules.min_side * t.size.min()) | (
        side.prod(axis=1) < rules.min_area * t.size.prod()
    )
    hidden = t.visible < rules.min_visible
    if not marked:
        _give(codes, Reason.AMBIGUOUS_NAME, _any(t.ambiguous, involved))
    _give(codes, Reason.TINY, _any(tiny, involved))
    _give(codes, Reason.PART_OF_OTHER, part)
    _give(codes, Reason.MERGED_OUTLINE, _any(t.merged, involved))
    _give(codes, Reason.OCCLUDED, _any(hidden, involved))


def _any(flags: BoolArray, involved: Sequence[IntArray]) -> BoolArray:
    found = flags[involved[0]]
    for index in involved[1:]:
        found = found | flags[index]
    return found


def _contained(t: ObjectTable, i: IntArray, j: IntArray) -> FloatArray:
    """Return the fraction of the smaller box that lies inside the other box, (P,)."""
    low = np.maximum(t.box[i, :2], t.box[j, :2])
    high = np.minimum(t.box[i, 2:], t.box[j, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=1)
    area = (t.box[:, 2:] - t.box[:, :2]).prod(axis=1)
    share: FloatArray = shared / np.minimum(area[i], area[j])
    return share


def _one_thing(t: ObjectTable, i: IntArray, j: IntArray, rules: RelationRules) -> BoolArray:
    """Return whether one object may be a part of the other, bool (P,): its box and depth lie within the other's.

    For example a plant and its pot, or a sink and its counter. Without masks it is unknown whose depth was read.
    """
    # The far and near surfaces, where they are unknown, by the spread.
    far = np.where(np.isnan(t.far), t.depth + t.spread, t.far)
    near = np.where(np.isnan(t.near), t.depth - t.spread, t.near)
    with np.errstate(invalid="ignore"):
        apart = (far[i] < near[j]) | (far[j] < near[i])
    return (_contained(t, i, j) >= rules.contained) & ~(apart & t.masked[i] & t.masked[j])


def _unclear_boxes(t: ObjectTable, i: IntArray, j: IntArray, rules: RelationRules) -> BoolArray:
    """Return whether boxes without masks overlap, so that the depth of one may be that of the other, bool (P,)."""
    return ~(t.masked[i] & t.masked[j]) & (_contained(t, i, j) > rules.boxed_overlap)


_Comparison = tuple[FloatArray, FloatArray, dict[str, FloatArray]]


def compare_in_picture(
    codes: IntArray, t: ObjectTable, i: IntArray, j: IntArray, axis: Axis, rules: RelationRules
) -> _Comparison:
    """Return the signed shift in pixels (negative: the subject is left of or above the reference), margin, evidence.

    Evidence: both box centres as fractions of the picture side, and the overlap along the axis divided by the shorter
    box side.
    """
    d = 0 if axis is Axis.HORIZONTAL else 1
    low_i, high_i, low_j, high_j = t.box[i, d], t.box[i, d + 2], t.box[j, d], t.box[j, d + 2]
    side_i, side_j = high_i - low_i, high_j - low_j
    shift = (low_i + high_i - low_j - high_j) / 2.0
    margin = np.abs(shift) / ((side_i + side_j) / 2.0)
    overlap = (np.minimum(high_i, high_j) - np.maximum(low_i, low_j)) / np.minimum(side_i, side_j)
    # An object that the border cuts continues outside, away from the other object: harmless. An object that the source
    # marks as truncated but that does not touch the border may continue in any direction.
    limit, border = t.size[d], 0.004 * t.size
    touches = (t.box[:, :2] <= border).any(axis=1) | (t.box[:, 2:] >= t.size - border).any(axis=1)
    unclear = t.truncated & ~touches
    _give(codes, Reason.PART_OF_OTHER, _contained(t, i, j) >= rules.contained)
    _give(codes, Reason.OVERLAP, overlap > rules.picture_overlap)
    _give(codes, Reason.NEAR_TIE, (margin < rules.picture_gap) | (np.abs(shift) < rules.picture_shift * limit))
    # The hidden part of an object may lie on any side of its visible part.
    unseen = np.where(np.isnan(t.visible), 0.0, 1.0 / np.clip(t.visible, 1e-3, 1.0) - 1.0) / 2.0
    hidden = side_i * unseen[i] + side_j * unseen[j]
    _give(codes, Reason.OCCLUDED, np.abs(shift) <= hidden)
    _give(codes, Reason.TRUNCATED, unclear[i] | unclear[j])
    evidence = {
        "subject": (low_i + high_i) / (2.0 * limit),
        "reference": (low_j + high_j) / (2.0 * limit),
        "overlap": np.clip(overlap, 0.0, 1.0),
    }
    return shift, margin, evidence


def _depth_reasons(
    codes: IntArray, t: ObjectTable, involved: Sequence[IntArray], rules: RelationRules, *, position: bool
) -> None:
    if position:
        _give(codes, Reason.NO_POSITION, _any(np.isnan(t.centre[:, 2]), involved))
    else:
        _give(codes, Reason.NO_DEPTH, _any(np.isnan(t.depth), involved))
    _give(codes, Reason.OVERLAP, _any(t.shared, involved))
    _give(codes, Reason.TOO_LITTLE_VALID_DEPTH, _any(t.valid < rules.min_valid_depth, involved))
    widest = np.where(t.masked, rules.max_depth_spread, rules.boxed_depth_spread)
    _give(codes, Reason.DEPTH_SPREAD_TOO_WIDE, _any(t.spread > widest * t.depth, involved))


def compare_depth(codes: IntArray, t: ObjectTable, i: IntArray, j: IntArray, rules: RelationRules) -> _Comparison:
    """Return the signed gap (negative: the subject is nearer to the camera), margin and evidence, in depth units."""
    _depth_reasons(codes, t, (i, j), rules, position=False)
    with np.errstate(invalid="ignore"):
        gap = t.depth[i] - t.depth[j]
        nearer, farther = np.minimum(t.depth[i], t.depth[j]), np.maximum(t.depth[i], t.depth[j])
        margin = 1.0 - nearer / farther
        joint = np.hypot(t.spread[i], t.spread[j])
        # If the farther object is truncated, its hidden part may be nearer. If the nearer one is truncated, it stays
        # nearer, but its visible part says less about its centre.
        farther_cut = np.where(gap > 0, t.truncated[i], t.truncated[j])
        cut = np.where(farther_cut, rules.truncated_factor, 1.0)
        unseen = t.unseen_thickness
        # The nearer object must not reach back to the farther one: neither its visible surface (95th percentile of
        # depth; if unknown, 1.65 spreads, as for a normal distribution) nor its hidden thickness.
        seen_back = np.where(np.isnan(t.far), 1.65 * t.spread, t.far - t.depth)
        back = np.maximum(unseen, seen_back) * np.where(t.truncated, rules.truncated_factor, 1.0)
        reach = np.where(gap < 0, back[i], back[j])
        boxed = ~(t.masked[i] & t.masked[j])
        least = rules.depth_gap * np.where(boxed, rules.boxed_factor, 1.0)
        _give(codes, Reason.PART_OF_OTHER, _one_thing(t, i, j, rules))
        _give(codes, Reason.OVERLAP, _unclear_boxes(t, i, j, rules))
        _give(codes, Reason.NEAR_TIE, (margin < least) | (np.abs(gap) < rules.depth_spreads * joint))
        _give(codes, Reason.TRUNCATED, margin < least * cut)
        known_near = ~np.isnan(t.near[i]) & ~np.isnan(t.near[j])
        against_near = known_near & ((t.near[i] - t.near[j]) * gap <= 0)
        length = np.linalg.norm(t.centre, axis=1)
        known_ray = ~np.isnan(length[i]) & ~np.isnan(length[j])
        # z and the distance from the camera differ for things at the side: a claim must hold for both.
        by_ray = np.sign(gap) * (length[i] - length[j]) / np.maximum(length[i], length[j])
        against_ray = known_ray & (by_ray < rules.ray_gap)
        # What covers part of the nearer object, or stands on it, is not behind the whole of it: the far end of a desk.
        reaches = np.where(gap < 0, t.over[j, i], t.over[i, j])
        _give(codes, Reason.CENTRE_SURFACE_DISAGREE, against_near | against_ray | (np.abs(gap) < reach) | reaches)
        if rules.min_depth_score > 0:
            _give(codes, Reason.VIEWS_DISAGREE, ~(depth_score(t, i, j, gap) >= rules.min_depth_score))
    return gap, np.nan_to_num(margin), {"subject": t.depth[i], "reference": t.depth[j], "spread": joint}


# Weight of the gap between lower box edges (as a fraction of the picture height), and the largest gap that counts.
_FOOT_WEIGHT, _FOOT_LIMIT = 0.3, 0.3


def depth_score(t: ObjectTable, i: IntArray, j: IntArray, gap: FloatArray) -> FloatArray:
    """Return the confidence score of each depth relation, (P,).

    The score is the smallest log(farther depth / nearer depth) over all views of the picture, negative if a view has
    the opposite order. Objects lower in the picture are more often nearer, so the lower box edges raise the score a
    little if they agree with the relation, and lower it if not.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(t.views[j]) - np.log(t.views[i])
        agreed = (-np.sign(gap)[:, None] * logs).min(axis=1)
    foot = -np.sign(gap) * (t.box[i, 3] - t.box[j, 3]) / t.size[1]
    score: FloatArray = agreed + _FOOT_WEIGHT * np.clip(foot, -_FOOT_LIMIT, _FOOT_LIMIT)
    return score


def distance_score(t: ObjectTable, i: IntArray, j: IntArray, k: IntArray, gap: FloatArray) -> FloatArray:
    """Return the confidence score of each distance relation, (P,): the smallest log ratio of distances over all views.

    In each view, an object lies on the same camera ray as in the picture itself, at the depth of that view.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = t.views / t.depth[:, None]
        centres = t.centre[:, None, :] * factor[:, :, None]
        to_i = np.linalg.norm(centres[i] - centres[k], axis=2)
        to_j = np.linalg.norm(centres[j] - centres[k], axis=2)
        score: FloatArray = (-np.sign(gap)[:, None] * (np.log(to_j) - np.log(to_i))).min(axis=1)
    return score


def compare_distance(
    codes: IntArray, t: ObjectTable, i: IntArray, j: IntArray, k: IntArray, rules: RelationRules
) -> _Comparison:
    """Return the signed difference of the distances to the anchor (negative: the subject is closer), margin, evidence.

    Evidence: distances between centres and between surfaces, in depth units.
    """
    _depth_reasons(codes, t, (i, j, k), rules, position=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        to_i = np.linalg.norm(t.centre[i] - t.centre[k], axis=1)
        to_j = np.linalg.norm(t.centre[j] - t.centre[k], axis=1)
        gap = to_i - to_j
        margin = 1.0 - np.minimum(to_i, to_j) / np.maximum(to_i, to_j)
        cut = np.where(t.truncated[i] | t.truncated[j] | t.truncated[k], rules.truncated_factor, 1.0)
        depth = (t.centre[i, 2] + t.centre[j, 2] + t.centre[k, 2]) / 3.0
        near_i, near_j = t.surface[i, k], t.surface[j, k]
        known = ~np.isnan(near_i) & ~np.isnan(near_j)
        near_margin = 1.0 - np.minimum(near_i, near_j) / np.maximum(near_i, near_j)
        unseen = t.unseen_thickness
        hidden = unseen[i] + unseen[j] + unseen[k]
        trust = np.where(t.masked[i] & t.masked[j] & t.masked[k], 1.0, rules.boxed_factor)
        least = rules.distance_gap * trust
        needed = (rules.distance_thickness * hidden + rules.distance_depth * depth) * trust
        part, unclear = np.zeros(len(codes), dtype=bool), np.zeros(len(codes), dtype=bool)
        for first, second in combinations((i, j, k), 2):
            part |= _one_thing(t, first, second, rules)
            unclear |= _unclear_boxes(t, first, second, rules)
        _give(codes, Reason.PART_OF_OTHER, part)
        _give(codes, Reason.OVERLAP, unclear)
        _give(codes, Reason.NEAR_TIE, ~(margin >= least) | ~(np.abs(gap) >= needed))
        _give(codes, Reason.TRUNCATED, (cut > 1.0) & ((margin < least * cut) | (np.abs(gap) < needed * cut)))
        disagree = known & (((near_i - near_j) * gap <= 0) | (near_margin < rules.distance_gap / 2))
        _give(codes, Reason.CENTRE_SURFACE_DISAGREE, disagree)
        if rules.min_distance_score > 0:
            _give(codes, Reason.VIEWS_DISAGREE, ~(distance_score(t, i, j, k, gap) >= rules.min_distance_score))
    evidence = {"subject": to_i, "reference": to_j, "subject_surface": near_i, "reference_surface": near_j}
    return gap, np.nan_to_num(margin), evidence
