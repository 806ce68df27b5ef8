"""Select the pairs that become questions: split by picture, exact balance, answers that text alone doesn't reveal.

Pictures are processed in order, and the same pictures give the same selection. Memory doesn't grow with the number of
pictures: only counters of fixed size are kept.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from zlib import crc32

import numpy as np

from reinforcesight.data_gen.choosing.quotas import Quota, Supply
from reinforcesight.data_gen.questions.forms import AXES, FORMS, Form, QuestionKind
from reinforcesight.data_gen.scanning.work_files import CandidateSummary, PictureSummary
from reinforcesight.relations.kinds import Axis, Relation

# Split borders are computed from this many pictures: exact for small data sets, precise enough for large ones.
_BORDER_SAMPLE = 4096
_NOUN_BUCKETS = 1 << 14
_PAIR_BUCKETS = 1 << 17
_GIVEN_AWAY = 0.0  # cost from which names or place give a pair's answer away ...
_PATIENCE = 0.6  # ... so that it is left, unless the needed share of the pairs to come is larger than this
_FULL = 0.9  # or the needed share of all questions that the pictures to come may have is larger than this
# Pairs to come that are not counted on. Some can't be used, and the last pictures would leave a question missing.
_RESERVE = 6
# Cost of a pair that a rule of thumb answers, once that rule is right too often; above the other costs of most pairs.
_GUESSED_COST = 8.0


@dataclass(frozen=True, slots=True)
class SplitBorders:
    """Assigns pictures to splits by a digest of their content and the seed.

    A picture under two names is always in one split.
    """

    seed: int
    upper: tuple[tuple[str, float], ...]  # splits with the first digest value beyond them, in increasing order

    def split_of(self, content: str) -> str:
        value = _fraction(self.seed, content)
        return next(name for name, limit in self.upper if value < limit)


def _fraction(seed: int, content: str) -> float:
    digest = sha256(f"{seed} {content}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def split_borders(contents: Iterable[str], fractions: Mapping[str, float], *, seed: int) -> SplitBorders:
    """Return borders that give each split its fraction of the different pictures, at least one if there are enough.

    The first split (train) gets the rest.
    """
    seen: dict[str, None] = {}
    for content in contents:
        seen[content] = None
        if len(seen) == _BORDER_SAMPLE:
            break
    values = sorted({_fraction(seed, content) for content in seen})
    total = sum(fractions.values())
    names = [name for name, share in fractions.items() if share > 0]
    upper: list[tuple[str, float]] = []
    taken = 0
    for place in range(len(names) - 1, 0, -1):
        name = names[place]
        count = round(len(values) * fractions[name] / total)
        if len(values) >= len(names):  # and one is left for each remaining split
            taken = min(taken + max(1, count), len(values) - place)
        # Below the first value that belongs to the next split.
        upper.append((name, values[taken] if taken and taken < len(values) else 0.0))
    return SplitBorders(seed, (*upper, (names[0], 2.0)))


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """Settings that the selection depends on."""

    samples: int  # requested number of questions
    fractions: Mapping[str, float]  # fraction of each split
    axes: Mapping[Axis, float]  # weights
    forms: Mapping[Axis, Mapping[Form, float]]  # weights along each axis
    limit: int  # maximum number of questions about a picture
    seed: int
    twins: float = 0.0  # fraction of the questions that are pairs of twins, if there are enough
    max_shortcut_share: float = 1.0  # see GenerateConfig

    @property
    def axis_limit(self) -> int:
        """Return the maximum number of questions about a picture along one axis."""
        return max(1, (self.limit + 1) // 2)


@dataclass(frozen=True, slots=True)
class PictureSummaries:
    """Summaries and content digests of scanned pictures, which each pass reads again from the work files."""

    summaries: Callable[[], Iterable[PictureSummary]]
    contents: Callable[[], Iterable[str]]


def count_supply(pictures: PictureSummaries, borders: SplitBorders, rules: SelectionRules) -> dict[str, Supply]:
    supply = {name: Supply() for name, _ in borders.upper}
    forms = {axis: frozenset(rules.forms.get(axis, ())) if rules.axes.get(axis) else frozenset() for axis in AXES}
    for picture in pictures.summaries():
        have = supply[borders.split_of(picture.content)]
        pairs, named = _offers(picture, rules.axis_limit, forms)
        if pairs:
            have.pictures += 1
            have.capacity += min(rules.limit, pairs.total())
            have.pairs.update(pairs)
            have.named.update(named)
    return supply


def _offers(
    picture: PictureSummary, axis_limit: int, forms: Mapping[Axis, frozenset[Form]]
) -> tuple[Counter[Axis], Counter[Axis]]:
    """Return the possible number of questions about a picture by axis: all, and those without drawn boxes."""
    usable = [(candidate.axis, candidate.forms & forms[candidate.axis]) for candidate in picture.candidates]
    pairs = Counter(axis for axis, possible in usable if possible)
    named = Counter(axis for axis, possible in usable if possible - {Form.CVBENCH_BOXES})
    cap = Counter({axis: min(n, axis_limit) for axis, n in pairs.items()})
    return cap, Counter({axis: min(n, axis_limit) for axis, n in named.items()})


@dataclass(frozen=True, slots=True)
class Pick:
    """Question to write: index among the picture's candidates, kind, and its place in a pair of twins."""

    position: int
    kind: QuestionKind
    twin_of: int | None = None  # index of the first question of a pair of twins among the picture's questions
    second: bool = False  # asked about the twin of the picture
    guessed: tuple[str, ...] = ()  # rules of thumb that give the correct answer


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected questions of one picture."""

    picture: PictureSummary
    split: str
    picks: tuple[Pick, ...]


class _Evenness:
    """Counts how often each noun, and each pair of nouns, had the smaller value along an axis.

    If lamps are always above tables, the text alone reveals the answer. So the selection prefers pairs that bring
    these counters back to zero. Counters are indexed by a checksum of the noun, so their number is fixed.
    """

    def __init__(self, fewer_shortcuts: bool) -> None:
        self._fewer_shortcuts = fewer_shortcuts
        self._nouns = np.zeros((len(AXES), _NOUN_BUCKETS), dtype=np.int32)
        self._pairs = np.zeros((len(AXES), _PAIR_BUCKETS), dtype=np.int32)

    def cost(self, candidate: CandidateSummary) -> float:
        """Return how far this pair would move the counters away from zero; negative if towards zero."""
        if candidate.first == candidate.second:
            return 0.0
        axis, first, second, pair, sign = self._places(candidate)
        nouns = int(self._nouns[axis, first]) - int(self._nouns[axis, second])
        of_pair, of_noun = (1.0, 1.0) if self._fewer_shortcuts else (2.0, 0.5)
        return of_pair * sign * int(self._pairs[axis, pair]) + of_noun * nouns

    def add(self, candidate: CandidateSummary) -> None:
        if candidate.first != candidate.second:
            axis, first, second, pair, sign = self._places(candidate)
            self._nouns[axis, first] += 1
            self._nouns[axis, second] -= 1
            self._pairs[axis, pair] += sign

    @staticmethod
    def _places(candidate: CandidateSummary) -> tuple[int, int, int, int, int]:
        low, high = sorted((candidate.first, candidate.second))
        return (
            AXES.index(candidate.axis),
            crc32(candidate.first.encode()) % _NOUN_BUCKETS,
            crc32(candidate.second.encode()) % _NOUN_BUCKETS,
            crc32(f"{low}\n{high}".encode()) % _PAIR_BUCKETS,
            1 if candidate.first == low else -1,
        )


class _SplitState:
    """Questions that one split still needs, and pairs that are still available."""

    def __init__(self, quota: Quota, supply: Supply, rules: SelectionRules) -> None:
        self.rules = rules
        self.twins_taken = 0
        self._chosen: Counter[Axis] = Counter()
        self._guessed: Counter[str] = Counter()
        self.kinds = quota.kinds()
        self.planned = {key: kinds.total() for key, kinds in self.kinds.items()}
        self.left = Counter(self.planned)
        self.axis_left: Counter[Axis] = Counter()
        for (axis, _), count in self.left.items():
            self.axis_left[axis] += count
        self.pairs_to_come = Counter(supply.pairs)
        self.pictures, self.pictures_seen = supply.pictures, 0
        self.total, self.taken = quota.total, 0
        self.even = _Evenness(rules.max_shortcut_share < 1)
        self._asked: Counter[Relation | tuple[Axis, int]] = Counter()

    def allowance(self) -> int:
        """Return the maximum number of questions about the next picture, so that all pictures contribute equally.

        With 20 pictures or more, the quota is reached after 95 % of them; the rest are a reserve.
        """
        pace = 1.0 if self.pictures < 20 else 0.95
        due = self.total * (self.pictures_seen + 1) / max(1.0, self.pictures * pace)
        return max(0, min(self.rules.limit, int(np.ceil(min(due, self.total) - 1e-9)) - self.taken))

    def take(self, candidate: CandidateSummary, form: Form, rng: random.Random) -> QuestionKind:
        """Assign a kind to a selected pair: the kind with most questions left, or of several the one asked least."""
        axis = candidate.axis
        kinds = self.kinds[axis, form]
        most = max(kinds.values())
        equals = [kind for kind, count in kinds.items() if count == most]
        rng.shuffle(equals)
        kind = min(equals, key=lambda c: self._asked[c.relation] + self._asked[axis, c.answer_index])
        self._count(kind, candidate.guessed)
        self.even.add(candidate)
        return kind

    def _count(self, kind: QuestionKind, guessed: Sequence[str]) -> None:
        axis, form = kind.relation.axis, kind.form
        self.kinds[axis, form][kind] -= 1
        self._asked.update((kind.relation, (axis, kind.answer_index)))
        self.left[axis, form] -= 1
        self.axis_left[axis] -= 1
        self.taken += 1
        self._chosen[axis] += 1
        self._guessed.update(guessed)

    def twin_is_due(self) -> bool:
        return self.twins_taken + 2 <= self.rules.twins * (self.taken + 2)

    def twin_kinds(self, axis: Axis, form: Form) -> list[QuestionKind]:
        """Return the kinds of questions still needed whose twin's kind is needed, too."""
        kinds = self.kinds.get((axis, form), Counter())
        return [kind for kind, count in kinds.items() if count > 0 and kinds[kind.twin] > 0]

    def take_twins(
        self, candidate: CandidateSummary, form: Form, rng: random.Random
    ) -> tuple[QuestionKind, QuestionKind]:
        """Assign kinds to a pair of twins. Its answers are opposite, so it changes no balance of answers or nouns."""
        kinds = self.kinds[candidate.axis, form]
        usable = self.twin_kinds(candidate.axis, form)
        rng.shuffle(usable)
        kind = max(usable, key=lambda kind: kinds[kind] + kinds[kind.twin])
        self._count(kind, candidate.guessed)
        self._count(kind.twin, candidate.twin_guessed)
        self.twins_taken += 2
        return kind, kind.twin

    def cost(self, candidate: CandidateSummary) -> float:
        """Return the cost of selecting this pair, from unbalanced nouns and rules of thumb that are right too often."""
        most = self.rules.max_shortcut_share * (self._chosen[candidate.axis] + 1)
        too_often = sum(self._guessed[rule] + 1 > most for rule in candidate.guessed)
        return self.even.cost(candidate) + _GUESSED_COST * too_often

    def urgency(self, axis: Axis) -> float:
        return self.axis_left[axis] / max(1, self.pairs_to_come[axis])

    def passes_over(self, candidate: CandidateSummary) -> bool:
        """Return whether to skip this pair, because a shortcut answers it and enough other pairs follow."""
        if self.rules.max_shortcut_share >= 1:
            return False
        if self.axis_left[candidate.axis] > _PATIENCE * (self.pairs_to_come[candidate.axis] - _RESERVE):
            return False
        if self.total - self.taken > _FULL * self.rules.limit * (self.pictures - self.pictures_seen - 1):
            return False
        return self.cost(candidate) > _GIVEN_AWAY


def select(
    pictures: PictureSummaries,
    borders: SplitBorders,
    quotas: Mapping[str, Quota],
    supply: Mapping[str, Supply],
    rules: SelectionRules,
) -> Iterator[Selection]:
    """Select the questions, picture by picture in order. Pictures without questions are left out."""
    states = {name: _SplitState(quota, supply[name], rules) for name, quota in quotas.items()}
    planned = frozenset(form for quota in quotas.values() for _, form in quota.counts)
    forms = {axis: planned & frozenset(rules.forms.get(axis, ())) for axis in AXES}
    for picture in pictures.summaries():
        split = borders.split_of(picture.content)
        state = states[split]
        pairs, _ = _offers(picture, rules.axis_limit, forms)
        if not pairs:
            continue
        picks = _pick(picture, state)
        state.pictures_seen += 1
        state.pairs_to_come.subtract(pairs)
        if picks:
            yield Selection(picture, split, tuple(picks))


@dataclass(slots=True)
class _Used:
    """What the questions about one picture are about so far."""

    axes: Counter[Axis] = field(default_factory=Counter)
    forms: Counter[Form] = field(default_factory=Counter)
    objects: Counter[int] = field(default_factory=Counter)
    pairs: Counter[tuple[int, ...]] = field(default_factory=Counter)

    def add(self, candidate: CandidateSummary, form: Form) -> None:
        self.axes[candidate.axis] += 1
        self.forms[form] += 1
        self.objects.update(candidate.objects)
        self.pairs[tuple(sorted(candidate.objects[:2]))] += 1

    def cost(self, candidate: CandidateSummary) -> float:
        pair = tuple(sorted(candidate.objects[:2]))
        return 3.0 * self.pairs[pair] + sum(self.objects[place] for place in candidate.objects)


def _pick(picture: PictureSummary, state: _SplitState) -> list[Pick]:
    rng = random.Random(int(picture.content[:15], 16))
    candidates = list(picture.candidates)
    rng.shuffle(candidates)
    limit, used = state.allowance(), _Used()
    picks: list[Pick] = []
    while sum(not pick.second for pick in picks) < limit:
        twins = _next(candidates, state, used, twins=True) if state.twin_is_due() else None
        found = twins or _next(candidates, state, used)
        if found is None:
            break
        candidate, form = found
        if twins:
            first = len(picks)
            for second, kind in enumerate(state.take_twins(candidate, form, rng)):
                guessed = candidate.twin_guessed if second else candidate.guessed
                picks.append(Pick(candidate.position, kind, first, bool(second), guessed))
        else:
            picks.append(Pick(candidate.position, state.take(candidate, form, rng), guessed=candidate.guessed))
        candidates.remove(candidate)
        used.add(candidate, form)
    return picks


def _next(
    candidates: list[CandidateSummary], state: _SplitState, used: _Used, *, twins: bool = False
) -> tuple[CandidateSummary, Form] | None:
    """Return the pair and question form that best fill the remaining quotas, or ``None`` if none can.

    With ``twins``, only pairs whose relation is inverted in the picture's twin.
    """
    axes = [axis for axis in AXES if state.axis_left[axis] > 0 and used.axes[axis] < state.rules.axis_limit]
    # The scarcest axis first; among equals, one without a question about this picture so far.
    axes.sort(key=lambda axis: (-round(state.urgency(axis), 2), used.axes[axis], -state.axis_left[axis]))
    for axis in axes:
        group = [candidate for candidate in candidates if candidate.axis is axis]
        lacking = [form for form in FORMS if state.left[axis, form] > 0]
        lacking.sort(key=lambda form: used.forms[form] - 2.0 * state.left[axis, form] / state.planned[axis, form])
        for form in lacking:
            if twins and not state.twin_kinds(axis, form):
                continue
            fitting = [
                candidate for candidate in group if form in (candidate.twin_forms if twins else candidate.forms)
            ]
            if fitting:
                best = min(fitting, key=lambda candidate: state.cost(candidate) + used.cost(candidate))
                if not twins and state.passes_over(best):
                    break
                return best, form
    return None
