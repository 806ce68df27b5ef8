"""A run's curves as one HTML page that needs nothing else: no script, no network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.jobs.files import write_text
from reinforcesight.jobs.record import RunRecord

REPORT_NAME = "report.html"
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f")
_WIDTH, _HEIGHT = 640, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 34, 34

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}"
    "svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#444}"
)


@dataclass(frozen=True)
class Chart:
    """One set of axes: a title, and metric names with the labels of their curves."""

    title: str
    curves: Mapping[str, str]


def write_report(record: RunRecord, charts: Sequence[Chart]) -> Path:
    """Write ``report.html`` beside the record.

    Returns:
        The page.
    """
    metrics = record.metrics()
    content = record.content
    parts = [_table(_facts(content)), _table(content.get("results", {}))]
    parts += [f"<h2>{html.escape(chart.title)}</h2>{draw_chart(chart, metrics)}" for chart in charts]
    title = html.escape(f"{content.get('command', 'training')}: {content.get('status', '')}")
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(parts)}</body></html>\n"
    )
    path = record.folder / REPORT_NAME
    write_text(path, page)
    return path


def _facts(content: Mapping[str, Any]) -> dict[str, Any]:
    model, data = content.get("model", {}), content.get("data", {})
    sessions = content.get("sessions", [])
    return {
        "model": model.get("model_path"),
        "data": data.get("path"),
        "data fingerprint": data.get("fingerprint"),
        "commit": content.get("source", {}).get("commit"),
        "started": sessions[0].get("started") if sessions else None,
        "sessions": len(sessions),
    }


def _table(rows: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(_shown(value))}</td></tr>"
        for key, value in rows.items()
        if value is not None
    )
    return f"<table>{cells}</table>"


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def points_of(metrics: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """The finite values of a metric over steps."""
    return [
        (float(line["step"]), float(line[name]))
        for line in metrics
        if isinstance(line.get(name), (int, float)) and math.isfinite(line[name]) and "step" in line
    ]


def draw_chart(chart: Chart, metrics: Sequence[Mapping[str, Any]]) -> str:
    """A chart as an SVG element; a note where there is nothing to draw yet."""
    curves = {label: points_of(metrics, name) for name, label in chart.curves.items()}
    curves = {label: points for label, points in curves.items() if points}
    if not curves:
        return "<p>No values yet.</p>"
    xs = [x for points in curves.values() for x, _ in points]
    ys = [y for points in curves.values() for _, y in points]
    x_low, x_high = _spread(min(xs), max(xs))
    y_low, y_high = _spread(min(ys), max(ys))

    def at(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)
        down = _TOP + (y_high - y) / (y_high - y_low) * (_HEIGHT - _TOP - _BOTTOM)
        return round(across, 1), round(down, 1)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(chart.title)}">']
    for tick in _ticks(y_low, y_high):
        _, down = at(x_low, tick)
        parts.append(f'<path d="M{_LEFT} {down}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{down + 4}" text-anchor="end">{tick:.4g}</text>')
    for tick in _ticks(x_low, x_high):
        across, _ = at(tick, y_low)
        parts.append(f'<text x="{across}" y="{_HEIGHT - 14}" text-anchor="middle">{tick:.6g}</text>')
    for index, (label, points) in enumerate(curves.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        path = " ".join(f"{x},{y}" for x, y in (at(*point) for point in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if len(points) <= 40:
            parts += [
                f'<circle cx="{x}" cy="{y}" r="2.4" fill="{colour}"/>' for x, y in (at(*p) for p in points)
            ]
        label_x = _LEFT + 8 + 150 * index
        parts.append(f'<text x="{label_x}" y="{_TOP - 12}" style="fill:{colour}">{html.escape(label)}</text>')
    parts.append("</svg>")
    return "".join(parts)


def _spread(low: float, high: float) -> tuple[float, float]:
    """Limits that are never equal, with a little room at the ends of the values."""
    if high == low:
        return low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    room = 0.04 * (high - low)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """About five round values between two limits."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]
