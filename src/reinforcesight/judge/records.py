"""What the parser and the judge return."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AnswerStatus(StrEnum):
    """How an output reads; only ``answered`` carries a letter."""

    ANSWERED = "answered"
    AMBIGUOUS = "ambiguous"  # names several options, or says that they are equal
    CONFLICTING = "conflicting"  # contradicts itself: "(B) left" where left is A
    OUT_OF_RANGE = "out_of_range"  # gives a letter that the item doesn't offer
    NONE = "none"  # gives no answer
    TRUNCATED = "truncated"  # was cut off before an answer came


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """The answer read in an output.

    Attributes:
        letter: "A", "B", ... if ``status`` is ``answered``, else None; always one that the item offers.
        status: How the output reads.
        rule: Name of the rule that decided (docs/judge.md lists them).
    """

    letter: str | None
    status: AnswerStatus
    rule: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The comparison of an output with the gold answer.

    Attributes:
        correct: The parsed letter is the gold letter; False for every status but ``answered``.
        letter: Parsed letter or None.
        gold: Gold letter, or None if the gold answer is not one of the choices.
        status: How the output reads.
        rule: Name of the parsing rule that decided.
        scorable: False if the item itself is broken (no choices, gold not among them): leave it out of every figure.
        explanation: One line for people.
    """

    correct: bool
    letter: str | None
    gold: str | None
    status: AnswerStatus
    rule: str
    scorable: bool
    explanation: str
