"""JSON record of the columns that the reward reads, and the reward computed from such records.

r1_vlm, EasyR1 and verl pass little more than the completion to the reward, so the record is stored in the prompt's
messages (r1_vlm) or as the ground truth (EasyR1, verl).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.grpo.reward import PART_NAMES, REWARD_COLUMNS, RewardConfig, RewardParts, score_rows

GOLD_FIX = "use the data that 'reinforcesight export' wrote together with this reward"
DEFAULT_REWARD = RewardConfig()


def gold_record(row: Mapping[str, Any]) -> str:
    return json.dumps({name: row[name] for name in REWARD_COLUMNS}, ensure_ascii=False)


@lru_cache(maxsize=4096)
def read_gold(text: str) -> Mapping[str, Any]:
    """Parse a record.

    The same text gives the same object, by which the reward recognises a batch that it has already scored.

    Raises:
        InputError: The text is not such a record.
    """
    try:
        record = json.loads(text)
    except ValueError as error:
        raise InputError(f"the ground truth is not JSON: {text[:60]!r}", fix=GOLD_FIX) from error
    if not isinstance(record, dict) or not {"choices", "answer"} <= record.keys():
        raise InputError(f"the ground truth has no choices and answer: {text[:60]!r}", fix=GOLD_FIX)
    return record


def part_value(parts: RewardParts, name: str) -> float:
    """Return a part of the reward as a number: 0 if it does not apply, since these trainers accept no ``None``."""
    value = getattr(parts, name)
    return 0.0 if value is None else float(value)


def score_answers(
    texts: Sequence[str],
    ground_truths: Sequence[str | None],
    config: RewardConfig = DEFAULT_REWARD,
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
        raise InputError(f"{len(texts)} completions came with {len(ground_truths)} ground truths", fix=GOLD_FIX)
    records = [read_gold(truth if isinstance(truth, str) else "") for truth in ground_truths]
    return [
        {total: part_value(parts, "total"), **{name: part_value(parts, name) for name in PART_NAMES}}
        for parts in score_rows([str(text) for text in texts], records, config)
    ]
