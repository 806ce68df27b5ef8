"""Jinja environment for all pages, and number formats."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinforcesight.jobs.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

NO_VALUE = "–"
# Files in the folder of a whole run (``reinforcesight run``), below which pages link to the run's page.
RUN_STATE, RUN_SETTINGS, RUN_PAGE = "run.json", "config.yaml", "index.html"
_DEEPEST = 4


def render_page(template: str, **values: Any) -> str:
    """Render a template of the package, such as ``eval/pages/report.html.j2``; a missing variable is an error."""
    return _environment().get_template(template).render(**values)


def save_page(path: Path, template: str, **values: Any) -> None:
    """Write a rendered template, with a link to the run's page if the file is in the folder of a run.

    Raises:
        OutputError: The page can't be written.
    """
    write_text(path, render_page(template, run_page=_link_to_run(path), **values))


def _link_to_run(path: Path) -> str:
    for depth, folder in enumerate(path.resolve().parents[:_DEEPEST]):
        if depth and all((folder / name).is_file() for name in (RUN_STATE, RUN_SETTINGS)):
            return f"{'../' * depth}{RUN_PAGE}"
    return ""


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
    made.globals |= {"percent_range": percent_range, "nonce": "", "run_page": ""}
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
