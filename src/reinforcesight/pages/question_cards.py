"""Question card: picture, options, reasoning, answers of models, measurements in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reinforcesight.pages.pictures import ShownPicture


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """Answer of a model; ``text`` does not include the reasoning."""

    model: str
    correct: bool
    text: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class QuestionCard:
    """Content of one question card on a page. Empty fields are not shown.

    Attributes:
        question: Question text or another heading.
        options: Letters and texts of the options.
        right, chosen: Letters of the correct option and of the option that a model chose.
        reasoning, answer: Text from the training example or from the model.
        answers: Answers of several models.
        tags: Short facts in the first line; the first one is emphasised.
        marks: Annotations by a person.
        facts: Measurements behind the answer, as sentences.
        notes: Small print at the end.
        problem: Reason why the question can't be shown in full.
        name: Identifier in the last line.
        link: Page of this question alone.
        filters: Values that the page's filters compare.
    """

    question: str
    picture: ShownPicture | None = None
    options: tuple[tuple[str, str], ...] = ()
    right: str = ""
    chosen: str = ""
    reasoning: str = ""
    answer: str = ""
    answers: tuple[CardAnswer, ...] = ()
    tags: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    name: str = ""
    link: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
