"""Answers of one or two models, with each relation that their reasoning states checked against the scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from reinforcesight.demo.config import DemoConfig
from reinforcesight.demo.questions import DemoQuestion
from reinforcesight.grpo.reward import claim_pieces, score_completion
from reinforcesight.judge import parse_answer
from reinforcesight.judge.blocks import split_completion
from reinforcesight.model.load import load_model
from reinforcesight.protocol import Protocol, with_instruction

# Verdict of a claim to its label on the page.
CLAIM_LABELS = {"supported": "holds", "contradicted": "does not hold", "unknown": "can't be checked"}

_NANO_PIXELS = 128 * 96


@dataclass(frozen=True)
class DemoAnswer:
    """One model's answer.

    Attributes:
        segments: The reasoning in pieces, each with a label of ``CLAIM_LABELS`` if it is a claim.
        letter: Option letter parsed from the answer; ``None`` without options or if no letter was found.
        correct: Whether the letter is correct; ``None`` if the correct option is unknown.
        finished: Whether the model ended the answer, not the length limit.
    """

    model: str
    segments: tuple[tuple[str, str | None], ...]
    answer: str
    letter: str | None
    correct: bool | None
    finished: bool


class DemoModels:
    """The models of the demo, all loaded at the start, since every question goes to all of them."""

    def __init__(self, config: DemoConfig) -> None:
        paths = [config.model_path] if config.compare_with is None else [config.compare_with, config.model_path]
        self._config = config
        self._loaded = {path: load_model(config.model.at(path)) for path in paths}
        # With several visitors, the models answer one question at a time.
        self._lock = Lock()

    @property
    def few_pixels(self) -> bool:
        """Whether a model sees no more pixels than nano, which only knows rendered pictures."""
        sizes = [loaded.description["picture_size"] or {} for loaded in self._loaded.values()]
        return any(0 < size.get("longest_edge", 0) <= _NANO_PIXELS for size in sizes)

    def answer(self, question: DemoQuestion) -> list[DemoAnswer]:
        from reinforcesight.model.chat import generate_text

        answers = []
        for path, loaded in self._loaded.items():
            with self._lock:
                [output] = generate_text(
                    loaded.model,
                    loaded.processor,
                    [with_instruction(question.prompt, Protocol.REASON)],
                    [question.picture],
                    self._config.max_new_tokens,
                )
            answers.append(_read(path, output.text, output.finished, question))
        return answers


def _read(model: str, text: str, finished: bool, question: DemoQuestion) -> DemoAnswer:
    blocks = split_completion(text)
    letter = None
    if question.choices:
        letter = parse_answer(text, question.choices, question=question.question).letter
    correct = None if question.gold is None else letter == question.gold
    segments = tuple(mark_claims(text, question)) or ((blocks.reasoning.strip(), None),)
    return DemoAnswer(model, segments, blocks.answer.strip() or text.strip(), letter, correct, finished)


def mark_claims(text: str, question: DemoQuestion) -> Iterator[tuple[str, str | None]]:
    """Yield the reasoning of a completion in pieces, each with its label if the piece is a claim."""
    row = {
        "question": question.question,
        "choices": question.choices or ("",),
        "answer": f"({question.gold or 'A'})",
        "scene": question.scene,
        "evidence": question.evidence,
    }
    parts = score_completion(text, row)
    for piece, claim in claim_pieces(text, parts, parts.reasoning):
        yield piece, None if claim is None else CLAIM_LABELS[claim.verdict.value]
