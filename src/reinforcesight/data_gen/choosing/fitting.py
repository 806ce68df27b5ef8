"""Find quotas that the pictures can fill: plan, count the selected questions, adapt, and repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from reinforcesight.data_gen.choosing.quotas import Quota, Supply, form_cycle, plan_quotas, split_samples
from reinforcesight.data_gen.choosing.selection import (
    PictureSummaries,
    SelectionRules,
    SplitBorders,
    count_supply,
    select,
    split_borders,
)
from reinforcesight.data_gen.questions.forms import AXES
from reinforcesight.relations.kinds import Axis

# An axis that reaches less than this fraction of its quota is scarce, and the other axes get the rest of its quota. An
# axis above it lacks only a few questions: all axes are then cut in proportion.
_SCARCE = 0.8
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Fit:
    """Plan by split, and the number of questions that it gives."""

    borders: SplitBorders
    quotas: Mapping[str, Quota]
    supply: Mapping[str, Supply]
    taken: Mapping[str, int]  # number of selected questions
    missing: int  # number of requested questions that are missing
    pictures: int  # pictures with at least one clear pair


def fit(pictures: PictureSummaries, rules: SelectionRules, *, adapt: bool) -> Fit:
    """Find quotas that the pictures can fill.

    Args:
        rules: Number of questions, fractions of the splits, and limits per picture.
        adapt: Whether to lower the quotas until they are filled. Otherwise they are kept, and ``missing`` of the
            result is the number of questions for which more pictures are needed.
    """
    fractions = {split: share for split, share in rules.fractions.items() if share > 0}
    borders = split_borders(pictures.contents(), fractions, seed=rules.seed)
    supply = count_supply(pictures, borders, rules)
    wanted = split_samples(rules.samples, fractions)
    samples = dict(wanted)
    capped = {split: Supply(s.pictures, s.capacity, +s.pairs, +s.named) for split, s in supply.items()}
    cycles = {axis: form_cycle(weights) for axis, weights in rules.forms.items()}
    for _ in range(_ROUNDS):
        quotas = plan_quotas(samples, capped, cycles, rules.axes)
        taken: dict[str, Counter[Axis]] = {split: Counter() for split in quotas}
        for selection in select(pictures, borders, quotas, supply, rules):
            taken[selection.split].update(pick.kind.relation.axis for pick in selection.picks)
        short = {split: _short(quotas[split], taken[split]) for split in quotas}
        if not adapt or not any(short.values()):
            break
        for split, axes in short.items():
            if axes:
                state = (quotas[split], taken[split], axes, capped[split], samples[split])
                samples[split] = _adapted(*state, rules.axes)
    counts = {split: taken[split].total() for split in wanted}
    return Fit(
        borders=borders,
        quotas=quotas,
        supply=supply,
        taken=counts,
        missing=sum(wanted.values()) - sum(counts.values()),
        pictures=sum(s.pictures for s in supply.values()),
    )


def _axis_quota(quota: Quota, axis: Axis) -> int:
    return sum(count for (of, _), count in quota.counts.items() if of is axis)


def _short(quota: Quota, taken: Counter[Axis]) -> list[Axis]:
    return [axis for axis in AXES if taken[axis] < _axis_quota(quota, axis)]


def _adapted(
    quota: Quota,
    taken: Counter[Axis],
    short: list[Axis],
    supply: Supply,
    samples: int,
    weights: Mapping[Axis, float],
) -> int:
    """Return the number of questions to plan in the next round.

    If only some axes have too few pairs, limit these to what was selected, so that the others get the rest; else plan
    fewer questions, in proportion to the weights.
    """
    scarce = [axis for axis in short if taken[axis] < _SCARCE * _axis_quota(quota, axis)]
    if scarce and len(scarce) < sum(_axis_quota(quota, axis) > 0 for axis in AXES):
        for axis in scarce:
            supply.pairs[axis] = taken[axis]
        return samples
    level = min(taken[axis] / weights[axis] for axis in short)
    parts = (min(_axis_quota(quota, axis), int(level * weights.get(axis, 0.0) + 1e-9)) for axis in AXES)
    return sum(parts) or taken.total()
