"""Decide which of the eight relations holds between two objects, or that the pair is too unclear.

Left, right, above and below compare positions in the picture. In front and behind compare depth (z and ray length must
agree). Closer and farther compare the 3-D distances of two objects to a third one, the anchor. All margins are
scale-free: resizing the picture or multiplying all depths by a factor changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reinforcesight.arrays import IntArray
from reinforcesight.errors import InputError
from reinforcesight.relations.compare import (
    HOLDS,
    REASONS,
    ObjectTable,
    common_reasons,
    compare_depth,
    compare_distance,
    compare_in_picture,
)
from reinforcesight.relations.kinds import DEFAULT_RULES, Axis, Reason, Relation, RelationRules
from reinforcesight.scene import Scene, SceneObject


@dataclass(frozen=True, slots=True)
class RelationResult:
    """Result for one pair along one axis.

    Attributes:
        relation: Relation of subject to reference; ``None`` if the pair is too unclear.
        margin: Scale-free difference of the compared values, at least 0 (0: equal). Horizontal and vertical: centre
            distance divided by the mean box side (1: boxes of equal size touch). Depth and distance: 1 minus the
            smaller value divided by the larger.
        subject, reference: Ids of the object that the relation is about, and of the one that it is compared with.
        anchor: Id of the object that distances are measured to (distance only).
        evidence: Compared values, as stored in the data set.
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
        return self.relation is not None


def relate(
    scene: Scene,
    subject: int | str | SceneObject,
    reference: int | str | SceneObject,
    axis: Axis | Relation | str,
    *,
    anchor: int | str | SceneObject | None = None,
    marked: bool = False,
    rules: RelationRules = DEFAULT_RULES,
) -> RelationResult:
    """Decide which relation of an axis holds between two objects of a scene, or why none may be claimed.

    Args:
        subject, reference: Object that the relation is about, and the one that it is compared with, or their ids.
        axis: Axis, or a relation of that axis.
        anchor: Object that distances are measured to, or its id (axis "distance" only).
        marked: Whether the objects are marked by drawn boxes, so that their names need not be unique.

    Raises:
        InputError: An id or the axis is unknown, an anchor is missing for the axis "distance", or one is given for
            another axis.
    """
    axis = _as_axis(axis)
    first, second = _index(scene, subject), _index(scene, reference)
    if (axis is Axis.DISTANCE) != (anchor is not None):
        raise InputError(
            "an anchor object belongs to the axis 'distance' and to no other", where=f"axis {axis.value!r}"
        )
    third = None if anchor is None else _index(scene, anchor)
    return relate_pairs(scene, first, second, axis, anchors=third, marked=marked, rules=rules)[0]


def _index(scene: Scene, item: int | str | SceneObject) -> IntArray:
    return np.array([scene.index_of(item.id if isinstance(item, SceneObject) else item)], dtype=np.int64)


def _as_axis(axis: Axis | Relation | str) -> Axis:
    for kind in (Axis, Relation):
        try:
            value = kind(axis)
        except ValueError:
            continue
        return value.axis if isinstance(value, Relation) else value
    known = ", ".join([*Axis, *Relation])
    raise InputError(f"unknown axis or relation {axis!r}", fix=f"use one of: {known}")


def relate_all(scene: Scene, *, rules: RelationRules = DEFAULT_RULES, marked: bool = False) -> list[RelationResult]:
    """Return results for every pair along every axis, and for every pair with every anchor.

    Each pair occurs once, and the object that comes first in the scene is the subject: exchanging subject and
    reference only inverts the relation.
    """
    count = len(scene.objects)
    i, j = (np.asarray(v, dtype=np.int64) for v in np.triu_indices(count, 1))
    results: list[RelationResult] = []
    axes = [Axis.HORIZONTAL, Axis.VERTICAL]
    if scene.depth_unit is not None:
        axes.append(Axis.DEPTH)
    for axis in axes:
        results += relate_pairs(scene, i, j, axis, marked=marked, rules=rules)
    if scene.depth_unit is not None and count > 2:
        i, j, k = with_every_anchor(i, j, count)
        results += relate_pairs(scene, i, j, Axis.DISTANCE, anchors=k, marked=marked, rules=rules)
    return results


def with_every_anchor(i: IntArray, j: IntArray, count: int) -> tuple[IntArray, IntArray, IntArray]:
    """Repeat pairs of indices, both (P,), with each of the other ``count`` objects as the anchor."""
    i, j, k = np.repeat(i, count), np.repeat(j, count), np.tile(np.arange(count, dtype=np.int64), len(i))
    other = (k != i) & (k != j)
    return i[other], j[other], k[other]


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
    """Return results along one axis for P pairs of indices into ``scene.objects``, arrays of shape (P,).

    Raises:
        InputError: The axis is "distance" and there are no anchors.
    """
    table = ObjectTable.of(scene)
    if axis is Axis.DISTANCE and anchors is None:
        raise InputError("the axis 'distance' needs an anchor for each pair")
    involved = [subjects, references] if anchors is None else [subjects, references, anchors]
    codes = np.full(len(subjects), HOLDS, dtype=np.int64)
    common_reasons(codes, table, involved, rules, marked=marked)
    if axis in (Axis.HORIZONTAL, Axis.VERTICAL):
        sign, margin, evidence = compare_in_picture(codes, table, subjects, references, axis, rules)
    elif axis is Axis.DEPTH:
        sign, margin, evidence = compare_depth(codes, table, subjects, references, rules)
    else:
        assert anchors is not None
        sign, margin, evidence = compare_distance(codes, table, subjects, references, anchors, rules)
    smaller, larger = axis.relations
    ids = [item.id for item in scene.objects]
    results = []
    for p in range(len(subjects)):
        holds = codes[p] == HOLDS
        results.append(
            RelationResult(
                relation=(smaller if sign[p] < 0 else larger) if holds else None,
                margin=float(margin[p]),
                reason=None if holds else REASONS[codes[p]],
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
