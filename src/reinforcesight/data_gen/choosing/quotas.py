"""Plan the number of questions: exact quotas over relation, form, answer letter and yes/no truth.

A verified pair of objects can be asked about with either relation of its axis (by exchanging the objects), with either
answer letter, and in each form that its names allow. So the pictures limit only the number of questions per axis and
form; the rest of a :class:`QuestionKind` can always be balanced exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reinforcesight.data_gen.questions.forms import AXES, FORMS, Form, QuestionKind
from reinforcesight.relations.kinds import Axis


@dataclass(slots=True)
class Supply:
    """Number of possible questions in one split."""

    pictures: int = 0  # pictures with at least one pair
    capacity: int = 0  # maximum number of questions about all pictures
    pairs: Counter[Axis] = field(default_factory=Counter)  # pairs, within the limit for each picture
    named: Counter[Axis] = field(default_factory=Counter)  # pairs with unique names, which need no drawn box


@dataclass(frozen=True, slots=True)
class Quota:
    """Planned questions of one split."""

    counts: Mapping[tuple[Axis, Form], int]  # number of questions by axis and form
    # The same in the previous splits: the sequence of kinds continues there, so that all splits together are balanced.
    start: Mapping[tuple[Axis, Form], int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def kinds(self) -> dict[tuple[Axis, Form], Counter[QuestionKind]]:
        return {
            key: Counter(_kind(*key, self.start.get(key, 0) + n) for n in range(count))
            for key, count in self.counts.items()
        }


def form_cycle(weights: Mapping[Form, float]) -> tuple[Form, ...]:
    """Return a repeating sequence of at most 100 forms, with frequencies by weight and evenly spaced."""
    used = {form: weights[form] for form in FORMS if weights.get(form, 0.0) > 0}
    length = next(
        (n for n in range(1, 101) if all(_near_integer(w * n / sum(used.values())) for w in used.values())),
        100,
    )
    credit = dict.fromkeys(used, 0.0)
    cycle = []
    for _ in range(length):
        for form, weight in used.items():
            credit[form] += weight / sum(used.values())
        chosen = max(credit, key=lambda form: credit[form])
        credit[chosen] -= 1.0
        cycle.append(chosen)
    return tuple(cycle)


def _near_integer(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


def _kind(axis: Axis, form: Form, n: int) -> QuestionKind:
    """Return the kind of question ``n`` of an axis and form.

    Every four consecutive questions cover all combinations of relation and letter.
    """
    # Forms and axes start at different offsets, so that the remainders after full rounds even out.
    n += FORMS.index(form) + 2 * AXES.index(axis)
    direction, answer_index, turn = n % 2, n // 2 % 2, n // 4 % 2
    affirm = form is not Form.YES_NO or direction ^ answer_index ^ turn == 0
    return QuestionKind(axis.relations[direction], form, answer_index, affirm)


def split_samples(samples: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Return the number of questions of each split: at least one if its fraction is above 0, if there are enough."""
    total = sum(fractions.values())
    names = [name for name, share in fractions.items() if share > 0]
    counts = {name: round(samples * fractions[name] / total) for name in names[1:]}
    if samples >= len(names):
        counts = {name: max(1, count) for name, count in counts.items()}
    counts = {names[0]: samples - sum(counts.values()), **counts}
    return {name: counts.get(name, 0) for name in fractions}


def plan_quotas(
    samples: Mapping[str, int],
    supply: Mapping[str, Supply],
    cycles: Mapping[Axis, Sequence[Form]],
    weights: Mapping[Axis, float],
) -> dict[str, Quota]:
    """Return the quotas of all splits, as near to the weights of axes and forms as the pictures allow.

    ``cycles`` are sequences of forms (:func:`form_cycle`). If an axis has too few pairs, the other axes get its missing
    questions. If an axis has too few pairs with unique names, the form with drawn boxes gets the missing questions of
    its other forms.
    """
    quotas: dict[str, Quota] = {}
    before: Counter[tuple[Axis, Form]] = Counter()
    dealt = 0
    for split, wanted in samples.items():
        have = supply.get(split, Supply())
        limits = [have.pairs[axis] for axis in AXES]
        shares = _fill(min(wanted, have.capacity), limits, [weights.get(axis, 0.0) for axis in AXES], first=dealt)
        counts: dict[tuple[Axis, Form], int] = {}
        for axis, share in zip(AXES, shares, strict=True):
            done = sum(before[axis, form] for form in FORMS)
            start = done + AXES.index(axis)
            cycle = cycles.get(axis, ())
            forms = Counter(cycle[n % len(cycle)] for n in range(start, start + share))
            counts |= {(axis, form): n for form, n in _within_names(forms, axis, have).items() if n > 0}
        quotas[split] = Quota(counts, dict(before))
        before.update(counts)
        dealt += sum(counts.values())
    return quotas


def _fill(amount: int, limits: Sequence[int], weights: Sequence[float], *, first: int = 0) -> list[int]:
    """Split an amount by weight into parts within their limits; remainders go to the parts from ``first`` on."""
    shares = [0] * len(limits)
    while amount > 0:
        open_ones = [i for i, limit in enumerate(limits) if shares[i] < limit and weights[i] > 0]
        if not open_ones:
            break
        whole = sum(weights[i] for i in open_ones)
        due = {i: int(amount * weights[i] / whole + 1e-9) for i in open_ones}
        if not any(due.values()):
            order = sorted(open_ones, key=lambda i: ((i - first) % len(limits), i))
            for i in order[:amount]:
                shares[i] += 1
            break
        for i in open_ones:
            step = min(due[i], limits[i] - shares[i])
            shares[i] += step
            amount -= step
    return shares


def _within_names(forms: Counter[Form], axis: Axis, have: Supply) -> Counter[Form]:
    """Move questions that need unique names, but have too few such pairs, to the form with drawn boxes."""
    boxes = Form.CVBENCH_BOXES
    excess = forms.total() - forms[boxes] - have.named[axis]
    if excess <= 0:
        return forms
    named = [form for form in forms if form is not boxes]
    shares = _fill(have.named[axis], [forms[form] for form in named], [1.0] * len(named))
    result = Counter(dict(zip(named, shares, strict=True)))
    if forms[boxes]:
        result[boxes] = min(forms[boxes] + excess, have.pairs[axis])
    return result
