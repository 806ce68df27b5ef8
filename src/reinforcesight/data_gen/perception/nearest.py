"""Order statistics of few values, and the smallest distances between two sets of points, faster than in general."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from reinforcesight.arrays import FloatArray

_LANDMARKS = 16
_ABOVE = 1.0 + 1e-9  # over the rounding of a distance


def percentiles(values: FloatArray, *percents: float) -> list[float]:
    """Return the same floats as ``np.percentile`` of values (N,), which takes ten times as long for few values."""
    ordered, last = np.sort(values), len(values) - 1
    found = []
    for percent in percents:
        place = last * (percent / 100)
        below = int(place)
        share = place - below
        a, b = float(ordered[below]), float(ordered[min(below + 1, last)])
        found.append(a + (b - a) * share if share < 0.5 else b - (b - a) * (1 - share))
    return found


def smallest_distances(tree: cKDTree, points: FloatArray, count: int) -> FloatArray:
    """Return the distance from each point (N, D) to the nearest one in the tree; infinity where ``count`` are smaller.

    The distance to a few points of the tree gives an upper bound. With it, the search leaves most of the tree out.
    """
    some = np.asarray(tree.data)[:: max(1, tree.n // _LANDMARKS)]
    squares = np.zeros((len(points), len(some)))
    for axis in range(points.shape[1]):
        squares += np.square(np.subtract.outer(points[:, axis], some[:, axis]))
    rough = squares.min(axis=1)
    bound = np.sqrt(np.partition(rough, count - 1)[count - 1]) * _ABOVE + 1e-12
    return np.asarray(tree.query(points, distance_upper_bound=bound)[0])
