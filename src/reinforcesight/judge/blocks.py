"""Split a completion ``<think>...</think><answer>...</answer>`` into its parts, well-formed or not."""

from __future__ import annotations

import re
from dataclasses import dataclass

# There must be no other tag inside, in any brackets in which the judge recognises tags.
_INSIDE = "[^<>◁▷＜＞]*"
_EXACT = re.compile(rf"\s*<think>({_INSIDE})</think>\s*<answer>({_INSIDE})</answer>\s*\Z")
_EXACT_ANSWER = re.compile(rf"\s*<answer>({_INSIDE})</answer>\s*\Z")
_SQUARE_TAG = re.compile(r"\[/?(?:THINK|ANSWER)\]", re.IGNORECASE)
_ANSWER_BLOCK = re.compile(r"<answer>([^<>]*)</answer>", re.IGNORECASE)
_MOST_ANSWERS = 20
_OPENED = re.compile(r"<think>\s*\Z")


@dataclass(frozen=True, slots=True)
class CompletionBlocks:
    """The parts of a completion.

    Attributes:
        exact: Whether it has exactly one of each required block, in order, with only white space outside.
        reasoning: Text of the reasoning block; without a closing tag, up to the answer block or the end. "" if the
            completion has no reasoning tag.
        offset: Start of the reasoning in the completion, in characters.
        answer: Text of the last answer block after the reasoning, or everything outside the reasoning.
        answers: Texts of all complete answer blocks, at most twenty.
    """

    exact: bool
    reasoning: str
    offset: int
    answer: str
    answers: tuple[str, ...]


def split_completion(text: str, *, thinking: bool = True) -> CompletionBlocks:
    """Split a completion. With ``thinking=False``, only the answer block is required."""
    match = (_EXACT if thinking else _EXACT_ANSWER).match(text)
    if match is not None and not ("[" in text and _SQUARE_TAG.search(text)):
        answer = match[match.lastindex or 1]
        reasoning, offset = (match[1], match.start(1)) if thinking else ("", 0)
        return CompletionBlocks(True, reasoning, offset, answer, (answer,))
    opening, closing = text.find("<think>"), text.find("</think>")
    start = end = after = 0
    if opening >= 0 or closing >= 0:
        start = 0 if opening < 0 else opening + len("<think>")
        end = text.find("</think>", start)
        after = end + len("</think>")
        if end < 0:
            end = after = text.find("<answer>", start)
        if end < 0:
            end = after = len(text)
    rest = text[: max(opening, 0)] + text[after:]
    marked = rest.rfind("<answer>")
    answer = rest if marked < 0 else rest[marked + len("<answer>") :].partition("</answer>")[0]
    answers = tuple(_ANSWER_BLOCK.findall(text)[:_MOST_ANSWERS])
    return CompletionBlocks(False, text[start:end], start, answer, answers)


def opened_block(prompt: str) -> str:
    """Return the opening reasoning tag at the end of a rendered prompt, with its white space; "" if there is none.

    Some chat templates open the block themselves, so the model continues inside it.
    """
    found = _OPENED.search(prompt[-20:])
    return found[0] if found else ""


def with_opened_block(completion: str, opened: str = "<think>") -> str:
    """Prepend the tag that the prompt has opened, unless the model has written one too."""
    return completion if completion.lstrip().startswith("<think>") else opened + completion
