"""The blocks of a completion, and its answer according to the project's judge: one answer without a hedge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from reinforcesight.judge import AnswerStatus, judge, parse_answer
from reinforcesight.judge.blocks import CompletionBlocks, split_completion
from reinforcesight.protocol import LETTERS

_LETTERED = re.compile(r"\(([A-Z])\) (.*)")
_PLAIN_CHOICE = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]+)*(?: \([a-z]+ box\))?")
_GOLD = re.compile(r"\(([A-Z])\)")
_OPTION_LETTER = re.compile(r"\(\s?([A-Z])\s?\)")
_WORD = re.compile(r"\w+")
_HEDGE = re.compile(r"\b(?:or|maybe|perhaps|possibly|either|both|unsure|unclear)\b", re.IGNORECASE)


# Maximum characters of reasoning that are read; far shorter texts already get the full length penalty.
_READ_LIMIT = 20_000


def read_blocks(text: str, *, thinking: bool = True, max_answer_words: int = 20) -> CompletionBlocks:
    """Split a completion into blocks, ``exact`` only if each has words and the answer at most ``max_answer_words``.

    Without reasoning tags, the text before the answer block is read as reasoning, so that its length counts.
    """
    blocks = split_completion(text, thinking=thinking)
    reasoning = blocks.reasoning
    if blocks.exact:
        formed = 0 < len(_WORD.findall(blocks.answer)) <= max_answer_words
        formed = formed and (not thinking or _WORD.search(reasoning) is not None)
        if formed and len(reasoning) <= _READ_LIMIT:
            return blocks
        return replace(blocks, exact=formed, reasoning=reasoning[:_READ_LIMIT])
    if not reasoning and blocks.offset == 0:
        reasoning = text.partition("<answer>")[0]
    return replace(blocks, reasoning=reasoning[:_READ_LIMIT])


def read_answer(
    text: str, blocks: CompletionBlocks, choices: Sequence[str], gold: str, question: str | None
) -> tuple[str | None, str | None, AnswerStatus]:
    """Return the completion's letter, the gold letter, and the status of the answer, according to the judge.

    Training is stricter than evaluation in two points, since a policy exploits tolerance: several answer blocks must
    agree, and a block that names two letters or has a hedge gives no answer.

    Returns:
        The letter is ``None`` if none can be parsed, the gold letter is ``None`` if the row itself is broken.
    """
    quick = _written_as_asked(blocks, choices, gold)
    if quick is not None:
        return quick
    verdict = judge(text, choices, gold, question=question)
    letter, status = verdict.letter, verdict.status
    if letter is not None and _several(blocks, choices, question):
        letter, status = None, AnswerStatus.AMBIGUOUS
    return letter, verdict.gold if verdict.scorable else None, status


def _written_as_asked(
    blocks: CompletionBlocks, choices: Sequence[str], gold: str
) -> tuple[str, str, AnswerStatus] | None:
    """Return the verdict on a well-formed completion with "(A) left" or "left", many times faster than the judge.

    Most completions of a trained policy have this form. ``None`` leaves other completions to the judge.
    """
    if not blocks.exact:
        return None
    block, right = blocks.answer.strip(), _GOLD.fullmatch(gold)
    if right is None or len(set(choices)) < len(choices) or gold in choices:
        return None
    lettered = _LETTERED.fullmatch(block)
    text = lettered[2] if lettered else block
    if text not in choices or LETTERS.index(right[1]) >= len(choices):
        return None
    letter = LETTERS[choices.index(text)]
    # Choices that contain letters or marks, and contradictory answers, are left to the judge.
    if not _PLAIN_CHOICE.fullmatch(text) or (lettered and lettered[1] != letter):
        return None
    return letter, right[1], AnswerStatus.ANSWERED


def _several(blocks: CompletionBlocks, choices: Sequence[str], question: str | None) -> bool:
    """Return whether the answer blocks give more than one answer, in one block or in several."""
    if len(blocks.answers) > 1:
        letters = {parse_answer(block, choices, question=question).letter for block in blocks.answers}
        return len(letters) > 1
    if not blocks.answers:
        return False
    block = blocks.answers[0]
    for choice in choices:
        if choice:
            block = block.replace(choice, " ")
    return len(set(_OPTION_LETTER.findall(block))) > 1 or _HEDGE.search(block) is not None
