"""Check claims, the relations derived from estimated depth, against the measured depth of the same picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.relations.compare import (
    HOLDS,
    ObjectTable,
    common_reasons,
    compare_depth,
    compare_distance,
    depth_score,
    distance_score,
)
from reinforcesight.relations.kinds import Axis, RelationRules
from reinforcesight.relations.relate import with_every_anchor
from reinforcesight.scene import Camera


@dataclass(frozen=True, slots=True)
class MeasuredPicture:
    """Picture with measured and estimated depth.

    Attributes:
        detections: Objects, preferably with masks.
        measured: True z, (H, W), in the unit of ``true_camera``; 0 means no value.
        true_camera: Intrinsics of the measured depth, pixels.
        estimated: Estimated z, (H, W).
        views: Estimated z from other views of the picture, each (H, W).
        camera: Camera for the estimated positions; ``None``: default field of view.
    """

    name: str
    width: int
    height: int
    detections: Sequence[Detection]
    measured: Float32Array
    true_camera: Camera | None
    estimated: Float32Array
    views: Sequence[Float32Array] = ()
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """N claims along one axis.

    Attributes:
        picture: Name of each claim's picture, (N,).
        score: Confidence score of each claim (:func:`~reinforcesight.relations.compare.depth_score`), (N,).
        wrong: Whether the measured depth says the opposite, bool (N,).
        unknown: Number of claims that the measured depth can't decide; they are not among the N.
    """

    picture: npt.NDArray[np.str_]
    score: FloatArray
    wrong: BoolArray
    unknown: int

    @staticmethod
    def joined(parts: Sequence[Claims]) -> Claims:
        if not parts:
            return Claims(np.array([], dtype=np.str_), np.array([]), np.array([], dtype=bool), 0)
        return Claims(
            np.concatenate([part.picture for part in parts]),
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.wrong for part in parts]),
            sum(part.unknown for part in parts),
        )


def claims_of(pictures: Iterable[MeasuredPicture], rules: RelationRules) -> dict[Axis, Claims]:
    """Return all claims about depth and distance that the rules make for these pictures.

    Names don't matter, since each object counts as marked by a box. Each pair counts once, not in both directions. A
    claim is wrong if the measured depths (or distances between centres) have the opposite order.
    """
    found: dict[Axis, list[Claims]] = {Axis.DEPTH: [], Axis.DISTANCE: []}
    for picture in pictures:
        truth, seen = _tables(picture)
        found[Axis.DEPTH].append(_depth_claims(picture.name, seen, truth, rules))
        found[Axis.DISTANCE].append(_distance_claims(picture.name, seen, truth, rules))
    return {axis: Claims.joined(parts) for axis, parts in found.items()}


def _tables(picture: MeasuredPicture) -> tuple[ObjectTable, ObjectTable]:
    """Return the picture's objects with measured depth, and with estimated depth."""
    build = partial(
        build_scene,
        width=picture.width,
        height=picture.height,
        detections=picture.detections,
        look_for_floor=False,
    )
    truth = build(depth=picture.measured, camera=picture.true_camera)
    seen = build(depth=picture.estimated, camera=picture.camera, depth_views=picture.views)
    return ObjectTable.of(truth), ObjectTable.of(seen)


def _depth_claims(name: str, seen: ObjectTable, truth: ObjectTable, rules: RelationRules) -> Claims:
    i, j = np.triu_indices(len(seen.box), k=1)
    codes = np.full(len(i), HOLDS, dtype=np.int64)
    common_reasons(codes, seen, (i, j), rules, marked=True)
    gap, _, _ = compare_depth(codes, seen, i, j, rules)
    score = depth_score(seen, i, j, gap)
    return _compared(name, codes, score, gap, truth.depth[i] - truth.depth[j])


def _distance_claims(name: str, seen: ObjectTable, truth: ObjectTable, rules: RelationRules) -> Claims:
    i, j, k = with_every_anchor(*np.triu_indices(len(seen.box), k=1), len(seen.box))
    codes = np.full(len(i), HOLDS, dtype=np.int64)
    common_reasons(codes, seen, (i, j, k), rules, marked=True)
    gap, _, _ = compare_distance(codes, seen, i, j, k, rules)
    score = distance_score(seen, i, j, k, gap)
    to_i = np.linalg.norm(truth.centre[i] - truth.centre[k], axis=1)
    to_j = np.linalg.norm(truth.centre[j] - truth.centre[k], axis=1)
    return _compared(name, codes, score, gap, to_i - to_j)


def _compared(name: str, codes: IntArray, score: FloatArray, gap: FloatArray, true_gap: FloatArray) -> Claims:
    made = codes == HOLDS
    known = made & np.isfinite(true_gap)
    return Claims(
        np.full(int(known.sum()), name),
        score[known],
        gap[known] * true_gap[known] <= 0,
        int((made & ~known).sum()),
    )
