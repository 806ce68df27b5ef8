"""Measure how well answers can be guessed without the picture.

Classifiers learn from the text of some pictures and predict the answers for others (cross-validation, grouped by
picture). An accuracy near chance means that the text reveals nothing. There are three targets:

- ``letter``: the correct letter, from question and options;
- ``truth``: yes or no, from yes/no questions;
- ``order``: which of the two objects has the smaller value along the axis, from the names of all objects. Both orders
  of the options are the same input, so that shuffled options can't hide that lamps are always above tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reinforcesight.data_gen.audit.findings import Findings, Table
from reinforcesight.data_gen.audit.rows import Understood, plain_relation
from reinforcesight.data_gen.dataset.rows import Row
from reinforcesight.language.vocabulary import canonical_words
from reinforcesight.pages.render import percent, percent_range
from reinforcesight.protocol import LETTERS

_FOLDS = 5
_MIN_ROWS = 40
# Accuracy above chance for a warning and for a failure, after subtracting this many standard errors, since about
# fifteen figures are tested.
_HINT, _SHORTCUT = 0.01, 0.12
_STANDARD_ERRORS = 3.5
# The pipeline can always balance letters and truth. The order depends on the pictures: names that reveal it are an
# error only if there are enough pictures to select from.
_ENOUGH_PICTURES = 100


@dataclass(frozen=True, slots=True)
class TextItem:
    """Text features and targets of one question."""

    group: str
    axis: str
    form: str
    text: str
    letter: int  # index of the correct option
    options: int
    first: tuple[str, ...]  # whole name and single words; the two objects are in alphabetical order
    second: tuple[str, ...]
    anchor: str
    first_is_smaller: bool | None  # whether the first object has the smaller value along the axis; None: equal names
    yes: bool | None  # whether the answer is yes; None: not a yes/no question


class TextSample:
    """Keeps at most ``most`` rows, those with the smallest digest: a fixed random sample."""

    def __init__(self, most: int, seed: int) -> None:
        self._most = most
        self._seed = seed
        self._items: list[tuple[bytes, TextItem]] = []

    def add(self, row: Row, known: Understood) -> None:
        holds = plain_relation(known)
        answer = LETTERS.find(row.answer.strip("()"))
        if holds is None or answer < 0:
            return
        names = {role: " ".join(canonical_words(item.name)) for role, item in known.objects.items()}
        first, second = sorted((names["subject"], names["reference"]))
        subject_smaller = holds is holds.axis.relations[0]
        subject_first = names["subject"] == first
        item = TextItem(
            group=f"{row.source}/{row.source_id}",
            axis=known.axis.value,
            form=row.form,
            text=f"{row.question} {' | '.join(row.choices)}",
            letter=answer,
            options=len(row.choices),
            first=(first, *first.split()),
            second=(second, *second.split()),
            anchor=names.get("anchor", ""),
            first_is_smaller=None if first == second else subject_smaller == subject_first,
            yes=row.answer_text == "yes" if row.form == "yes_no" else None,
        )
        key = sha256(f"{self._seed} {row.id}".encode()).digest()[:8]
        self._items.append((key, item))
        if self._most and len(self._items) >= 2 * self._most:
            self._items = sorted(self._items, key=lambda pair: pair[0])[: self._most]

    def items(self) -> list[TextItem]:
        ordered = sorted(self._items, key=lambda pair: pair[0])
        return [item for _, item in (ordered[: self._most] if self._most else ordered)]


@dataclass(frozen=True, slots=True)
class Guess:
    """Accuracy of one classifier."""

    what: str  # "letter", "truth" or "order"
    axis: str  # axis of the comparison, or "all"
    count: int
    pictures: int
    accuracy: float | None  # None: too few questions or pictures
    low: float = 0.0  # 95 % interval, with pictures as the independent units
    high: float = 1.0
    chance: float = 0.5  # accuracy of random guesses
    error: float = 0.0


def guess_from_text(items: Sequence[TextItem], *, seed: int) -> list[Guess]:
    """Predict all three targets for each axis and for all together; deterministic for the same items and seed."""
    guesses: list[Guess] = []
    for axis in ["all", *sorted({item.axis for item in items})]:
        group = [item for item in items if axis in ("all", item.axis)]
        guesses.append(_guess("letter", axis, [(i, i.letter) for i in group if i.form != "open"], seed))
        guesses.append(_guess("truth", axis, [(i, int(i.yes)) for i in group if i.yes is not None], seed))
        named = [(i, int(i.first_is_smaller)) for i in group if i.first_is_smaller is not None]
        guesses.append(_guess("order", axis, named, seed))
    return guesses


def _guess(what: str, axis: str, asked: Sequence[tuple[TextItem, int]], seed: int) -> Guess:
    items = [item for item, _ in asked]
    groups = [item.group for item in items]
    pictures = len(set(groups))
    chance = sum(1 / item.options for item in items) / len(items) if what == "letter" and items else 0.5
    if len(items) < _MIN_ROWS or pictures < _FOLDS:
        return Guess(what, axis, len(items), pictures, None, chance=chance)
    features = [_signed_names(item) for item in items] if what == "order" else [item.text for item in items]
    right = _predict(what, features, [label for _, label in asked], groups, seed)
    accuracy = sum(right) / len(items)
    error = _standard_error(right, groups)
    low, high = max(0.0, accuracy - 1.96 * error), min(1.0, accuracy + 1.96 * error)
    return Guess(what, axis, len(items), pictures, accuracy, low, high, chance, error)


def _standard_error(right: Sequence[bool], groups: Sequence[str]) -> float:
    """Return the standard error of the accuracy, clustered by picture, since its questions are not independent."""
    accuracy = sum(right) / len(right)
    residuals: dict[str, float] = {}
    for hit, group in zip(right, groups, strict=True):
        residuals[group] = residuals.get(group, 0.0) + hit - accuracy
    clustered = math.sqrt(sum(r * r for r in residuals.values())) / len(right)
    return max(clustered, math.sqrt(0.25 / len(right)))


def guess_letters(texts: Sequence[str], letters: Sequence[int], groups: Sequence[str], seed: int) -> list[bool] | None:
    """Return whether each letter (an index) is predicted correctly from the text, by training on other groups.

    ``None``: there are too few texts or groups.
    """
    if len(texts) < _MIN_ROWS or len(set(groups)) < _FOLDS:
        return None
    return _predict("letter", texts, letters, groups, seed)


@dataclass(frozen=True, slots=True)
class TextChoice:
    """A question without its picture: its options, and the index of the right one."""

    group: str  # picture of the question
    question: str
    choices: tuple[str, ...]
    right: int


def option_probabilities(asked: Sequence[TextChoice], seed: int) -> list[list[float]] | None:
    """Return the probability of each option of each question, by a classifier trained on other groups.

    It scores each option by its words, its place, and its words together with those of the question. ``None``: there
    are too few questions or groups.
    """
    import numpy as np
    from scipy.special import softmax
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline

    groups = [item.group for item in asked]
    if len(asked) < _MIN_ROWS or len(set(groups)) < _FOLDS:
        return None
    features = [[_option_features(item, at) for at in range(len(item.choices))] for item in asked]
    found: list[list[float]] = [[] for _ in asked]
    for train, test in GroupKFold(_FOLDS, shuffle=True, random_state=seed % 2**32).split(asked, groups=groups):
        model = make_pipeline(
            TfidfVectorizer(analyzer=list, min_df=2, sublinear_tf=True),
            LogisticRegression(class_weight="balanced", solver="liblinear", max_iter=300),
        )
        rows = [option for i in train for option in features[i]]
        model.fit(rows, np.array([at == asked[i].right for i in train for at in range(len(features[i]))]))
        values = model.decision_function([option for i in test for option in features[i]])
        ends = np.cumsum([len(features[i]) for i in test])[:-1]
        for i, scores in zip(test, np.split(values, ends), strict=True):
            found[i] = softmax(scores).tolist()
    return found


def _option_features(item: TextChoice, at: int) -> list[str]:
    words = re.findall(r"\w+", item.question.lower())
    option = item.choices[at].lower()
    grams = {" ".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)}
    return [
        f"place {at} of {len(item.choices)}",
        f"option {option}",
        *(f"word {word}" for word in re.findall(r"\w+", option)),
        *(f"{option} rather than {other.lower()}" for other in item.choices if other != item.choices[at]),
        *sorted(f"{option} to {gram}" for gram in grams),
    ]


def _predict(
    what: str, features: Sequence[Any], labels: Sequence[int], groups: Sequence[str], seed: int
) -> list[bool]:
    """Return whether each item is predicted correctly by a model that never saw its picture (group)."""
    import numpy as np
    from sklearn.model_selection import GroupKFold

    y = np.array(labels)
    right = np.zeros(len(y), dtype=bool)
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=seed % 2**32)
    for train, test in folds.split(y, groups=groups):
        if len(set(y[train].tolist())) < 2:
            right[test] = y[test] == y[train][0]
            continue
        model = _classifier(what, len(set(y.tolist())))
        model.fit([features[i] for i in train], y[train])
        right[test] = model.predict([features[i] for i in test]) == y[test]
    return [bool(hit) for hit in right]


def _classifier(what: str, classes: int) -> Any:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    signed = what == "order"
    vectors: Any = DictVectorizer()
    if not signed:
        # The bar between the options is a token, so that their order can be learnt.
        vectors = TfidfVectorizer(
            ngram_range=(1, 3), min_df=2, sublinear_tf=True, max_features=50_000, token_pattern=r"\w+|\|"
        )
    # Exchanging the two objects reverses the target, so features are signed and there is no intercept.
    model = LogisticRegression(
        C=1.0, fit_intercept=not signed, max_iter=300, solver="liblinear" if classes == 2 else "lbfgs"
    )
    return make_pipeline(vectors, FunctionTransformer(_narrow, accept_sparse=True), model)


def _signed_names(item: TextItem) -> dict[str, float]:
    """Return features of the names that change their sign when the two objects are exchanged."""
    features: dict[str, float] = {}
    for sign, words in ((1.0, item.first), (-1.0, item.second)):
        for word in words:
            features[f"{item.axis} {word}"] = features.get(f"{item.axis} {word}", 0.0) + sign
        if item.anchor:
            features[f"{words[0]} to {item.anchor}"] = sign
    features[f"{item.axis} {item.first[0]} | {item.second[0]}"] = 1.0
    return features


def _narrow(matrix: Any) -> Any:
    """Convert a sparse matrix to 32-bit indices, as liblinear requires; DictVectorizer makes 64-bit ones."""
    import numpy as np

    matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return matrix


def judge_guesses(guesses: Sequence[Guess], findings: Findings) -> tuple[Table, list[dict[str, Any]]]:
    """Add a finding for each accuracy too far above chance; return the table, and its numbers as JSON values."""
    rows = []
    for guess in guesses:
        about = (guess.what, guess.axis, guess.count, guess.pictures)
        if guess.accuracy is None:
            rows.append((*about, "too few", "", ""))
            continue
        cells = (percent(guess.accuracy), percent_range(guess.low, guess.high), percent(guess.chance))
        rows.append((*about, *cells))
        above = guess.accuracy - guess.chance - _STANDARD_ERRORS * guess.error
        if above > _HINT:
            avoidable = guess.what != "order" or guess.pictures >= _ENOUGH_PICTURES
            rule = "text_shortcut" if above > _SHORTCUT and avoidable else "text_hint"
            findings.add(rule, f"{guess.what} ({guess.axis}): {cells[0]} right, {cells[1]}, chance {cells[2]}")
    head = ("guessed", "axis", "questions", "pictures", "right", "95 % interval", "chance")
    note = "letter: question and options alone; truth: yes or no; order: the names of the objects alone"
    fields = ("what", "axis", "count", "pictures", "accuracy", "low", "high", "chance")
    numbers = [{name: getattr(guess, name) for name in fields} for guess in guesses]
    return Table("Answers guessed from the text alone", head, rows, note), numbers
