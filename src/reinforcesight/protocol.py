"""The wording around a question: options, instruction, answer format. One place for data, training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# CV-Bench's own closing line, as its evaluation script appends it.
DIRECT_INSTRUCTION = "Answer with the option's letter from the given choices directly."
REASON_INSTRUCTION = (
    "First think about what the picture shows, without numbers, inside <think> </think> tags. "
    "Then give the final answer inside <answer> </answer> tags."
)
# Training without thinking: the answer block alone.
ANSWER_INSTRUCTION = "Give the final answer alone, inside <answer> </answer> tags."
# For a question whose options are not shown, CV-Bench's closing line would ask for a letter that isn't there.
DIRECT_OPEN_INSTRUCTION = "Answer with a single word or phrase directly."


class Protocol(StrEnum):
    """What a model is asked to do with a question."""

    DIRECT = "direct"
    REASON = "reason"

    @property
    def instruction(self) -> str:
        """The line that follows the question and its options."""
        return DIRECT_INSTRUCTION if self is Protocol.DIRECT else REASON_INSTRUCTION


def letter(index: int) -> str:
    """Letter of the option at a zero-based index."""
    return LETTERS[index]


def option_lines(choices: Sequence[str]) -> str:
    """The options as CV-Bench prints them, one a line: ``(A) above``."""
    return "\n".join(f"({letter(i)}) {choice}" for i, choice in enumerate(choices))


def with_options(question: str, choices: Sequence[str]) -> str:
    """A question followed by its options, in the form of CV-Bench's ``prompt`` column."""
    return f"{question} Select from the following choices.\n{option_lines(choices)}"


def with_instruction(prompt: str, protocol: Protocol) -> str:
    """A prompt (question and options) followed by what the model should do."""
    return f"{prompt}\n{protocol.instruction}"


def completion_text(reasoning: str, answer: str) -> str:
    """A target completion: reasoning and answer in their tags."""
    return f"<think>{reasoning}</think><answer>{answer}</answer>"
