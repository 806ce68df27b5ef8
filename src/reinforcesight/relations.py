"""Which of the eight relations holds between two objects, or why none may be claimed.

Left, right, above and below are read in the picture. In front and behind compare depth (z and ray length must
agree). Closer and farther compare two objects' distances to a third one, the anchor, in 3-D. Every margin is
free of scale: enlarging the picture or multiplying all depths changes nothing. All functions are pure, and
work on arrays of pairs at once; :func:`relate` is the same code for a single pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from reinforcesight.config import StrictConfig
from reinforcesight.errors import InputError
from reinforcesight.naming import ambiguous_names
from reinforcesight.scene import Scene

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Relation(StrEnum):
    """The eight relations, written as in the data set's ``relation`` column."""

    LEFT = "left"
    RIGHT = "right"
    ABOVE = "above"
    BELOW = "below"
    IN_FRONT = "in front"
    BEHIND = "behind"
    CLOSER = "closer"
    FARTHER = "farther"

    @property
    def axis(self) -> Axis:
        """What is compared to decide this relation."""
        return _AXIS_OF[self]

    @property
    def inverse(self) -> Relation:
        """The relation that holds when the two objects change places."""
        return _INVERSE[self]

    @property
    def task(self) -> str:
        """CV-Bench's name of the task: Relation, Depth or Distance."""
        return _TASK_OF[self.axis]


class Axis(StrEnum):
    """What is compared: picture columns, picture rows, depth, or distance to an anchor."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    DEPTH = "depth"
    DISTANCE = "distance"

    @property
    def relations(self) -> tuple[Relation, Relation]:
        """The relation claimed when the subject has the smaller value, and when it has the larger."""
        return _RELATIONS_OF[self]


_RELATIONS_OF = {
    Axis.HORIZONTAL: (Relation.LEFT, Relation.RIGHT),
    Axis.VERTICAL: (Relation.ABOVE, Relation.BELOW),
    Axis.DEPTH: (Relation.IN_FRONT, Relation.BEHIND),
    Axis.DISTANCE: (Relation.CLOSER, Relation.FARTHER),
}
_AXIS_OF = {relation: axis for axis, pair in _RELATIONS_OF.items() for relation in pair}
_INVERSE = {r: pair[1 - i] for pair in _RELATIONS_OF.values() for i, r in enumerate(pair)}
_TASK_OF = {
    Axis.HORIZONTAL: "Relation",
    Axis.VERTICAL: "Relation",
    Axis.DEPTH: "Depth",
    Axis.DISTANCE: "Distance",
}


class Reason(StrEnum):
    """Why no relation may be claimed. The first that applies, in this order, is given."""

    SAME_OBJECT = "same_object"
    AMBIGUOUS_NAME = "ambiguous_name"
    TINY = "tiny"
    PART_OF_OTHER = "part_of_other"
    OCCLUDED = "occluded"
    NO_DEPTH = "no_depth"
    NO_POSITION = "no_position"
    TOO_LITTLE_VALID_DEPTH = "too_little_valid_depth"
    DEPTH_SPREAD_TOO_WIDE = "depth_spread_too_wide"
    OVERLAP = "overlap"
    NEAR_TIE = "near_tie"
    TRUNCATED = "truncated"
    CENTRE_SURFACE_DISAGREE = "centre_surface_disagree"


_REASONS = tuple(Reason)
_CODE = {reason: index for index, reason in enumerate(_REASONS)}
_HOLDS = len(_REASONS)


class RelationRules(StrictConfig):
    """Thresholds of the relations; all are ratios. ``docs/data.md`` shows what each costs and saves."""

    min_side: Annotated[
        float, Field(ge=0, description="least box side, as a share of the picture's short side")
    ] = 0.03
    min_area: Annotated[float, Field(ge=0, description="least box area, as a share of the picture")] = 0.0008
    min_visible: Annotated[float, Field(ge=0, le=1, description="least visible share of an object")] = 0.4
    contained: Annotated[
        float, Field(gt=0, le=1, description="box share inside another that makes it a part")
    ] = 0.9
    picture_gap: Annotated[
        float, Field(gt=0, description="least centre distance over the mean box side along the axis")
    ] = 0.7
    picture_shift: Annotated[
        float, Field(ge=0, description="least centre distance, share of the picture")
    ] = 0.05
    picture_overlap: Annotated[
        float, Field(ge=0, le=1, description="largest overlap along the axis, share of the shorter side")
    ] = 0.35
    depth_gap: Annotated[
        float, Field(gt=0, lt=1, description="least relative depth gap: one minus near over far")
    ] = 0.13
    depth_spreads: Annotated[float, Field(ge=0, description="depth gap in units of the joint spread")] = 1.0
    max_depth_spread: Annotated[
        float, Field(gt=0, description="largest spread of one object over its depth")
    ] = 0.2
    min_valid_depth: Annotated[
        float, Field(ge=0, le=1, description="least share of the outline with depth")
    ] = 0.3
    distance_gap: Annotated[
        float, Field(gt=0, lt=1, description="least relative gap of the distances to the anchor")
    ] = 0.3
    distance_thickness: Annotated[
        float, Field(ge=0, description="distance gap in units of the joint thickness of the two objects")
    ] = 0.6
    distance_depth: Annotated[
        float, Field(ge=0, description="distance gap as a share of the mean depth: how far depth is trusted")
    ] = 0.06
    truncated_factor: Annotated[
        float, Field(ge=1, description="how much wider the gap where an object is cut")
    ] = 1.5


DEFAULT_RULES = RelationRules()


@dataclass(frozen=True, slots=True)
class RelationResult:
    """The verdict about one pair along one axis.

    Attributes:
        relation: The relation of subject to reference that holds, or ``None``.
        margin: Scale-free distance from a tie, at least zero. Horizontal and vertical: centre distance over the
            mean box side (one means that boxes of equal size touch). Depth and distance: one minus the smaller
            over the larger value.
        reason: Why no relation is claimed; ``None`` where one is.
        axis: What was compared.
        subject: Id of the object that the relation is about.
        reference: Id of the object that it is compared with.
        anchor: Id of the third object (distance only).
        evidence: The values compared, as stored in the data set.
    """

    relation: Relation | None
    margin: float
    reason: Reason | None
    axis: Axis
    subject: int | str
    reference: int | str
    anchor: int | str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether a relation is claimed."""
        return self.relation is not None


def relate(
    scene: Scene,
    subject: int | str,
    reference: int | str,
    axis: Axis | Relation | str,
    *,
    anchor: int | str | None = None,
    marked: bool = False,
    rules: RelationRules = DEFAULT_RULES,
) -> RelationResult:
    """Decide which relation of an axis holds between two objects of a scene, or why none may be claimed.

    Args:
        scene: The scene.
        subject: Id of the object that the relation is about.
        reference: Id of the other object.
        axis: "horizontal", "vertical", "depth" or "distance"; or a relation, which stands for its axis.
        anchor: Id of the object that distances are measured to (axis "distance" only).
        marked: The objects are marked by drawn boxes, so that a name that occurs twice does no harm.
        rules: The margins.

    Raises:
        InputError: An id is unknown, the axis is unknown, or an anchor is missing or superfluous.
    """
    axis = _as_axis(axis)
    i, j = scene.index_of(subject), scene.index_of(reference)
    if (axis is Axis.DISTANCE) != (anchor is not None):
        raise InputError(
            "an anchor object belongs to the axis 'distance' and to no other", where=f"axis {axis.value!r}"
        )
    k = scene.index_of(anchor) if anchor is not None else None
    third = None if k is None else np.array([k], dtype=np.int64)
    first, second = np.array([i], dtype=np.int64), np.array([j], dtype=np.int64)
    return relate_pairs(scene, first, second, axis, anchors=third, marked=marked, rules=rules)[0]


def _as_axis(axis: Axis | Relation | str) -> Axis:
    for kind in (Axis, Relation):
        try:
            value = kind(axis)
        except ValueError:
            continue
        return value.axis if isinstance(value, Relation) else value
    known = ", ".join([*Axis, *Relation])
    raise InputError(f"unknown axis or relation {axis!r}", fix=f"use one of: {known}")


def relate_all(
    scene: Scene, *, rules: RelationRules = DEFAULT_RULES, marked: bool = False
) -> list[RelationResult]:
    """Verdicts for every unordered pair along every axis, and for every pair with every anchor.

    Each pair is listed once (the first object of the scene's order as subject), since exchanging subject and
    reference only inverts the relation.
    """
    count = len(scene.objects)
    i, j = (np.asarray(v, dtype=np.int64) for v in np.triu_indices(count, 1))
    results: list[RelationResult] = []
    axes = (Axis.HORIZONTAL, Axis.VERTICAL) if scene.depth_unit is None else (*_PAIR_AXES,)
    for axis in axes:
        results += relate_pairs(scene, i, j, axis, marked=marked, rules=rules)
    if scene.depth_unit is not None and count > 2:
        pair = np.repeat(np.arange(len(i)), count)
        k = np.tile(np.arange(count, dtype=np.int64), len(i))
        keep = (k != i[pair]) & (k != j[pair])
        pair, k = pair[keep], k[keep]
        results += relate_pairs(scene, i[pair], j[pair], Axis.DISTANCE, anchors=k, marked=marked, rules=rules)
    return results


_PAIR_AXES = (Axis.HORIZONTAL, Axis.VERTICAL, Axis.DEPTH)


def relate_pairs(
    scene: Scene,
    subjects: IntArray,
    references: IntArray,
    axis: Axis,
    *,
    anchors: IntArray | None = None,
    marked: bool = False,
    rules: RelationRules = DEFAULT_RULES,
) -> list[RelationResult]:
    """Verdicts for pairs given as positions in ``scene.objects``, arrays of shape (P,), all along one axis.

    Raises:
        InputError: The axis is "distance" and there are no anchors.
    """
    table = _ObjectTable.of(scene)
    if axis is Axis.DISTANCE and anchors is None:
        raise InputError("the axis 'distance' needs an anchor for each pair")
    involved = [subjects, references] if anchors is None else [subjects, references, anchors]
    codes = np.full(len(subjects), _HOLDS, dtype=np.int64)
    _common_reasons(codes, table, involved, rules, marked=marked)
    if axis in (Axis.HORIZONTAL, Axis.VERTICAL):
        sign, margin, evidence = _compare_in_picture(codes, table, subjects, references, axis, rules)
    elif axis is Axis.DEPTH:
        sign, margin, evidence = _compare_depth(codes, table, subjects, references, rules)
    else:
        assert anchors is not None
        sign, margin, evidence = _compare_distance(codes, table, subjects, references, anchors, rules)
    smaller, larger = axis.relations
    ids = [item.id for item in scene.objects]
    results = []
    for p in range(len(subjects)):
        holds = codes[p] == _HOLDS
        results.append(
            RelationResult(
                relation=(smaller if sign[p] < 0 else larger) if holds else None,
                margin=float(margin[p]),
                reason=None if holds else _REASONS[codes[p]],
                axis=axis,
                subject=ids[subjects[p]],
                reference=ids[references[p]],
                anchor=None if anchors is None else ids[anchors[p]],
                evidence={name: _rounded(values[p]) for name, values in evidence.items()},
            )
        )
    return results


def _rounded(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class _ObjectTable:
    """A scene as arrays over its N objects; unknown numbers are NaN."""

    box: FloatArray  # (N, 4) pixels
    size: FloatArray  # (2,) picture width, height
    depth: FloatArray  # (N,)
    spread: FloatArray
    near: FloatArray
    thickness: FloatArray
    valid: FloatArray
    visible: FloatArray
    centre: FloatArray  # (N, 3)
    surface: FloatArray  # (N, N)
    truncated: BoolArray
    masked: BoolArray
    ambiguous: BoolArray
    part_of: IntArray  # (N,) position of the whole, -1 where none

    @staticmethod
    def of(scene: Scene) -> _ObjectTable:
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
        missing = (np.nan, np.nan, np.nan)
        return _ObjectTable(
            box=np.array([item.box for item in items], dtype=np.float64).reshape(count, 4),
            size=np.array([scene.width, scene.height], dtype=np.float64),
            depth=column("depth"),
            spread=np.nan_to_num(column("depth_spread"), nan=0.0),
            near=column("depth_near"),
            thickness=np.nan_to_num(column("thickness"), nan=0.0),
            valid=column("valid_depth_fraction"),
            visible=column("visible_fraction"),
            centre=np.array([item.centre or missing for item in items], dtype=np.float64).reshape(count, 3),
            surface=surface,
            truncated=np.array([item.truncated for item in items], dtype=bool),
            masked=np.array([item.masked for item in items], dtype=bool),
            ambiguous=np.array(ambiguous_names([item.name for item in items]), dtype=bool),
            part_of=np.array(
                [position.get(item.part_of, -1) if item.part_of is not None else -1 for item in items],
                dtype=np.int64,
            ),
        )


def _give(codes: IntArray, reason: Reason, applies: BoolArray) -> None:
    """Write a reason where it applies and none was given before."""
    codes[applies & (codes == _HOLDS)] = _CODE[reason]


def _common_reasons(
    codes: IntArray, t: _ObjectTable, involved: Sequence[IntArray], rules: RelationRules, *, marked: bool
) -> None:
    same = np.zeros(len(codes), dtype=bool)
    part = np.zeros(len(codes), dtype=bool)
    for a in range(len(involved)):
        for b in range(a + 1, len(involved)):
            first, second = involved[a], involved[b]
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
    _give(codes, Reason.OCCLUDED, _any(hidden, involved))


def _any(flags: BoolArray, involved: Sequence[IntArray]) -> BoolArray:
    found = flags[involved[0]]
    for index in involved[1:]:
        found = found | flags[index]
    return found


def _contained(t: _ObjectTable, i: IntArray, j: IntArray) -> FloatArray:
    """Share of the smaller box that lies inside the other, shape (P,)."""
    low = np.maximum(t.box[i, :2], t.box[j, :2])
    high = np.minimum(t.box[i, 2:], t.box[j, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=1)
    area = (t.box[:, 2:] - t.box[:, :2]).prod(axis=1)
    share: FloatArray = shared / np.minimum(area[i], area[j])
    return share


_Comparison = tuple[FloatArray, FloatArray, dict[str, FloatArray]]


def _compare_in_picture(
    codes: IntArray, t: _ObjectTable, i: IntArray, j: IntArray, axis: Axis, rules: RelationRules
) -> _Comparison:
    d = 0 if axis is Axis.HORIZONTAL else 1
    low_i, high_i, low_j, high_j = t.box[i, d], t.box[i, d + 2], t.box[j, d], t.box[j, d + 2]
    side_i, side_j = high_i - low_i, high_j - low_j
    shift = (low_i + high_i - low_j - high_j) / 2.0
    margin = np.abs(shift) / ((side_i + side_j) / 2.0)
    overlap = (np.minimum(high_i, high_j) - np.maximum(low_i, low_j)) / np.minimum(side_i, side_j)
    # Where the border cuts an object it goes on outside: harmless where that strengthens the claim.
    limit, near_border = t.size[d], 0.004 * t.size[d]
    at_low, at_high = t.box[:, d] <= near_border, t.box[:, d + 2] >= limit - near_border
    weaker = np.where(shift < 0, at_high[i] | at_low[j], at_low[i] | at_high[j])
    _give(codes, Reason.PART_OF_OTHER, _contained(t, i, j) >= rules.contained)
    _give(codes, Reason.OVERLAP, overlap > rules.picture_overlap)
    _give(
        codes, Reason.NEAR_TIE, (margin < rules.picture_gap) | (np.abs(shift) < rules.picture_shift * limit)
    )
    _give(codes, Reason.TRUNCATED, (t.truncated[i] | t.truncated[j]) & weaker)
    evidence = {
        "subject": (low_i + high_i) / (2.0 * limit),
        "reference": (low_j + high_j) / (2.0 * limit),
        "overlap": np.clip(overlap, 0.0, 1.0),
    }
    return shift, margin, evidence


def _depth_reasons(
    codes: IntArray, t: _ObjectTable, involved: Sequence[IntArray], rules: RelationRules, *, position: bool
) -> None:
    if position:
        _give(codes, Reason.NO_POSITION, _any(np.isnan(t.centre[:, 2]), involved))
    else:
        _give(codes, Reason.NO_DEPTH, _any(np.isnan(t.depth), involved))
    _give(codes, Reason.TOO_LITTLE_VALID_DEPTH, _any(t.valid < rules.min_valid_depth, involved))
    _give(codes, Reason.DEPTH_SPREAD_TOO_WIDE, _any(t.spread > rules.max_depth_spread * t.depth, involved))


def _compare_depth(
    codes: IntArray, t: _ObjectTable, i: IntArray, j: IntArray, rules: RelationRules
) -> _Comparison:
    _depth_reasons(codes, t, (i, j), rules, position=False)
    with np.errstate(invalid="ignore"):
        gap = t.depth[i] - t.depth[j]
        nearer, farther = np.minimum(t.depth[i], t.depth[j]), np.maximum(t.depth[i], t.depth[j])
        margin = 1.0 - nearer / farther
        joint = np.hypot(t.spread[i], t.spread[j])
        cut = np.where(t.truncated[i] | t.truncated[j], rules.truncated_factor, 1.0)
        # What is hidden behind the nearer surface may reach back by its thickness: it must not reach the other.
        reach = np.where(gap < 0, t.thickness[i], t.thickness[j])
        inside = _contained(t, i, j) >= rules.contained
        boxed = ~(t.masked[i] & t.masked[j])
        # Without outlines, depth inside nested boxes can't be told apart.
        _give(codes, Reason.PART_OF_OTHER, inside & (boxed | (np.abs(gap) <= joint)))
        _give(
            codes, Reason.NEAR_TIE, (margin < rules.depth_gap) | (np.abs(gap) < rules.depth_spreads * joint)
        )
        _give(codes, Reason.TRUNCATED, (margin < rules.depth_gap * cut))
        known_near = ~np.isnan(t.near[i]) & ~np.isnan(t.near[j])
        against_near = known_near & ((t.near[i] - t.near[j]) * gap <= 0)
        length = np.linalg.norm(t.centre, axis=1)
        known_ray = ~np.isnan(length[i]) & ~np.isnan(length[j])
        against_ray = known_ray & ((length[i] - length[j]) * gap <= 0)
        _give(codes, Reason.CENTRE_SURFACE_DISAGREE, against_near | against_ray | (np.abs(gap) < reach))
    return gap, np.nan_to_num(margin), {"subject": t.depth[i], "reference": t.depth[j], "spread": joint}


def _compare_distance(
    codes: IntArray, t: _ObjectTable, i: IntArray, j: IntArray, k: IntArray, rules: RelationRules
) -> _Comparison:
    _depth_reasons(codes, t, (i, j, k), rules, position=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        to_i = np.linalg.norm(t.centre[i] - t.centre[k], axis=1)
        to_j = np.linalg.norm(t.centre[j] - t.centre[k], axis=1)
        gap = to_i - to_j
        margin = 1.0 - np.minimum(to_i, to_j) / np.maximum(to_i, to_j)
        cut = np.where(t.truncated[i] | t.truncated[j] | t.truncated[k], rules.truncated_factor, 1.0)
        depth = (t.centre[i, 2] + t.centre[j, 2] + t.centre[k, 2]) / 3.0
        needed = rules.distance_thickness * (t.thickness[i] + t.thickness[j]) + rules.distance_depth * depth
        boxed = ~(t.masked[i] & t.masked[j] & t.masked[k])
        inside = np.zeros(len(codes), dtype=bool)
        for first, second in ((i, j), (i, k), (j, k)):
            inside |= _contained(t, first, second) >= rules.contained
        _give(codes, Reason.PART_OF_OTHER, inside & boxed)
        _give(codes, Reason.NEAR_TIE, ~(margin >= rules.distance_gap) | (np.abs(gap) < needed))
        _give(codes, Reason.TRUNCATED, (margin < rules.distance_gap * cut) | (np.abs(gap) < needed * cut))
        near_i, near_j = t.surface[i, k], t.surface[j, k]
        known = ~np.isnan(near_i) & ~np.isnan(near_j)
        near_margin = 1.0 - np.minimum(near_i, near_j) / np.maximum(near_i, near_j)
        disagree = known & (((near_i - near_j) * gap <= 0) | (near_margin < rules.distance_gap / 2))
        _give(codes, Reason.CENTRE_SURFACE_DISAGREE, disagree)
    evidence = {"subject": to_i, "reference": to_j, "subject_surface": near_i, "reference_surface": near_j}
    return gap, np.nan_to_num(margin), evidence
