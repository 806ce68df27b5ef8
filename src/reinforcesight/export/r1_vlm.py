"""``export --to r1_vlm``: data for r1_vlm's ``preprocess_r1_dataset``, and reward functions in its rubric format.

Columns, messages and calls follow groundlight/r1_vlm (August 2025) and its TRL fork.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reinforcesight.export.gold import gold_record
from reinforcesight.export.rubric import GOLD_KEY
from reinforcesight.export.splits import copy_reward, message_text, older_schema, write_splits

# r1_vlm replaces this word by the picture, and lets the model continue the started assistant turn.
_IMAGE_PLACEHOLDER = "IMAGE_PLACEHOLDER"
_OPENING = "<think>"
_TEXT = {"dtype": "string", "_type": "Value"}
_PART = dict.fromkeys(("type", "text", "image", GOLD_KEY), _TEXT)
_FEATURES: dict[str, Any] = {
    "messages": [{"role": _TEXT, "content": [_PART]}],
    "image": {"_type": "Image"},
    **dict.fromkeys(("id", "question", "answer", "answer_text", "task", "relation"), _TEXT),
    "choices": [_TEXT],
    "scene": _TEXT,
    "evidence": _TEXT,
}


def to_r1_vlm(dataset: Path, output: Path) -> list[Path]:
    """Write ``messages`` and ``image``, and ``rewards.py`` with the rubric.

    The assistant's turn starts with ``<think>``. The user's message part has the row's record under an extra key, so
    the reward scores each completion against its own question.
    """
    name = "data/{split}-00000-of-00001.parquet"
    written = write_splits(dataset, output, name, older_schema(_FEATURES), _convert)
    return [*written, *copy_reward("r1_vlm_rewards.py", output / "rewards.py")]


def _convert(row: Mapping[str, Any], split: str, number: int) -> dict[str, Any]:
    text = {"type": "text", "text": message_text(row["prompt"]), GOLD_KEY: gold_record(row)}
    messages = [
        {"role": "user", "content": [{"type": "image", "image": _IMAGE_PLACEHOLDER}, text]},
        {"role": "assistant", "content": [{"type": "text", "text": _OPENING}]},
    ]
    return {**row, "messages": messages}
