"""Quotas that the pictures can fill: plan, try, and adapt until the choice comes out exactly even."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from reinforcesight.data_gen.choosing.quotas import (
    AXES,
    Quota,
    Supply,
    form_cycle,
    plan_quotas,
    split_samples,
)
from reinforcesight.data_gen.choosing.selection import (
    Selection,
    SplitBorders,
    count_supply,
    select,
    split_borders,
)
from reinforcesight.data_gen.questions.templates import Form
from reinforcesight.data_gen.scanning.work_files import PictureSummary
from reinforcesight.relations.kinds import Axis

# An axis that reaches less than this share of its quota is scarce: the others then take over what it lacks.
# An axis above it lacks a few questions only: all are cut to the same number, so that they stay even.
_SCARCE = 0.8
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """What the choice of questions depends on beside the pictures.

    Attributes:
        samples: Questions wanted.
        fractions: Share of each split.
        forms: Weight of each form.
        limit: Most questions of a picture.
        seed: Seed of the data set.
    """

    samples: int
    fractions: Mapping[str, float]
    forms: Mapping[Form, float]
    limit: int
    seed: int

    @property
    def axis_limit(self) -> int:
        """Most questions of a picture along one axis."""
        return max(1, (self.limit + 1) // 2)

    @property
    def used_forms(self) -> frozenset[Form]:
        """Forms with a weight."""
        return frozenset(form for form, weight in self.forms.items() if weight > 0)


@dataclass(frozen=True, slots=True)
class Fit:
    """A plan and how many questions it yields.

    Attributes:
        borders: Which picture belongs to which split.
        quotas: What each split gets.
        supply: What each split's pictures hold.
        taken: Questions by split that the choice yields.
        missing: Questions that the wanted number lacks.
        pictures: Pictures with at least one clear pair.
    """

    borders: SplitBorders
    quotas: Mapping[str, Quota]
    supply: Mapping[str, Supply]
    taken: Mapping[str, int]
    missing: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Pictures:
    """Scanned pictures, read afresh from the work files on each pass."""

    summaries: Callable[[], Iterable[PictureSummary]]
    contents: Callable[[], Iterable[str]]


def fit(pictures: Pictures, rules: SelectionRules, *, adapt: bool) -> Fit:
    """Find quotas that the pictures can fill.

    Args:
        pictures: All scanned pictures.
        rules: What is wanted.
        adapt: Lower the quotas until they are filled. Otherwise they stay, and what is missing tells how many
            pictures more are needed.
    """
    fractions = {split: share for split, share in rules.fractions.items() if share > 0}
    borders = split_borders(pictures.contents(), fractions, seed=rules.seed)
    supply = count_supply(
        pictures.summaries(), borders, limit=rules.limit, axis_limit=rules.axis_limit, forms=rules.used_forms
    )
    wanted = split_samples(rules.samples, fractions)
    samples = dict(wanted)
    capped = {split: Supply(s.pictures, s.capacity, +s.pairs, +s.named) for split, s in supply.items()}
    cycle = form_cycle(rules.forms)
    for _ in range(_ROUNDS):
        quotas = plan_quotas(samples, capped, cycle)
        taken = _count(choose(pictures, borders, quotas, supply, rules))
        short = {split: _short(quotas[split], taken[split]) for split in quotas}
        if not adapt or not any(short.values()):
            break
        for split, axes in short.items():
            if axes:
                samples[split] = _adapted(quotas[split], taken[split], axes, capped[split], samples[split])
    counts = {split: taken[split].total() for split in wanted}
    return Fit(
        borders=borders,
        quotas=quotas,
        supply=supply,
        taken=counts,
        missing=sum(wanted.values()) - sum(counts.values()),
        pictures=sum(s.pictures for s in supply.values()),
    )


def choose(
    pictures: Pictures,
    borders: SplitBorders,
    quotas: Mapping[str, Quota],
    supply: Mapping[str, Supply],
    rules: SelectionRules,
) -> Iterator[Selection]:
    """The questions, picture by picture."""
    return select(
        pictures.summaries(), borders, quotas, supply, limit=rules.limit, axis_limit=rules.axis_limit
    )


def _count(selections: Iterable[Selection]) -> dict[str, Counter[Axis]]:
    taken: dict[str, Counter[Axis]] = {}
    for selection in selections:
        counts = taken.setdefault(selection.split, Counter())
        counts.update(pick.cell.relation.axis for pick in selection.picks)
    return _WithDefault(taken)


class _WithDefault(dict[str, Counter[Axis]]):
    def __missing__(self, key: str) -> Counter[Axis]:
        return Counter()


def _axis_quota(quota: Quota, axis: Axis) -> int:
    return sum(count for (of, _), count in quota.counts.items() if of is axis)


def _short(quota: Quota, taken: Counter[Axis]) -> list[Axis]:
    """Axes that did not reach their quota."""
    return [axis for axis in AXES if taken[axis] < _axis_quota(quota, axis)]


def _adapted(quota: Quota, taken: Counter[Axis], short: list[Axis], supply: Supply, samples: int) -> int:
    """Cap the scarce axes at what they gave; if there is none, the number of questions at which all come out even."""
    scarce = [axis for axis in short if taken[axis] < _SCARCE * _axis_quota(quota, axis)]
    if scarce and len(scarce) < sum(_axis_quota(quota, axis) > 0 for axis in AXES):
        for axis in scarce:
            supply.pairs[axis] = taken[axis]
        return samples
    level = min(taken[axis] for axis in short)
    return sum(min(_axis_quota(quota, axis), level) for axis in AXES) or taken.total()
