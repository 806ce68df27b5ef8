"""Official figures of the benchmarks other than CV-Bench, as their authors or VLMEvalKit compute them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reinforcesight.eval.answers import ScoredAnswer
from reinforcesight.eval.items import Benchmark, Figure, Item
from reinforcesight.eval.results import Accuracy
from reinforcesight.eval.statistics import clustered_interval, stratified_accuracy


def official_figures(
    benchmark: Benchmark, answers: Sequence[ScoredAnswer], *, seed: int
) -> tuple[dict[str, Accuracy], tuple[str, ...]]:
    """Return the benchmark's own figures by name, and the reasons why others are missing.

    A figure is given only if all rows that count in it were scored. The bootstrap resamples pictures; a group of items
    about several pictures is resampled with the first one.
    """
    items = {item.id: item for item in benchmark.items}
    unread = sum(not row.task for row in benchmark.broken)
    scored = Counter((answer.source, answer.task) for answer in answers)
    found: dict[str, Accuracy] = {}
    missing: list[str] = []
    for figure in benchmark.figures:
        parts = {place: figure.part(place[1], place[0]) for place in benchmark.available}
        wanted = sum(n for place, n in benchmark.available.items() if parts[place] is not None)
        have = sum(n for place, n in scored.items() if parts.get(place) is not None)
        absent = [part for part in figure.parts if part not in parts.values()]
        if absent or unread or have < wanted or not wanted:
            what = f"no {', '.join(absent)}" if absent else f"{have} of {wanted + unread} rows scored"
            missing.append(f"{figure.name}: {what}")
            continue
        accuracy = _accuracy(figure, [(items[answer.id], answer.correct) for answer in answers], seed)
        if accuracy is None:
            missing.append(f"{figure.name}: the file has no copies of a question")
        else:
            found[figure.name] = accuracy
    return found, tuple(missing)


def _accuracy(figure: Figure, answers: Sequence[tuple[Item, bool]], seed: int) -> Accuracy | None:
    units: dict[tuple[str, str], list[bool]] = {}
    clusters: dict[tuple[str, str], str] = {}
    for item, correct in answers:
        part = figure.part(item.task, item.source)
        if part is not None:
            unit = (part, figure.group(item) if figure.group else item.id)
            units.setdefault(unit, []).append(correct)
            clusters.setdefault(unit, item.cluster)
    if figure.group and all(len(members) == 1 for members in units.values()):
        return None
    right, parts = [all(members) for members in units.values()], [part for part, _ in units]
    interval = clustered_interval(list(clusters.values()), parts, right, seed=seed)
    total = sum(right) if len(set(parts)) == 1 else None
    return Accuracy.within(interval, stratified_accuracy(right, parts), total, len(right))
