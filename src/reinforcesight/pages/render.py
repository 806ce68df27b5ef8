"""Jinja environment for all pages, and number formats."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

NO_VALUE = "–"


def render_page(template: str, **values: Any) -> str:
    """Render a template of the package, such as ``eval/pages/report.html.j2``; a missing variable is an error."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("reinforcesight", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": percent, "whole_percent": whole_percent, "points": _points}
    made.globals |= {"percent_range": percent_range, "nonce": ""}
    return made


def percent(share: float | None) -> str:
    return NO_VALUE if share is None else f"{100 * share:.1f} %"


def whole_percent(share: float | None) -> str:
    return NO_VALUE if share is None else f"{100 * share:.0f} %"


def percent_range(low: float | None, high: float | None) -> str:
    """Format the ends of an interval of fractions: ``88.2 to 93.9 %``."""
    return NO_VALUE if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f} %"


def _points(difference: float) -> str:
    """Format a difference of two fractions in percentage points: ``+2.4``."""
    return f"{100 * difference:+.1f}"


def flat_facts(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten nested settings or results into (name, value) rows of a table; entries without a value are left out."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += flat_facts(value, f"{name}.")
        elif isinstance(value, list | tuple):
            if any(isinstance(item, Mapping) for item in value):
                rows += flat_facts({str(i): item for i, item in enumerate(value)}, f"{name}.")
            elif value:
                rows.append((name, ", ".join(map(_fact, value))))
        elif value is not None:
            rows.append((name, _fact(value)))
    return rows


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
