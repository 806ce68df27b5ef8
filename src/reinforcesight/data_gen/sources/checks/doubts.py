"""A doubt about the input as a whole, and the constants that decide when it is one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Doubt:
    """What can hardly be right in the input, and the remedy.

    ``certain``: the labels would be wrong, so that the run should stop.
    """

    reason: str  # snake_case, counted in rejections.json
    what: str
    fix: str
    certain: bool


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` positions, evenly spread over ``count``."""
    step = max(1, -(-count // most))
    return list(range(0, count, step))
