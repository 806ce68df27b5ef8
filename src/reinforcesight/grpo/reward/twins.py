"""Twins in GRPO: both questions of a pair in one step, and a bonus if both are answered correctly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np
import torch

from reinforcesight.data_gen.dataset.twins import pairs_of


def with_twins(kept: Collection[int], names: Sequence[str | None]) -> list[int]:
    """Return the positions in ``kept`` and those of their twins, in order."""
    chosen = set(kept)
    for pair in pairs_of(names):
        if chosen & set(pair):
            chosen |= set(pair)
    return sorted(chosen)


def order_with_pairs(names: Sequence[str | None], per_step: int, rng: np.random.Generator) -> list[int]:
    """Return a random order of all questions in which twins are in the same step of ``per_step`` questions.

    A pair that would begin in the last place of a step comes right after the next question without a twin. If there is
    none left, it is divided.
    """
    pairs = pairs_of(names)
    paired = {at for pair in pairs for at in pair}
    units: list[tuple[int, ...]] = [*pairs, *((at,) for at in range(len(names)) if at not in paired)]
    waiting: list[tuple[int, ...]] = []
    order: list[int] = []
    for place in rng.permutation(len(units)):
        unit = units[int(place)]
        if len(unit) == 2 and len(order) % per_step == per_step - 1:
            waiting.append(unit)
            continue
        order += unit
        while waiting and len(order) % per_step != per_step - 1:
            order += waiting.pop(0)
    return order + [at for unit in waiting for at in unit]


def pair_bonus(right: torch.Tensor, names: Sequence[str | None], ids: Sequence[str], size: int) -> torch.Tensor:
    """Return for each completion (N,) the probability that it and a random answer to its twin are both right.

    That is 0 for a wrong answer, the share of right answers in the twin's group for a right one, and 0 without a twin
    in the step.

    Args:
        right: 1 for a right answer that counts, else 0; shape (N,), the ``size`` completions of a group in a row.
        names: Name of the pair of each completion's question.
        ids: Id of each completion's question.
        size: Completions per group.
    """
    share = right.view(-1, size).mean(dim=1)
    groups: dict[str, list[int]] = defaultdict(list)
    for group in range(len(share)):
        name = names[group * size]
        if name is not None:
            groups[name].append(group)
    bonus = torch.zeros_like(right)
    for own in groups.values():
        for group in own:
            others = [float(share[other]) for other in own if ids[other * size] != ids[group * size]]
            if others:
                of = slice(group * size, (group + 1) * size)
                bonus[of] = right[of] * (sum(others) / len(others))
    return bonus
