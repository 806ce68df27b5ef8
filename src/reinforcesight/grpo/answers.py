"""The answer of a completion by the project's judge, held to one answer without a hedge."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reinforcesight.grpo.formatting import Layout
from reinforcesight.judge import AnswerStatus, judge, parse_answer
from reinforcesight.protocol import LETTERS

_LETTERED = re.compile(r"\(([A-Z])\) (.*)")
_PLAIN_CHOICE = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]+)*(?: \([a-z]+ box\))?")
_GOLD = re.compile(r"\(([A-Z])\)")
_OPTION_LETTER = re.compile(r"\(\s?([A-Z])\s?\)")
_HEDGE = re.compile(r"\b(?:or|maybe|perhaps|possibly|either|both|unsure|unclear)\b", re.IGNORECASE)


def read_answer(
    text: str, layout: Layout, choices: Sequence[str], gold: str, question: str | None
) -> tuple[str | None, str | None, AnswerStatus]:
    """Letter that a completion answers, letter of the gold answer, and how the answer reads.

    The judge decides. Training is stricter than evaluation in two points, since a policy learns to use what is
    forgiven: several answer blocks must agree, and a block that names two letters or says "or", "maybe" and the like
    gives no answer.

    Returns:
        The letter is ``None`` where none can be read, the gold letter where the row itself is broken.
    """
    quick = _written_as_asked(layout, choices, gold)
    if quick is not None:
        return quick
    verdict = judge(text, choices, gold, question=question)
    letter, status = verdict.letter, verdict.status
    if letter is not None and _several(layout, choices, question):
        letter, status = None, AnswerStatus.AMBIGUOUS
    return letter, verdict.gold if verdict.scorable else None, status


def _written_as_asked(
    layout: Layout, choices: Sequence[str], gold: str
) -> tuple[str, str, AnswerStatus] | None:
    """The verdict on "(A) left" or "left" in a well-formed completion: what the judge says, many times faster.

    Most completions of a trained policy are of this form. ``None`` leaves all others to the judge.
    """
    if not layout.well_formed:
        return None
    block, right = layout.answers[0].strip(), _GOLD.fullmatch(gold)
    if right is None or len(set(choices)) < len(choices) or gold in choices:
        return None
    lettered = _LETTERED.fullmatch(block)
    text = lettered[2] if lettered else block
    if text not in choices or LETTERS.index(right[1]) >= len(choices):
        return None
    letter = LETTERS[choices.index(text)]
    # Choices with letters or marks of their own, and answers that contradict themselves, are for the judge.
    if not _PLAIN_CHOICE.fullmatch(text) or (lettered and lettered[1] != letter):
        return None
    return letter, right[1], AnswerStatus.ANSWERED


def _several(layout: Layout, choices: Sequence[str], question: str | None) -> bool:
    """Whether the answer blocks give, between them or in one, more than one answer."""
    if len(layout.answers) > 1:
        letters = {parse_answer(block, choices, question=question).letter for block in layout.answers}
        return len(letters) > 1
    if not layout.answers:
        return False
    block = layout.answers[0]
    for choice in choices:
        if choice:
            block = block.replace(choice, " ")
    return len(set(_OPTION_LETTER.findall(block))) > 1 or _HEDGE.search(block) is not None
