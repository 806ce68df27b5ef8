"""``report.html`` of a training run: its record and curves, on one page without script or network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinforcesight.jobs.record import RunRecord, read_metrics

if TYPE_CHECKING:
    from markupsafe import Markup

_NAME = "report.html"
_GROUPS = "groups.html"  # the pages of sampled completions of a GRPO run


@dataclass(frozen=True)
class Chart:
    """A chart: its title, and metric names with the labels of their curves; left out without values if optional."""

    title: str
    curves: Mapping[str, str]
    optional: bool = False


SFT_CHARTS = (
    Chart("Loss", {"loss": "training", "eval_loss": "validation"}),
    Chart("Accuracy of generated answers", {"eval_accuracy": "accuracy", "eval_parse_rate": "readable answers"}),
    Chart(
        "Accuracy of the next token",
        {"mean_token_accuracy": "training", "eval_mean_token_accuracy": "validation"},
    ),
    Chart("Learning rate", {"learning_rate": "learning rate"}),
)


def write_training_page(record: RunRecord, charts: Sequence[Chart]) -> Path:
    """Write ``report.html`` into the run's folder, and return it."""
    from reinforcesight.pages.render import flat_facts, save_page

    content = record.content
    model, data, sessions = content.get("model", {}), content.get("data", {}), content.get("sessions", [])
    facts = {
        "model": model.get("model_path"),
        "data": data.get("path"),
        "data fingerprint": data.get("fingerprint"),
        "commit": content.get("source", {}).get("commit"),
        "started": sessions[0].get("started") if sessions else None,
        "sessions": len(sessions),
    }
    results = content.get("results", {})
    facts |= {"steps": results.get("step"), "best step": results.get("best_step")}
    path = record.folder / _NAME
    save_page(
        path,
        "tuning/pages/curves.html.j2",
        command=str(content.get("command", "training")),
        status=str(content.get("status", "")),
        warning=content.get("warning"),
        groups_page=_GROUPS if (record.folder / _GROUPS).exists() else None,
        facts=flat_facts(facts),
        results=flat_facts(results),
        charts=draw_charts(charts, read_metrics(record.folder)),
    )
    return path


def draw_charts(charts: Sequence[Chart], metrics: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """Draw charts as HTML figures; a chart without values has a note instead."""
    from reinforcesight.pages.chart import line_chart

    drawn = []
    for chart in charts:
        points = {label: _points_of(metrics, name) for name, label in chart.curves.items()}
        if any(points.values()) or not chart.optional:
            drawn.append(line_chart(chart.title, points))
    return drawn


def _points_of(metrics: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """Return the finite values of a metric as (step, value)."""
    return [
        (float(line["step"]), float(line[name]))
        for line in metrics
        if isinstance(line.get(name), (int, float)) and math.isfinite(line[name]) and "step" in line
    ]
