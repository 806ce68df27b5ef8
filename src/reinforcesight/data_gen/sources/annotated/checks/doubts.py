"""Warning about the input as a whole, and the thresholds for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Doubt:
    """Probable error in the input, and how to fix it."""

    reason: str  # snake_case, counted in rejections.json
    what: str
    fix: str
    certain: bool  # the labels would be wrong, so the run should stop


def evenly(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices, evenly spaced over ``count``."""
    step = max(1, -(-count // most))
    return list(range(0, count, step))
