"""r1_vlm's rubric functions for the reward, called by the file ``rewards.py`` that the export writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.export.gold import DEFAULT_REWARD, GOLD_FIX, part_value, read_gold
from reinforcesight.grpo.reward import PART_NAMES, REWARD_COLUMNS, RewardConfig, score_rows, text_of_completion

# Key of the record in a message part, next to "type" and "text"; chat templates ignore it.
GOLD_KEY = "gold"


@dataclass(frozen=True)
class RubricFunction:
    """One part of the reward, or the total, with r1_vlm's signature.

    Called with ``prompts`` (conversations that end with a started assistant turn), ``completions`` and, on newer
    branches, ``completions_messages``, it returns one number per completion. Columns are read only if a prompt has no
    record.

    Attributes:
        name: "total" or one of ``PART_NAMES``.
        config: Weights, gate, caps and lengths.
    """

    name: str
    config: RewardConfig = DEFAULT_REWARD

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completions_messages: Sequence[Any] | None = None,
        **columns: Any,
    ) -> list[float]:
        given = completions_messages or [None] * len(completions)
        texts = [_whole_text(*each) for each in zip(prompts, completions, given, strict=True)]
        rows = [_own_row(prompt, columns, at, len(texts)) for at, prompt in enumerate(prompts)]
        return [part_value(parts, self.name) for parts in score_rows(texts, rows, self.config)]


def make_rubric(config: RewardConfig = DEFAULT_REWARD) -> list[RubricFunction]:
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
    """Return the whole assistant turn: its start (``<think>``) and the completion."""
    turn: list[str] = []
    for message in reversed(_messages(prompt)):
        if message.get("role") != "assistant":
            break
        turn.insert(0, _text(message))
    if len(turn) > 1:
        # With one process, the environment has already appended the completion to the prompt.
        return "".join(turn)
    opening = "".join(turn)
    if messages:
        return opening + "".join(_text(m) for m in _messages(messages) if m.get("role") == "assistant")
    text = text_of_completion(completion)
    return text if text.startswith(opening) else opening + text


def _own_row(prompt: Any, columns: Mapping[str, Any], at: int, count: int) -> Mapping[str, Any]:
    """Return the record in the prompt, or else row ``at`` of the columns if it is about the same question."""
    messages = _messages(prompt)
    for message in messages:
        for part in _parts(message):
            if isinstance(part.get(GOLD_KEY), str):
                return read_gold(part[GOLD_KEY])
    found = {name: columns[name] for name in REWARD_COLUMNS if columns.get(name) is not None}
    if not {"choices", "answer"} <= found.keys():
        raise InputError("the prompt carries no record, and there are no columns choices and answer", fix=GOLD_FIX)
    uneven = [name for name, values in found.items() if len(values) != count]
    if uneven:
        raise InputError(f"the column {uneven[0]} has {len(found[uneven[0]])} values for {count} completions")
    row = {name: values[at] for name, values in found.items()}
    question = row.get("question")
    if isinstance(question, str) and question not in "".join(map(_text, messages)):
        raise InputError(
            f"the columns of completion {at} belong to another question than its prompt: {question!r}",
            fix=GOLD_FIX,
        )
    return row
