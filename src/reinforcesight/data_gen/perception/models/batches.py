"""Which pictures go through a model together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from reinforcesight.data_gen.perception.protocols import Picture

Result = TypeVar("Result")


def batches_of_one_size(pictures: Sequence[Picture], size: int) -> Iterator[list[int]]:
    """Positions of pictures in batches of at most ``size`` pictures of one height and width.

    Models resize with the aspect kept, so that only equal shapes can be stacked without padding.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for position, picture in enumerate(pictures):
        by_shape.setdefault(picture.shape, []).append(position)
    for positions in by_shape.values():
        for start in range(0, len(positions), size):
            yield positions[start : start + size]


def in_batches_of_one_size(
    pictures: Sequence[Picture], size: int, call: Callable[[list[Picture]], list[Result]]
) -> list[Result]:
    """What a call gives for each picture, one call a batch, in the order of the pictures."""
    results: dict[int, Result] = {}
    for positions in batches_of_one_size(pictures, size):
        made = call([pictures[position] for position in positions])
        results.update(zip(positions, made, strict=True))
    return [results[position] for position in range(len(pictures))]
