"""Official figures of the benchmarks, as their authors or VLMEvalKit compute them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reinforcesight.eval.answers import ScoredAnswer
from reinforcesight.eval.items import Benchmark, Figure, Item
from reinforcesight.eval.results import Accuracy, Official
from reinforcesight.eval.statistics import clustered_interval, stratified_accuracy
from reinforcesight.eval.summary import aggregate

# From CV-Bench's evaluation script: 2D is the mean of the COCO and ADE20K accuracies, 3D is the Omni3D accuracy, and
# CV-Bench is the mean of 2D and 3D.
_OFFICIAL_2D = (("ADE20K", "Count"), ("ADE20K", "Relation"), ("COCO", "Count"), ("COCO", "Relation"))
_OFFICIAL_3D = (("Omni3D", "Depth"), ("Omni3D", "Distance"))
OFFICIAL_WEIGHTS = {"ADE20K": 0.25, "COCO": 0.25, "Omni3D": 0.5}


def official(benchmark: Benchmark, answers: Sequence[ScoredAnswer], *, seed: int) -> Official:
    """Compute the benchmark's own figures, each only if every row of all its parts was scored."""
    if benchmark.figures:
        figures, absent = _published_figures(benchmark, answers, seed=seed)
        return Official(two_d=None, three_d=None, cv_bench=None, per_source={}, missing=absent, figures=figures)
    scored = Counter((a.source, a.task) for a in answers)
    missing: list[str] = []

    def complete(parts: tuple[tuple[str, str], ...]) -> bool:
        whole = True
        for part in parts:
            have, want = scored[part], benchmark.available.get(part, 0)
            if want == 0 or have < want:
                missing.append(f"{part[0]} {part[1]}: {have} of {want or 'no'} rows scored")
                whole = False
        return whole

    two_d = complete(_OFFICIAL_2D)
    three_d = complete(_OFFICIAL_3D)
    picked_2d = [a for a in answers if (a.source, a.task) in _OFFICIAL_2D]
    picked_3d = [a for a in answers if (a.source, a.task) in _OFFICIAL_3D]
    per_source = {
        source: stratified_accuracy([a.correct for a in picked], ["all"] * len(picked))
        for source, ok in (("ADE20K", two_d), ("COCO", two_d), ("Omni3D", three_d))
        if ok and (picked := [a for a in (*picked_2d, *picked_3d) if a.source == source])
    }
    cell_2d = aggregate(picked_2d, lambda a: a.source, seed) if two_d else None
    cell_3d = aggregate(picked_3d, lambda a: a.source, seed) if three_d else None
    both = None
    if cell_2d and cell_3d and cell_2d.accuracy is not None and cell_3d.accuracy is not None:
        spread = aggregate([*picked_2d, *picked_3d], lambda a: a.source, seed, OFFICIAL_WEIGHTS)
        both = spread.model_copy(update={"accuracy": (cell_2d.accuracy + cell_3d.accuracy) / 2})
    return Official(two_d=cell_2d, three_d=cell_3d, cv_bench=both, per_source=per_source, missing=tuple(missing))


def _published_figures(
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
