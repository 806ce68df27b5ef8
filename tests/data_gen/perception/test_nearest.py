"""The fast ways give the same floats as the general ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from reinforcesight.data_gen.perception.mask_checks import inner_pixels
from reinforcesight.data_gen.perception.nearest import percentiles, smallest_distances


@pytest.mark.parametrize("size", [1, 2, 3, 50, 51, 4096])
def test_percentiles_are_numpys(size: int) -> None:
    values = np.random.default_rng(size).lognormal(size=size)
    wanted = (2, 5, 16, 50, 84, 90, 95)
    assert percentiles(values, *wanted) == np.percentile(values, wanted).tolist()


@pytest.mark.parametrize("apart", [0.0, 0.5, 30.0])
def test_the_smallest_distances_are_those_of_a_whole_search(apart: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        cloud, other = rng.normal(size=(rng.integers(1, 400), 3)), rng.normal(size=(rng.integers(1, 400), 3)) + apart
        tree = cKDTree(cloud)
        count = int(rng.integers(1, len(other) + 1))
        found, whole = smallest_distances(tree, other, count), tree.query(other)[0]
        assert np.array_equal(np.sort(found)[:count], np.sort(whole)[:count])


def test_equal_points_are_at_distance_zero() -> None:
    points = np.zeros((4, 2))
    assert smallest_distances(cKDTree(points), points, 4).tolist() == [0.0] * 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 2), (3, 3), (9, 14)])
def test_inner_pixels_have_four_neighbours(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.8
    padded = np.pad(mask, 1)
    expected = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    assert np.array_equal(inner_pixels(mask), expected)
