"""The reward as other trainers call it: r1_vlm's rubric functions, EasyR1's and verl's ``compute_score``.

The shapes were read in groundlight/r1_vlm (August 2025) with its fork of TRL, hiyouga/EasyR1 (July 2026) and
volcengine/verl (January 2026). All of them hand over the completion and little else, so what the reward needs of a
question (options, answer, scene) travels as one JSON record: inside the prompt's own messages for r1_vlm, as the
ground truth for the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.grpo.reward import PART_NAMES, RewardParts, score_batch, text_of_completion
from reinforcesight.grpo.reward_config import RewardConfig

__all__ = ["GOLD_COLUMNS", "GOLD_KEY", "RubricFunction", "gold_record", "make_rubric", "score_answers"]

GOLD_COLUMNS = ("question", "choices", "answer", "scene", "evidence")
# Key beside "type" and "text" of a message's part; chat templates don't print it.
GOLD_KEY = "gold"
_FIX = "use the data that 'reinforcesight export' wrote together with this reward"
_DEFAULT = RewardConfig()


def gold_record(row: Mapping[str, Any]) -> str:
    """What the reward needs to know of a row, as JSON text."""
    return json.dumps({name: row[name] for name in GOLD_COLUMNS}, ensure_ascii=False)


@lru_cache(maxsize=4096)
def _read_gold(text: str) -> Mapping[str, Any]:
    """A record read back; the same object for the same text, by which a batch is known when it is scored again."""
    try:
        record = json.loads(text)
    except ValueError as error:
        raise InputError(f"the ground truth is not JSON: {text[:60]!r}", fix=_FIX) from error
    if not isinstance(record, dict) or not {"choices", "answer"} <= record.keys():
        raise InputError(f"the ground truth has no choices and answer: {text[:60]!r}", fix=_FIX)
    return record


def _scored(
    texts: Sequence[str], rows: Sequence[Mapping[str, Any]], config: RewardConfig
) -> list[RewardParts]:
    return score_batch(texts, {name: [row.get(name) for row in rows] for name in GOLD_COLUMNS}, config)


def _number(parts: RewardParts, name: str) -> float:
    """A part as a number: these trainers know no ``None``, so what does not apply counts nothing."""
    value = getattr(parts, name)
    return 0.0 if value is None else float(value)


def score_answers(
    texts: Sequence[str],
    ground_truths: Sequence[str | None],
    config: RewardConfig = _DEFAULT,
    *,
    total: str = "overall",
) -> list[dict[str, float]]:
    """Score completions against the records of :func:`gold_record`.

    Returns:
        For each completion the gated total under the key ``total``, and every part by name.

    Raises:
        InputError: Texts and ground truths differ in number, or one of the latter is no such record.
    """
    if len(texts) != len(ground_truths):
        raise InputError(f"{len(texts)} completions came with {len(ground_truths)} ground truths", fix=_FIX)
    rows = [_read_gold(truth if isinstance(truth, str) else "") for truth in ground_truths]
    return [
        {total: _number(parts, "total"), **{name: _number(parts, name) for name in PART_NAMES}}
        for parts in _scored([str(text) for text in texts], rows, config)
    ]


@dataclass(frozen=True)
class RubricFunction:
    """One part of the reward, or the total, as r1_vlm calls it.

    Called with ``prompts`` (conversations that end with the assistant's opening), ``completions`` and, on its newer
    branches, ``completions_messages``, it returns one number per completion. Columns are read only where a prompt
    carries no record of its own.

    Attributes:
        name: "total" or one of ``PART_NAMES``.
        config: Weights, gate, caps and lengths.
    """

    name: str
    config: RewardConfig = _DEFAULT

    @property
    def __name__(self) -> str:
        """The name under which the trainer logs the values."""
        return self.name

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completions_messages: Sequence[Any] | None = None,
        **columns: Any,
    ) -> list[float]:
        """Values for a batch.

        Raises:
            InputError: A prompt carries no record, and the columns don't belong to it either.
        """
        given = completions_messages or [None] * len(completions)
        texts = [_whole_text(*each) for each in zip(prompts, completions, given, strict=True)]
        rows = [_own_row(prompt, columns, at, len(texts)) for at, prompt in enumerate(prompts)]
        return [_number(parts, self.name) for parts in _scored(texts, rows, self.config)]


def make_rubric(config: RewardConfig = _DEFAULT) -> list[RubricFunction]:
    """The total and all its parts."""
    return [RubricFunction(name, config) for name in ("total", *PART_NAMES)]


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"text": content}]
    return [part for part in content or () if isinstance(part, Mapping)]


def _text(message: Mapping[str, Any]) -> str:
    return "".join(str(part.get("text") or "") for part in _parts(message))


def _messages(prompt: Any) -> list[Mapping[str, Any]]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [message for message in prompt or () if isinstance(message, Mapping)]


def _whole_text(prompt: Any, completion: Any, messages: Any) -> str:
    """The assistant's whole turn: its opening (``<think>``) and what the model added."""
    turn: list[str] = []
    for message in reversed(_messages(prompt)):
        if message.get("role") != "assistant":
            break
        turn.insert(0, _text(message))
    if len(turn) > 1:
        # With one process the environment has already put the completion at the end of the prompt.
        return "".join(turn)
    opening = "".join(turn)
    if messages:
        return opening + "".join(_text(m) for m in _messages(messages) if m.get("role") == "assistant")
    text = text_of_completion(completion)
    return text if text.startswith(opening) else opening + text


def _own_row(prompt: Any, columns: Mapping[str, Any], at: int, count: int) -> Mapping[str, Any]:
    """The record in the prompt itself, or else this place in the columns, if it is about the same question."""
    messages = _messages(prompt)
    for message in messages:
        for part in _parts(message):
            if isinstance(part.get(GOLD_KEY), str):
                return _read_gold(part[GOLD_KEY])
    found = {name: columns[name] for name in GOLD_COLUMNS if columns.get(name) is not None}
    if not {"choices", "answer"} <= found.keys():
        raise InputError(
            "the prompt carries no record, and there are no columns choices and answer", fix=_FIX
        )
    uneven = [name for name, values in found.items() if len(values) != count]
    if uneven:
        raise InputError(f"the column {uneven[0]} has {len(found[uneven[0]])} values for {count} completions")
    row = {name: values[at] for name, values in found.items()}
    question = row.get("question")
    if isinstance(question, str) and question not in "".join(map(_text, messages)):
        raise InputError(
            f"the columns of completion {at} belong to another question than its prompt: {question!r}",
            fix=_FIX,
        )
    return row
