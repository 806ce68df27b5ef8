"""Detect depth maps that are wrong as a whole: inverse depth or disparity, a wrong unit, a constant for missing values.

Two signs tell depth from inverse depth. Annotated objects are nearer than what surrounds them, and the lower half of
a photograph gets nearer towards its lower edge. In 96 measured rooms (NYU Depth V2) the first held in 94 % and was
reversed in 1 %; the second held in 80 % and was reversed in 2 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reinforcesight.data_gen.perception.geometry import Detection
from reinforcesight.data_gen.sources.annotated.checks.doubts import Doubt

_NEARER = 0.9  # ratio of depths from which an object is nearer than its surroundings
_CLEAR_TREND = 0.5  # rank correlation
# A map is seen in the light of the others only if there are some.
_FEW_MAPS = 3
_SURE_RATIO = 4
# Medians in metres outside these are unlikely; depth_files refuses impossible ones.
_UNLIKELY_METRES = (0.05, 100.0)
_CAP_SHARE = 0.005
_FLAT_SHARE = 0.98  # of neighbouring pixels that are equal: a drawing, whose background is real
# Largest values in metres that are limits of a sensor or a format, also in a drawing.
_LIMITS = (1.0, 10.0, 100.0, 1000.0, 65.535, 65535.0)


@dataclass(frozen=True, slots=True)
class MapSigns:
    """Statistics of one depth map (float32 (H, W), 0: no value)."""

    median: float  # in the map's unit
    metres: bool  # whether the unit is metres
    trend: float  # rank correlation of row and depth in the lower half; -1: nearer towards the lower edge
    nearer: int  # number of objects that are nearer than their surroundings
    farther: int  # number of objects that are farther than their surroundings
    largest: float  # largest value if it covers so many pixels that it may mean "no value"; else 0


def signs_of(z: npt.NDArray[np.float32], detections: Sequence[Detection], *, metres: bool) -> MapSigns:
    around = [_against_surroundings(z, detection) for detection in detections]
    return MapSigns(
        float(np.median(z[z > 0])),
        metres,
        _trend(z),
        sum(ratio is not None and ratio < _NEARER for ratio in around),
        sum(ratio is not None and ratio > 1 / _NEARER for ratio in around),
        _largest(z),
    )


def _trend(z: npt.NDArray[np.float32]) -> float:
    rows = [row[row > 0] for row in z[len(z) // 2 :]]
    medians = [(place, float(np.median(row))) for place, row in enumerate(rows) if len(row) > 10]
    if len(medians) < 10 or len({value for _, value in medians}) < 5:
        return 0.0
    from scipy.stats import rankdata  # takes half a second, which workers do not need

    places, values = zip(*medians, strict=True)
    return float(np.corrcoef(places, rankdata(values))[0, 1])


def _against_surroundings(z: npt.NDArray[np.float32], detection: Detection) -> float | None:
    """Return the median depth in the middle of a box, divided by that to its left, to its right and above it."""
    x0, y0, x1, y1 = (round(value) for value in detection.box)
    across, down = max(2, (x1 - x0) // 5), max(2, (y1 - y0) // 5)
    middle = z[y0 + (y1 - y0) // 4 : y1 - (y1 - y0) // 4, x0 + (x1 - x0) // 4 : x1 - (x1 - x0) // 4]
    sides = (z[max(0, y0 - down) : y0, x0:x1], z[y0:y1, max(0, x0 - across) : x0], z[y0:y1, x1 : x1 + across])
    inside = middle[middle > 0]
    ring = np.concatenate([side[side > 0] for side in sides])
    return float(np.median(inside) / np.median(ring)) if min(len(inside), len(ring)) >= 10 else None


def _largest(z: npt.NDArray[np.float32]) -> float:
    largest = z.max()
    capped = (z == largest).mean() >= _CAP_SHARE
    real = (z != largest) & (z > 0)
    pairs = real[:, 1:] & real[:, :-1]
    flat = (z[:, 1:] == z[:, :-1])[pairs].mean() if pairs.any() else 1.0
    limit = any(math.isclose(largest, value, rel_tol=1e-6) for value in _LIMITS)
    return float(largest) if capped and (limit or flat < _FLAT_SHARE) else 0.0


def check_depth(maps: Sequence[MapSigns]) -> tuple[list[Doubt], float]:
    """Return warnings about depth maps, and the constant that means "no value" (0: none)."""
    doubts = [doubt for doubt in (_inverse(maps), _unit(maps)) if doubt is not None]
    [(value, count)] = Counter(found.largest for found in maps if found.largest).most_common(1) or [(0.0, 0)]
    if count >= max(_FEW_MAPS, 0.8 * len(maps)):
        what = (
            f"{value:g} is the largest value of {count} of {len(maps)} depth maps and fills much of them: no reading"
        )
        doubts.append(Doubt("constant_depth", what, "it is left out; mark such pixels with 0", False))
        return doubts, value
    return doubts, 0.0


def _inverse(maps: Sequence[MapSigns]) -> Doubt | None:
    wrong, right = (
        sum(found.farther > found.nearer for found in maps),
        sum(found.nearer > found.farther for found in maps),
    )
    rising, falling = (
        sum(found.trend > _CLEAR_TREND for found in maps),
        sum(found.trend < -_CLEAR_TREND for found in maps),
    )
    what = (
        f"depth looks inverted in {max(wrong, rising)} of {len(maps)} maps looked at: objects are farther than what "
        "surrounds them, or the floor gets farther towards the camera"
    )
    fix = "give depth (metres along the optical axis), not inverse depth or disparity"
    objects = wrong >= _FEW_MAPS and wrong >= _SURE_RATIO * right and rising >= falling
    floors = rising >= _FEW_MAPS and rising >= _SURE_RATIO * falling and wrong >= right
    if objects or floors:
        return Doubt("inverse_depth", what, fix, True)
    unsure = (wrong > right and rising >= falling) or (rising > falling and wrong >= right)
    return Doubt("inverse_depth", what, fix, False) if unsure and max(wrong, rising) >= 0.5 * len(maps) else None


def _unit(maps: Sequence[MapSigns]) -> Doubt | None:
    low, high = _UNLIKELY_METRES
    odd = [found.median for found in maps if found.metres and not low <= found.median <= high]
    if not odd or len(odd) < 0.5 * len(maps):
        return None
    what = f"the median depth is {odd[0]:.3g} m in a picture, and as unlikely in {len(odd)} of {len(maps)} looked at"
    return Doubt("unlikely_depth", what, "check depth_scale (stored units per metre)", False)
