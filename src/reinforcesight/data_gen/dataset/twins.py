"""Twins: two questions with the same words about two pictures, with opposite answers (docs/twins.md)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable


def twin_name(evidence: object) -> str | None:
    """Return the name that a question shares with its twin; ``None`` without a twin. ``evidence`` is the column's
    value.
    """
    if not isinstance(evidence, str) or '"twin"' not in evidence:
        return None
    try:
        name = json.loads(evidence)["twin"]["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(name)


def pairs_of(names: Iterable[str | None]) -> list[tuple[int, int]]:
    """Return the positions of complete pairs, in the order of their first question."""
    found: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        if name is not None:
            found[name].append(at)
    return [(pair[0], pair[1]) for pair in found.values() if len(pair) == 2]
