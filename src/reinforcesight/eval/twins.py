"""Accuracy over twins: two questions with the same words and opposite answers count if both are answered right."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from reinforcesight.data_gen.dataset.twins import pairs_of, twin_name
from reinforcesight.eval.answers import ScoredAnswer
from reinforcesight.eval.items import Item
from reinforcesight.eval.results import Accuracy, TwinPairs
from reinforcesight.eval.statistics import wilson


def twin_pairs(items: Sequence[Item], answers: Sequence[ScoredAnswer]) -> TwinPairs | None:
    """Return the figures over complete pairs of twins, or ``None`` without one.

    Args:
        answers: Answers of one variant; a pair needs both.
    """
    names = {item.id: twin_name(item.evidence) for item in items}
    pairs = [(answers[a], answers[b]) for a, b in pairs_of(names.get(answer.id) for answer in answers)]
    if not pairs:
        return None
    tasks = sorted({first.task for first, _ in pairs})
    right = [(first.task, first.correct + second.correct) for first, second in pairs]
    return TwinPairs(
        both_right=_share([count == 2 for _, count in right]),
        per_task={task: _share([count == 2 for of, count in right if of == task]) for task in tasks},
        one_right=sum(count == 1 for _, count in right),
        none_right=sum(count == 0 for _, count in right),
        same_answer=sum(a.letter is not None and a.letter == b.letter for a, b in pairs),
    )


def _share(right: Sequence[bool]) -> Accuracy:
    interval = wilson(sum(right), len(right))
    bounds = dataclasses.asdict(interval) if interval else {"low": None, "high": None, "method": "none"}
    return Accuracy(accuracy=sum(right) / len(right), correct=sum(right), n=len(right), **bounds)
