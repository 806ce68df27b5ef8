"""The blocks of a completion: exactly one for thinking and one for the answer, nothing outside."""

from __future__ import annotations

import re
from dataclasses import dataclass

# No further tag inside, in whatever brackets the judge would also read one.
_INSIDE = "[^<>◁▷＜＞]*"
_BOTH = re.compile(rf"\s*<think>({_INSIDE})</think>\s*<answer>({_INSIDE})</answer>\s*\Z")
_ANSWER_ONLY = re.compile(rf"\s*<answer>({_INSIDE})</answer>\s*\Z")
_SQUARE_TAG = re.compile(r"\[/?(?:THINK|ANSWER)\]", re.IGNORECASE)
_ANSWER_BLOCK = re.compile(r"<answer>([^<>]*)</answer>", re.IGNORECASE)
_WORD = re.compile(r"\w+")
# Reasoning is read up to here; far shorter texts already get the full penalty for length.
READ_LIMIT = 20_000
_MOST_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Layout:
    """A completion taken apart.

    Attributes:
        well_formed: The blocks that are asked for, each with at least one word, and nothing outside.
        reasoning: Text of the reasoning, also of completions that are not well formed; at most ``READ_LIMIT`` long.
        offset: Where the reasoning starts in the completion, in characters.
        answers: Text of the complete answer blocks (the first twenty).
    """

    well_formed: bool
    reasoning: str
    offset: int
    answers: tuple[str, ...]


def read_layout(text: str, *, thinking: bool = True, max_answer_words: int = 20) -> Layout:
    """Find the blocks of a completion. Tags are lower case; white space around them is free."""
    match = (_BOTH if thinking else _ANSWER_ONLY).match(text)
    if match is None or ("[" in text and _SQUARE_TAG.search(text)):
        reasoning, offset = _loose_reasoning(text)
        return Layout(False, reasoning, offset, tuple(_ANSWER_BLOCK.findall(text)[:_MOST_BLOCKS]))
    answer = match[match.lastindex or 1]
    well_formed = 0 < len(_WORD.findall(answer)) <= max_answer_words
    if not thinking:
        return Layout(well_formed, "", 0, (answer,))
    reasoning = match[1]
    well_formed = well_formed and _WORD.search(reasoning) is not None
    return Layout(well_formed, reasoning[:READ_LIMIT], match.start(1), (answer,))


def _loose_reasoning(text: str) -> tuple[str, int]:
    """Reasoning of a completion that is not well formed: the first block, or else what precedes the answer."""
    start = text.find("<think>")
    start = 0 if start < 0 else start + len("<think>")
    end = text.find("</think>", start)
    if end < 0:
        end = text.find("<answer>", start)
    end = len(text) if end < 0 else end
    return text[start : min(end, start + READ_LIMIT)], start
