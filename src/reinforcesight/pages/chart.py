"""Draw SVG charts without JavaScript; their colours follow the page's light or dark style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reinforcesight.pages.render import render_page

_WIDTH, _HEIGHT = 440, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 10, 38
_MOST_DOTS = 40  # maximum number of points of a curve that show their value on hover

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class IntervalDot:
    """Value with its confidence interval in the chart of accuracies; ``series`` decides its colour."""

    label: str
    series: int
    value: float
    low: float | None
    high: float | None
    hollow: bool = False

    @property
    def start(self) -> float:
        return self.value if self.low is None else self.low

    @property
    def end(self) -> float:
        return self.value if self.high is None else self.high


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """Row of the chart of accuracies: name, number of questions, one dot per model, and accuracies of guessing."""

    name: str
    count: int
    dots: tuple[IntervalDot, ...]
    marks: tuple[tuple[str, float], ...] = ()


def line_chart(title: str, curves: Mapping[str, Points]) -> Markup:
    """Draw curves (name to finite values at training steps) with ticks and legend, as an HTML figure."""
    curves = {name: points for name, points in curves.items() if points}
    xs = [x for points in curves.values() for x, _ in points]
    ys = [y for points in curves.values() for _, y in points]
    if not xs:
        return Markup(render_page("pages/chart.html.j2", title=title, lines=[]))
    left, right = _limits(min(xs), max(xs))
    low, high = _limits(min(ys), max(ys))

    def across(x: float) -> float:
        return round(_LEFT + (x - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT), 1)

    def down(y: float) -> float:
        return round(_TOP + (high - y) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    lines = [
        {
            "name": name,
            "path": " ".join(f"{across(x)},{down(y)}" for x, y in points),
            "sparse": len(points) <= _MOST_DOTS,
            "dots": [
                (across(x), down(y), f"{name}: {y:.4g} (step {x:.6g})")
                for x, y in points[:: math.ceil(len(points) / _MOST_DOTS)]
            ],
            "summary": f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}",
        }
        for name, points in curves.items()
    ]
    return Markup(
        render_page(
            "pages/chart.html.j2",
            title=title,
            lines=lines,
            width=_WIDTH,
            height=_HEIGHT,
            frame=(_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM),
            x_ticks=[(across(tick), f"{tick:.6g}") for tick in _ticks(left, right)],
            y_ticks=[(down(tick), f"{tick:.4g}") for tick in _ticks(low, high)],
        )
    )


def _limits(low: float, high: float) -> tuple[float, float]:
    """Return the ends of an axis, which are never equal and leave a margin around the values."""
    room = 0.04 * (high - low) or 0.1 * abs(low) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round values between two limits."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]


def bar_chart(title: str, bars: Sequence[IntervalDot], *, level: float) -> Markup:
    """Draw fractions as bars with confidence intervals and a dashed line at ``level``, as an SVG element."""
    return Markup(render_page("pages/bars.html.j2", title=title, bars=bars, level=level))
