"""``audit --benchmark``: how often each question of a benchmark is guessed correctly without its picture.

A text classifier is trained on the benchmark itself and tested on other pictures (k-fold cross-validation grouped by
picture, arXiv:2511.04655). What it learns from the text, a model can learn too. A language model could find more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.data_gen.audit.findings import AuditReport, Findings, Table, give_report
from reinforcesight.data_gen.audit.run import audit
from reinforcesight.data_gen.audit.shortcuts import TextChoice, option_probabilities
from reinforcesight.errors import InputError
from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.items import Item
from reinforcesight.eval.statistics import Interval, clustered_interval
from reinforcesight.jobs.files import atomic_file
from reinforcesight.pages.render import percent, percent_range
from reinforcesight.protocol import LETTERS

_REPEATS = 3  # of the folds, for the probability of one item
_TOLERANCE = 0.01  # above chance, for the subset
_ROUND = 0.04  # share of the questions that a round removes
_LEAST = 0.5  # share of the questions that the subset keeps at least
_EXAMPLES = 10
_SHOWN = 90  # letters of a question, from its end


@dataclass(frozen=True)
class Guessability:
    """Accuracy of guessing each question, in the order of the questions."""

    probability: list[float]  # of the right option
    right: list[bool]  # whether it is the most probable one

    @property
    def accuracy(self) -> float:
        return sum(self.right) / len(self.right)


def audit_any(config: AuditConfig) -> AuditReport:
    """Audit a data set, or a benchmark if one is named."""
    return audit(config) if config.benchmark is None else audit_benchmark(config)


def audit_benchmark(config: AuditConfig) -> AuditReport:
    """Measure how often questions are guessed from their text, and write those that are not.

    Raises:
        InputError: The benchmark can't be read, or has too few questions or pictures.
    """
    assert config.benchmark is not None
    benchmark = load_benchmark(config.benchmark, split=config.split, seed=config.seed)
    items = [item for item in benchmark.items if len(item.choices) > 1]
    found = guess_without_pictures(items, config.seed, repeats=_REPEATS)
    kept = debiased(items, found, config.seed)
    chosen = [items[at] for at in kept]
    after = guess_without_pictures(chosen, config.seed + 1000, repeats=_REPEATS)
    findings = Findings()
    rows, numbers = _figures(items, found, "all questions", config.seed)
    for row, figure in zip(rows, numbers, strict=True):
        if figure["low"] > figure["chance"] + _TOLERANCE:
            findings.add("text_hint", f"{row[0]}: {row[3]} guessed, at random {row[5]}")
    more_rows, more_numbers = _figures(chosen, after, "subset", config.seed)
    order = sorted(range(len(items)), key=lambda at: -found.probability[at])
    head = ("questions", "n", "pictures", "guessed", "95 % interval", "at random")
    report = AuditReport(
        dataset=benchmark.name,
        rows=len(items),
        pictures=len({item.cluster for item in items}),
        findings=findings.all(),
        tables=(
            Table("Guessed without the picture", head, rows, "a classifier of the text, trained on other pictures"),
            Table("Questions that text alone does not answer", head, more_rows, "guessed anew with other folds"),
            Table(
                "Most guessable questions",
                ("id", "probability", "right option", "question"),
                [_example(items[at], found.probability[at]) for at in order[:_EXAMPLES]],
            ),
        ),
        measurements={
            "guessed": numbers,
            "subset": more_numbers,
            "items": [
                {"id": item.id, "task": item.task, "probability": round(p, 4), "right": right, "kept": at in kept}
                for at, (item, p, right) in enumerate(zip(items, found.probability, found.right, strict=True))
            ],
        },
    )
    if config.subset is not None:
        write_items(config.subset, chosen)
    give_report(report, config.report, quiet=config.quiet)
    return report


def guess_without_pictures(items: Sequence[Item], seed: int, *, repeats: int = 1) -> Guessability:
    asked = [TextChoice(i.cluster, i.question, i.choices, LETTERS.index(i.gold)) for i in items]
    runs = [option_probabilities(asked, seed + repeat) for repeat in range(repeats)]
    known = [run for run in runs if run is not None]
    if not known:
        raise InputError(
            f"{len(items)} questions with options are too few to learn from their text",
            fix="give a benchmark with at least 40 questions on 5 pictures",
        )
    means = [
        [sum(run[at][k] for run in known) / len(known) for k in range(len(q.choices))] for at, q in enumerate(asked)
    ]
    return Guessability(
        [found[q.right] for q, found in zip(asked, means, strict=True)],
        [found.index(max(found)) == q.right for q, found in zip(asked, means, strict=True)],
    )


def debiased(items: Sequence[Item], found: Guessability, seed: int) -> set[int]:
    """Return the indices of the questions that are left after removing the most guessable ones, round by round.

    Each round trains a new classifier on the rest. It ends near chance, or when half of the questions are left.
    """
    kept = list(range(len(items)))
    rounds = 0
    while found.accuracy > _chance([items[at] for at in kept]) + _TOLERANCE and len(kept) > _LEAST * len(items):
        above = [p - 1 / len(items[at].choices) for at, p in zip(kept, found.probability, strict=True)]
        most = sorted(range(len(kept)), key=lambda k: -above[k])[: math.ceil(_ROUND * len(kept))]
        kept = [at for k, at in enumerate(kept) if k not in {*most}]
        rounds += 1
        found = guess_without_pictures([items[at] for at in kept], seed + rounds)
    return set(kept)


def write_items(path: Path, items: Sequence[Item]) -> None:
    """Write items as a file that ``evaluate --benchmark`` reads; raises :class:`OutputError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    same = ("id", "type", "task", "question", "choices", "prompt", "source", "source_dataset", "relation", "form")
    rows = [
        {
            **{name: getattr(item, name) for name in (*same, "scene", "evidence")},
            "image": {"bytes": item.picture, "path": None},
            "answer": f"({item.gold})",
            "source_filename": item.cluster,
        }
        for item in items
    ]
    with atomic_file(path) as stream:
        pq.write_table(pa.Table.from_pylist(rows), stream)


def _chance(items: Sequence[Item]) -> float:
    return sum(1 / len(item.choices) for item in items) / len(items)


def _figures(
    items: Sequence[Item], found: Guessability, name: str, seed: int
) -> tuple[list[tuple[Any, ...]], list[dict[str, Any]]]:
    """Return rows of a table, and their numbers, for all items and for each task."""
    groups = {name: range(len(items))} | {
        task: [at for at, item in enumerate(items) if item.task == task] for task in sorted({i.task for i in items})
    }
    rows, numbers = [], []
    for group, places in groups.items():
        members, right = [items[at] for at in places], [found.right[at] for at in places]
        clusters = [item.cluster for item in members]
        interval = clustered_interval(clusters, ["all"] * len(right), right, seed=seed) or Interval(0.0, 1.0, "none")
        share, chance = sum(right) / len(right), _chance(members)
        pictures = len({*clusters})
        shown = (percent(share), percent_range(interval.low, interval.high), percent(chance))
        rows.append((group, len(members), pictures, *shown))
        figures = {"accuracy": share, "low": interval.low, "high": interval.high, "chance": chance}
        numbers.append({"group": group, "n": len(members), "pictures": pictures, **figures})
    return rows, numbers


def _example(item: Item, probability: float) -> tuple[str, str, str, str]:
    return (item.id, percent(probability), item.choices[LETTERS.index(item.gold)], item.question[-_SHOWN:])
