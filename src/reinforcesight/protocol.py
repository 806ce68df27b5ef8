"""Prompt wording shared by data, training and evaluation: options, instruction, answer format."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# The line that CV-Bench's evaluation script appends.
DIRECT_INSTRUCTION = "Answer with the option's letter from the given choices directly."
REASON_INSTRUCTION = (
    "First think about what the picture shows, without numbers, inside <think> </think> tags. "
    "Then give the final answer inside <answer> </answer> tags."
)
# Instruction for training without thinking.
ANSWER_INSTRUCTION = "Give the final answer alone, inside <answer> </answer> tags."
# Instruction for questions without listed options, which have no letters.
DIRECT_OPEN_INSTRUCTION = "Answer with a single word or phrase directly."


class Protocol(StrEnum):
    """How a model is asked to answer."""

    DIRECT = "direct"
    REASON = "reason"

    @property
    def instruction(self) -> str:
        """The line after the question and its options."""
        return DIRECT_INSTRUCTION if self is Protocol.DIRECT else REASON_INSTRUCTION


def letter(index: int) -> str:
    return LETTERS[index]


def option_lines(choices: Sequence[str]) -> str:
    """Return the options in CV-Bench's format, one per line: ``(A) above``."""
    return "\n".join(f"({letter(i)}) {choice}" for i, choice in enumerate(choices))


def with_options(question: str, choices: Sequence[str]) -> str:
    """Return a question with its options, as in CV-Bench's ``prompt`` column."""
    return f"{question} Select from the following choices.\n{option_lines(choices)}"


def with_instruction(prompt: str, protocol: Protocol) -> str:
    return f"{prompt}\n{protocol.instruction}"


def completion_text(reasoning: str, answer: str) -> str:
    return f"<think>{reasoning}</think><answer>{answer}</answer>"
