"""How many questions of which kind: exact quotas over relation, form, answer letter and yes/no truth.

A verified pair of objects can be asked about with either relation of its axis (by exchanging the objects), with either
answer letter, and in each form that its names allow. So the pictures limit only how many questions each axis and form
can have; the rest of a :class:`QuestionKind` can always be balanced exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reinforcesight.data_gen.questions.forms import AXES, FORMS, Form
from reinforcesight.relations.kinds import Axis, Relation


@dataclass(frozen=True, slots=True)
class QuestionKind:
    """What a question asks and which option is right."""

    relation: Relation  # that holds of subject to reference
    form: Form
    answer_index: int
    affirm: bool = True  # yes/no questions: the right answer is "yes"


@dataclass(slots=True)
class Supply:
    """What one split's pictures allow."""

    pictures: int = 0  # with at least one pair
    capacity: int = 0  # maximum number of questions about all of them
    pairs: Counter[Axis] = field(default_factory=Counter)  # within the limit for each picture
    named: Counter[Axis] = field(default_factory=Counter)  # those with unique names, which need no drawn box


@dataclass(frozen=True, slots=True)
class Quota:
    """Planned questions of one split.

    Attributes:
        counts: Number of questions by axis and form.
        start: How many questions of that axis and form the splits before it have. The sequence of kinds continues
            there, so that the whole data set is balanced too.
    """

    counts: Mapping[tuple[Axis, Form], int]
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
    """The forms in a repeating sequence of at most 100, each as often as its weight says and evenly spread."""
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
    """Kind of the n-th question of an axis and form: four in a row hold each relation with each letter."""
    # Forms and axes start at different places, so that the remainders after whole rounds even out.
    n += FORMS.index(form) + 2 * AXES.index(axis)
    direction, answer_index, turn = n % 2, n // 2 % 2, n // 4 % 2
    affirm = form is not Form.YES_NO or direction ^ answer_index ^ turn == 0
    return QuestionKind(axis.relations[direction], form, answer_index, affirm)


def split_samples(samples: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Number of questions of each split: at least one for each split with a share, if there are enough."""
    total = sum(fractions.values())
    names = [name for name, share in fractions.items() if share > 0]
    counts = {name: round(samples * fractions[name] / total) for name in names[1:]}
    if samples >= len(names):
        counts = {name: max(1, count) for name, count in counts.items()}
    counts = {names[0]: samples - sum(counts.values()), **counts}
    return {name: counts.get(name, 0) for name in fractions}


def plan_quotas(samples: Mapping[str, int], supply: Mapping[str, Supply], cycle: Sequence[Form]) -> dict[str, Quota]:
    """Quotas of all splits, as even over axes and forms as the pictures allow.

    If an axis has too few pairs, the other axes get the rest of its share. If an axis has too few pairs with unique
    names, its questions with drawn boxes get the rest of the other forms' share.
    """
    quotas: dict[str, Quota] = {}
    before: Counter[tuple[Axis, Form]] = Counter()
    dealt = 0
    for split, wanted in samples.items():
        have = supply.get(split, Supply())
        shares = _fill(min(wanted, have.capacity), [have.pairs[axis] for axis in AXES], first=dealt)
        counts: dict[tuple[Axis, Form], int] = {}
        for axis, share in zip(AXES, shares, strict=True):
            done = sum(before[axis, form] for form in FORMS)
            start = done + AXES.index(axis)
            forms = Counter(cycle[n % len(cycle)] for n in range(start, start + share))
            counts |= {(axis, form): n for form, n in _within_names(forms, axis, have).items() if n > 0}
        quotas[split] = Quota(counts, dict(before))
        before.update(counts)
        dealt += sum(counts.values())
    return quotas


def _fill(amount: int, limits: Sequence[int], *, first: int = 0) -> list[int]:
    """Split an amount evenly into shares within their limits; the remainder goes to the shares from ``first`` on."""
    shares = [0] * len(limits)
    while amount > 0:
        open_ones = [i for i, limit in enumerate(limits) if shares[i] < limit]
        if not open_ones:
            break
        each = amount // len(open_ones)
        if each == 0:
            order = sorted(open_ones, key=lambda i: ((i - first) % len(limits), i))
            for i in order[:amount]:
                shares[i] += 1
            break
        for i in open_ones:
            step = min(each, limits[i] - shares[i])
            shares[i] += step
            amount -= step
    return shares


def _within_names(forms: Counter[Form], axis: Axis, have: Supply) -> Counter[Form]:
    """Move questions that need unique names, and have too few such pairs, to the form with drawn boxes."""
    boxes = Form.CVBENCH_BOXES
    excess = forms.total() - forms[boxes] - have.named[axis]
    if excess <= 0:
        return forms
    named = [form for form in forms if form is not boxes]
    shares = _fill(have.named[axis], [forms[form] for form in named])
    result = Counter(dict(zip(named, shares, strict=True)))
    if forms[boxes]:
        result[boxes] = min(forms[boxes] + excess, have.pairs[axis])
    return result
