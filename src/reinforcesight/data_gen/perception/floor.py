"""Find a floor plane by RANSAC, and accept it only if it is plausible.

The plane is only recorded; it gives the direction of gravity. It never moves a point or changes an answer: VQASynth
treats any large plane as the floor, which swaps front and behind (docs/vqasynth.md).
"""

from __future__ import annotations

import math

import numpy as np

from reinforcesight.arrays import FloatArray, IntArray
from reinforcesight.scene import Floor

_MAX_TILT_DEGREES = 50.0  # between the plane's normal and the picture's upward direction (pitch and roll)
_MIN_SUPPORT = 0.15  # minimum fraction of the background points on the plane
_MAX_BELOW = 0.08  # maximum fraction of the background points beneath it: a table top has the floor beneath
_TOLERANCE = 0.015  # half the plane's thickness, divided by the median distance of the points
_HYPOTHESES = 192
_PLANES_AT_ONCE = 8


def find_floor(points: FloatArray) -> Floor:
    """Search for a floor among background points (N, 3) in the camera frame (y down).

    A plane is a floor if its normal points up within 50 degrees, the camera is above it, its points lie below the
    optical centre along the normal, at least 15 % of the points support it, and at most 8 % lie beneath it. The same
    points give the same plane.
    """
    if len(points) < 50:
        return Floor(found=False, reason="too few background points with depth")
    scale = float(np.median(np.linalg.norm(points, axis=1)))
    tolerance = _TOLERANCE * scale
    picks = np.random.default_rng([0, len(points)]).integers(0, len(points), size=(_HYPOTHESES, 3))
    a, b, c = points[picks[:, 0]], points[picks[:, 1]], points[picks[:, 2]]
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    good = lengths > 1e-9 * scale * scale
    normals, a = normals[good] / lengths[good, None], a[good]
    if not len(normals):
        return Floor(found=False, reason="background points lie on one line")
    normals *= np.where(normals[:, 1:2] > 0, -1.0, 1.0)  # upward is -y
    # Signed distance of the camera (the origin) above each plane.
    offsets = -np.einsum("ij,ij->i", normals, a)
    plausible = (normals[:, 1] <= -math.cos(math.radians(_MAX_TILT_DEGREES))) & (offsets > 2 * tolerance)
    if not plausible.any():
        return Floor(found=False, reason="no plane below the camera faces up")
    normals, offsets = normals[plausible], offsets[plausible]
    under, below = _counts_below(points, normals, offsets, tolerance)
    support, beneath = (under - below) / len(points), below / len(points)
    score = np.where(beneath <= 2 * _MAX_BELOW, support, 0.0)
    best = int(np.argmax(score))
    if score[best] <= 0:
        return Floor(found=False, reason="the planes that face up have too many points beneath them")
    normal, offset = _refine(points, normals[best], float(offsets[best]), tolerance)
    return _verdict(points, normal, offset, tolerance)


def _counts_below(
    points: FloatArray, normals: FloatArray, offsets: FloatArray, tolerance: float
) -> tuple[IntArray, IntArray]:
    """Count the points at most ``tolerance`` above each plane, and those more than ``tolerance`` beneath it."""
    under, below = np.empty(len(normals), dtype=np.int64), np.empty(len(normals), dtype=np.int64)
    columns = points.T
    # A few planes at a time: their heights stay in the cache. And counting a row at once is many times faster than
    # counting along an axis.
    for start in range(0, len(normals), _PLANES_AT_ONCE):
        some = slice(start, start + _PLANES_AT_ONCE)
        heights = normals[some] @ columns
        heights += offsets[some, None]
        for index, row in enumerate(heights, start):
            under[index] = np.count_nonzero(row <= tolerance)
            below[index] = np.count_nonzero(row < -tolerance)
    return under, below


def _refine(points: FloatArray, normal: FloatArray, offset: float, tolerance: float) -> tuple[FloatArray, float]:
    """Refine a plane by least squares on its supporting points, twice."""
    for _ in range(2):
        inliers = points[np.abs(points @ normal + offset) <= tolerance]
        if len(inliers) < 3:
            break
        middle = inliers.mean(axis=0)
        fitted = np.linalg.svd(inliers - middle, full_matrices=False)[2][-1]
        normal = fitted if fitted[1] <= 0 else -fitted
        offset = -float(normal @ middle)
    return normal, offset


def _verdict(points: FloatArray, normal: FloatArray, offset: float, tolerance: float) -> Floor:
    heights = points @ normal + offset
    support = int(np.count_nonzero(np.abs(heights) <= tolerance)) / len(points)
    beneath = int(np.count_nonzero(heights < -tolerance)) / len(points)
    tilt = math.degrees(math.acos(min(1.0, -float(normal[1]))))
    reason: str | None = None
    if tilt > _MAX_TILT_DEGREES:
        reason = "the plane does not face up"
    elif offset <= 2 * tolerance:
        reason = "the camera is not above the plane"
    elif support < _MIN_SUPPORT:
        reason = "too few points on the plane"
    elif beneath > _MAX_BELOW:
        reason = "too many points beneath the plane"
    support = min(1.0, support)
    if reason is not None:
        return Floor(found=False, support=support, reason=reason)
    up = (float(normal[0]), float(normal[1]), float(normal[2]))
    return Floor(found=True, normal=up, offset=offset, support=support)
