"""Results of the parser and the judge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AnswerStatus(StrEnum):
    """Outcome of parsing; only ``answered`` comes with a letter."""

    ANSWERED = "answered"
    AMBIGUOUS = "ambiguous"  # names several options, or says that they are equal
    CONFLICTING = "conflicting"  # contradicts itself: "(B) left" where left is A
    OUT_OF_RANGE = "out_of_range"  # gives a letter that no choice has
    NONE = "none"  # gives no answer
    TRUNCATED = "truncated"  # was cut off before an answer


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """The answer parsed from an output.

    Attributes:
        letter: "A", "B", ... if ``status`` is ``answered``, else None; always one of the item's letters.
        status: Outcome of parsing.
        rule: Name of the rule that decided (docs/judge-rules.md).
    """

    letter: str | None
    status: AnswerStatus
    rule: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of comparing an output with the gold answer.

    Attributes:
        correct: Whether the parsed letter is the gold letter; False for every status except ``answered``.
        letter: Parsed letter or None.
        gold: Gold letter, or None if the gold answer is not one of the choices.
        status: Outcome of parsing.
        rule: Name of the parsing rule that decided.
        scorable: False if the item itself is broken (no choices, or gold is not one of them): count it in no figure.
        explanation: The verdict in one line of text.
    """

    correct: bool
    letter: str | None
    gold: str | None
    status: AnswerStatus
    rule: str
    scorable: bool
    explanation: str
