"""Figures from scored answers: accuracies with intervals, chance, pairs of answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.twins import pairs_of, twin_name
from reinforcesight.eval.answers import ScoredAnswer
from reinforcesight.eval.items import Item, Variant
from reinforcesight.eval.results import (
    Accuracy,
    Chance,
    Consistency,
    Paired,
    Results,
    Summary,
    Swapped,
    TaskTest,
    TwinPairs,
    VariantFigures,
)
from reinforcesight.eval.statistics import clustered_interval, holm, mcnemar, paired_test, stratified_accuracy
from reinforcesight.protocol import LETTERS
from reinforcesight.relations.kinds import Relation


def summarise(answers: Sequence[ScoredAnswer], *, seed: int) -> Summary:
    """Compute all figures of one variant.

    Single accuracies have Wilson's interval, micro and macro averages a bootstrap over pictures. Answers that can't be
    parsed count as wrong and are also counted under ``parse_status``.
    """
    return Summary(
        micro=aggregate(answers, lambda a: "all", seed),
        macro=aggregate(answers, lambda a: a.task, seed),
        per_task=_groups(answers, lambda a: a.task),
        per_source=_groups(answers, lambda a: a.source or "unnamed"),
        per_source_dataset=_groups((a for a in answers if a.source_dataset), lambda a: a.source_dataset),
        per_relation=_groups((a for a in answers if a.relation), lambda a: a.relation or ""),
        per_form=_groups(answers, lambda a: a.form),
        per_letter=_groups(answers, lambda a: a.gold),
        letters_given=_counts(a.letter or "none" for a in answers),
        parse_rate=Accuracy.of([a.letter is not None for a in answers]),
        parse_status=_counts(a.status for a in answers),
        parse_rules=_counts(a.rule for a in answers),
        truncated=sum(a.truncated is True for a in answers),
        confusion=_confusion(answers),
        metrics=_mean_metrics(answers),
    )


def chance(items: Sequence[Item]) -> Chance:
    by_task: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.task):
        by_task[item.task].append(item)
    # An open answer has one choice, which nobody can guess.
    random = {
        task: sum(1 / len(i.choices) for i in group if len(i.choices) > 1) / len(group)
        for task, group in by_task.items()
    }
    top = {
        task: max(Counter(i.gold for i in group if len(i.choices) > 1).values(), default=0)
        for task, group in by_task.items()
    }
    total = max(len(items), 1)
    return Chance(
        random=sum(random[task] * len(group) for task, group in by_task.items()) / total,
        majority=sum(top.values()) / total,
        random_per_task=random,
        majority_per_task={task: top[task] / len(group) for task, group in by_task.items()},
    )


def swapped(plain: Sequence[ScoredAnswer], other: Sequence[ScoredAnswer], *, not_swappable: int, seed: int) -> Swapped:
    here, there = _numbered(plain), _numbered(other)
    pairs = [(here[name], there[name]) for name in here if name in there]
    same = [_chosen(a) is not None and _chosen(a) == _chosen(b) for a, b in pairs]
    return Swapped(
        consistency=Accuracy.of(same),
        both_orders=aggregate([answer for pair in pairs for answer in pair], lambda a: "all", seed),
        both_correct=Accuracy.of([a.correct and b.correct for a, b in pairs]),
        not_swappable=not_swappable,
        summary=summarise(other, seed=seed),
    )


def consistency(
    plain: Sequence[ScoredAnswer],
    variants: Mapping[Variant, Sequence[ScoredAnswer]],
    left_out: Mapping[str, int],
    *,
    seed: int,
) -> Consistency:
    """Count an item as right only if its plain question and all its variants are answered right."""
    here = _numbered(plain)
    there = {variant: _numbered(answers) for variant, answers in variants.items()}
    right: dict[tuple[str, int], dict[Variant, bool]] = {
        name: {variant: found[name].correct for variant, found in there.items() if name in found} for name in here
    }
    varied = {name: found for name, found in right.items() if found}
    whole = [
        here[name].model_copy(update={"correct": here[name].correct and all(found.values())})
        for name, found in varied.items()
    ]
    figures = {}
    for variant in variants:
        both = [(here[name], found) for name, found in varied.items() if variant in found]
        figures[variant.value] = VariantFigures(
            right=Accuracy.of([found[variant] for _, found in both]),
            breaks=Accuracy.of([not found[variant] for answer, found in both if answer.correct]),
            alone=sum(
                answer.correct and [v for v, correct in found.items() if not correct] == [variant]
                for answer, found in both
            ),
        )
    chances = [(1 / len(here[name].choices)) ** (1 + len(found)) for name, found in varied.items()]
    return Consistency(
        all_right=aggregate(whole, lambda a: "all", seed),
        plain=aggregate([here[name] for name in varied], lambda a: "all", seed),
        chance=sum(chances) / max(1, len(chances)),
        per_task=_groups(whole, lambda a: a.task),
        per_variant=figures,
        left_out=dict(sorted(left_out.items())),
    )


def paired(
    plain: Sequence[ScoredAnswer],
    protocol: Mapping[str, Any],
    path: Path,
    baseline: Results,
    theirs: Sequence[ScoredAnswer],
    *,
    seed: int,
) -> Paired:
    """Compare with a baseline (its file, figures and answers) on the items that both answered, matched by content."""
    here, there = _numbered(plain), _numbered([answer for answer in theirs if answer.variant is Variant.PLAIN])
    common = [name for name in here if name in there]
    return Paired(
        title=baseline.title,
        path=str(path),
        same_protocol=all(protocol[part] == baseline.protocol.get(part) for part in ("name", "decoding")),
        only_here=len(here) - len(common),
        only_there=len(there) - len(common),
        test=paired_test(
            [here[name].cluster for name in common],
            [here[name].correct for name in common],
            [there[name].correct for name in common],
            seed=seed,
        ),
        per_task=_task_tests([(here[name], there[name]) for name in common]),
    )


def twin_pairs(items: Sequence[Item], answers: Sequence[ScoredAnswer]) -> TwinPairs | None:
    """Return the figures over twins of which both are answered: two questions with the same words, opposite answers."""
    names = {item.id: twin_name(item.evidence) for item in items}
    pairs = [(answers[a], answers[b]) for a, b in pairs_of(names.get(answer.id) for answer in answers)]
    if not pairs:
        return None
    tasks = sorted({first.task for first, _ in pairs})
    right = [(first.task, first.correct + second.correct) for first, second in pairs]
    return TwinPairs(
        both_right=Accuracy.of([count == 2 for _, count in right]),
        per_task={task: Accuracy.of([count == 2 for of, count in right if of == task]) for task in tasks},
        one_right=sum(count == 1 for _, count in right),
        none_right=sum(count == 0 for _, count in right),
        same_answer=sum(a.letter is not None and a.letter == b.letter for a, b in pairs),
    )


def _task_tests(pairs: Sequence[tuple[ScoredAnswer, ScoredAnswer]]) -> dict[str, TaskTest]:
    """Run the paired test for each task, with p-values adjusted for the number of tasks."""
    tasks = sorted({answer.task for answer, _ in pairs})
    found = {task: [(a.correct, b.correct) for a, b in pairs if a.task == task] for task in tasks}
    p_values = [mcnemar(sum(a and not b for a, b in f), sum(b and not a for a, b in f)) for f in found.values()]
    return {
        task: TaskTest(
            n=len(found[task]),
            difference=sum(a - b for a, b in found[task]) / len(found[task]),
            p_value=p_value,
            p_adjusted=adjusted,
        )
        for task, p_value, adjusted in zip(tasks, p_values, holm(p_values), strict=True)
    }


def _numbered(answers: Sequence[ScoredAnswer]) -> dict[tuple[str, int], ScoredAnswer]:
    """Return answers by item and occurrence, since a benchmark may contain the same question twice."""
    seen: Counter[str] = Counter()
    numbered = {}
    for answer in answers:
        numbered[answer.item, seen[answer.item]] = answer
        seen[answer.item] += 1
    return numbered


def _chosen(answer: ScoredAnswer) -> str | None:
    return None if answer.letter is None else answer.choices[LETTERS.index(answer.letter)]


def _groups(answers: Iterable[ScoredAnswer], group: Callable[[ScoredAnswer], str]) -> dict[str, Accuracy]:
    right: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        right[group(answer)].append(answer.correct)
    return {name: Accuracy.of(right[name]) for name in sorted(right)}


def aggregate(
    answers: Sequence[ScoredAnswer],
    stratum: Callable[[ScoredAnswer], str],
    seed: int,
    weights: Mapping[str, float] | None = None,
) -> Accuracy:
    """Return the mean of the strata's accuracies, with a bootstrap interval over pictures."""
    right = [a.correct for a in answers]
    strata = [stratum(a) for a in answers]
    clusters = [a.cluster for a in answers]
    interval = clustered_interval(clusters, strata, right, seed=seed, weights=weights)
    value = stratified_accuracy(right, strata, weights) if answers else None
    return Accuracy.within(interval, value, sum(right) if len(set(strata)) <= 1 else None, len(answers))


def _confusion(answers: Sequence[ScoredAnswer]) -> dict[str, dict[str, int]]:
    """Count the relations that answers express, for each gold relation; ``unreadable`` if parsing failed.

    A wrong answer to a question with two choices expresses the inverse relation, whatever its words.
    """
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for answer in answers:
        if answer.relation is None:
            continue
        if answer.letter is None:
            given = "unreadable"
        elif answer.correct:
            given = answer.relation
        else:
            known = len(answer.choices) == 2 and answer.relation in set(Relation)
            given = Relation(answer.relation).inverse.value if known else _chosen(answer) or "unreadable"
        table[answer.relation][given] += 1
    return {true: dict(sorted(table[true].items())) for true in sorted(table)}


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _mean_metrics(answers: Sequence[ScoredAnswer]) -> dict[str, float]:
    names = sorted({name for answer in answers for name in answer.metrics})
    values = {name: [answer.metrics[name] for answer in answers if name in answer.metrics] for name in names}
    return {name: sum(found) / len(found) for name, found in values.items()}
