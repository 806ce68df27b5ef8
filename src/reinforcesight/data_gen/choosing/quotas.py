"""How many questions of which kind: exact quotas over relation, form, answer letter and yes/no truth.

A verified pair of objects serves either relation of its axis (exchange the objects), any answer letter, and any
form that its names allow. So only the axis and the form of a question depend on what the pictures hold; the rest
of its kind, a :class:`Cell`, is free to be dealt out evenly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reinforcesight.data_gen.questions.templates import Form
from reinforcesight.relations.kinds import Axis, Relation

AXES = tuple(Axis)
FORMS = tuple(Form)


@dataclass(frozen=True, slots=True)
class Cell:
    """What a question asks and where its right answer stands.

    Attributes:
        relation: The relation that holds of subject to reference.
        form: How it is asked.
        answer_index: Position of the right option.
        affirm: Yes/no questions: the right answer is "yes". True for all others.
    """

    relation: Relation
    form: Form
    answer_index: int
    affirm: bool = True


@dataclass(slots=True)
class Supply:
    """What one split's pictures can give.

    Attributes:
        pictures: Pictures with at least one pair.
        capacity: Most questions that these pictures can give together.
        pairs: By axis, pairs that can be asked about, at most so many from each picture as may be used.
        named: The same, of pairs whose names alone tell the objects.
    """

    pictures: int = 0
    capacity: int = 0
    pairs: Counter[Axis] = field(default_factory=Counter)
    named: Counter[Axis] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Quota:
    """One split's share: number of questions by axis and form, and the cells within each.

    ``start`` says how many questions of that axis and form other splits have: the cells go on where theirs end, so
    that the whole is even too.
    """

    counts: Mapping[tuple[Axis, Form], int]
    start: Mapping[tuple[Axis, Form], int]

    @property
    def total(self) -> int:
        """Number of questions."""
        return sum(self.counts.values())

    def cells(self) -> dict[tuple[Axis, Form], Counter[Cell]]:
        """The cells of each axis and form with their counts."""
        return {
            key: Counter(_cell(*key, self.start.get(key, 0) + n) for n in range(count))
            for key, count in self.counts.items()
        }


def form_cycle(weights: Mapping[Form, float]) -> tuple[Form, ...]:
    """Forms in the order in which they are dealt, each as often as its weight says, evenly spread.

    Equal weights give each form once. The cycle has at most 100 places.
    """
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


def _cell(axis: Axis, form: Form, n: int) -> Cell:
    """Cell of the n-th question of an axis and form: four in a row hold each relation with each letter."""
    # Forms and axes start at different places, so that what is left over after whole rounds evens out.
    n += FORMS.index(form) + 2 * AXES.index(axis)
    direction, answer_index, turn = n % 2, n // 2 % 2, n // 4 % 2
    affirm = form is not Form.YES_NO or direction ^ answer_index ^ turn == 0
    return Cell(axis.relations[direction], form, answer_index, affirm)


def split_samples(samples: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Number of questions of each split; no split with a share stays without one where there are enough."""
    total = sum(fractions.values())
    names = [name for name, share in fractions.items() if share > 0]
    counts = {name: round(samples * fractions[name] / total) for name in names[1:]}
    if samples >= len(names):
        counts = {name: max(1, count) for name, count in counts.items()}
    counts = {names[0]: samples - sum(counts.values()), **counts}
    return {name: counts.get(name, 0) for name in fractions}


def plan_quotas(
    samples: Mapping[str, int], supply: Mapping[str, Supply], cycle: Sequence[Form]
) -> dict[str, Quota]:
    """Quotas of all splits: even over axes and forms, as far as what the pictures hold allows.

    Where an axis has too few pairs, the others take its share; where an axis has too few pairs with names of their
    own, its questions with drawn boxes take the share of the other forms.
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
            forms = Counter(_dealt(cycle, done + AXES.index(axis), share))
            counts |= {(axis, form): n for form, n in _within_names(forms, axis, have).items() if n > 0}
        quotas[split] = Quota(counts, dict(before))
        before.update(counts)
        dealt += sum(counts.values())
    return quotas


def _dealt(cycle: Sequence[Form], start: int, count: int) -> Iterator[Form]:
    for n in range(start, start + count):
        yield cycle[n % len(cycle)]


def _fill(amount: int, limits: Sequence[int], *, first: int = 0) -> list[int]:
    """Deal an amount evenly into vessels of limited size; the remainder goes round from ``first`` on."""
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
    """Take from the forms that need names what the pairs with names can't give."""
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
