"""Read and check values from foreign JSON; bad values raise no other error than ``ValueError``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

_WHOLE = re.compile(r"(-?(?:0|[1-9]\d{0,17}))(?:\.0*)?")
_LARGEST_ID = 10**18


def parse_json(data: bytes | str) -> Any:
    """Parse a JSON text. Integers that are too long for Python become infinity.

    Raises:
        ValueError: The text is not JSON, not UTF-8, or nested too deeply.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # more digits than Python converts; parsing with the hook takes several times as long
            return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 1000 else math.inf)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def as_number(value: object) -> float | None:
    """Return a finite float; ``None`` for anything else, including NaN, bool, and integers that float can't hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def as_numbers(values: object, count: int) -> tuple[float, ...] | None:
    """Return ``count`` finite floats from a list, or ``None``."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        return None
    numbers = [as_number(value) for value in values]
    return tuple(n for n in numbers if n is not None) if None not in numbers else None


def as_id(value: object) -> int | str | None:
    """Return an id, or ``None``. "1", 1 and 1.0 give the same id, since exporters differ; other text is unchanged."""
    if isinstance(value, str):
        text = printable(value.strip())
        whole = _WHOLE.fullmatch(text)
        return int(whole[1]) if whole else text or None
    number = as_number(value)
    if number is None or number % 1 or abs(number) > _LARGEST_ID:
        return None
    return value if isinstance(value, int) else int(number)


def printable(text: str) -> str:
    """Return text that can be written as UTF-8: file names and JSON may contain unpaired surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def short(value: object, limit: int = 60) -> str:
    """Return ``repr`` of a value for a message, cut to ``limit`` characters."""
    try:
        text = printable(repr(value))
    except (ValueError, RecursionError):  # integers with thousands of digits, deeply nested lists
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
