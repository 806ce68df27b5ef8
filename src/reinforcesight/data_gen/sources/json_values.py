"""Checked values from foreign JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence


def as_number(value: object) -> float | None:
    """A finite float; ``None`` for anything else, including NaN, bool, and integers beyond the range of float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def as_numbers(values: object, count: int) -> tuple[float, ...] | None:
    """``count`` finite floats from a list, or ``None``."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        return None
    numbers = [as_number(value) for value in values]
    return tuple(n for n in numbers if n is not None) if None not in numbers else None


def as_id(value: object) -> int | str | None:
    """An id (whole number or non-empty text), or ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        return None
    return value


def short(value: object, limit: int = 60) -> str:
    """``repr`` of a value for a message, cut to ``limit`` characters."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
