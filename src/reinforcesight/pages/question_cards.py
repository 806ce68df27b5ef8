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
    """Content of one question card on a page. Empty fields are not shown."""

    question: str  # question text or another heading
    picture: ShownPicture | None = None
    options: tuple[tuple[str, str], ...] = ()  # letters and texts
    right: str = ""  # letter of the correct option
    chosen: str = ""  # letter of the option that a model chose
    reasoning: str = ""  # from the training example or from the model
    answer: str = ""
    answers: tuple[CardAnswer, ...] = ()  # of several models
    tags: tuple[str, ...] = ()  # short facts in the first line; the first one is emphasised
    marks: tuple[str, ...] = ()  # annotations by a person
    facts: tuple[str, ...] = ()  # measurements behind the answer, as sentences
    notes: tuple[str, ...] = ()  # small print at the end
    problem: str = ""  # reason why the question can't be shown in full
    name: str = ""  # identifier in the last line
    link: str = ""  # page of this question alone
    filters: Mapping[str, str] = field(default_factory=dict)  # values that the page's filters compare
