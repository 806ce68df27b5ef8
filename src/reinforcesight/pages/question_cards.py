"""One question as a card: picture, options, reasoning, answers of models, measurements in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reinforcesight.pages.pictures import ShownPicture


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What a model answered; ``text`` without the reasoning."""

    model: str
    correct: bool
    text: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class QuestionCard:
    """What a page shows of one question. A card without a field leaves its line out.

    Attributes:
        question: The question, or another first line.
        options: Letters and texts.
        right, chosen: Letters of the right option and of the one that a model chose.
        reasoning, answer: Of the training example or of the model.
        answers: Answers of several models.
        tags: Short facts in the first line; the first one is emphasised.
        marks: What a person noted.
        facts: Measurements behind the answer, as sentences.
        notes: Small lines at the end.
        problem: Why the question can't be shown in full.
        name: Identifier in the last line.
        link: Page about this question alone.
        filters: Values by which a page filters its cards.
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
