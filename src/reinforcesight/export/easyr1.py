"""``export --to easyr1``: data and reward for EasyR1 and verl.

Columns and calls follow hiyouga/EasyR1 (July 2026) and volcengine/verl (January 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reinforcesight.export.gold import gold_record
from reinforcesight.export.splits import copy_reward, message_text, older_schema, write_splits

_TEXT = {"dtype": "string", "_type": "Value"}
_DESCRIPTION = dict.fromkeys(("id", "question", "answer", "answer_text", "task", "relation"), _TEXT)
_FEATURES: dict[str, Any] = {
    "prompt": _TEXT,
    "images": [{"_type": "Image"}],
    "answer": _TEXT,
    # verl's columns from here on; its prompt must be a list, so set data.prompt_key=messages.
    "messages": [{"role": _TEXT, "content": _TEXT}],
    "data_source": _TEXT,
    "ability": _TEXT,
    "reward_model": {"style": _TEXT, "ground_truth": _TEXT},
    "extra_info": {"split": _TEXT, "index": {"dtype": "int64", "_type": "Value"}, **_DESCRIPTION},
}


def to_easyr1(dataset: Path, output: Path) -> list[Path]:
    """Write ``prompt``, ``images`` and ``answer`` for EasyR1, the columns of verl, and ``compute_score.py``.

    ``answer`` and ``reward_model.ground_truth`` are the JSON record for ``compute_score``, because both trainers pass
    nothing else of a row to the reward.
    """
    written = write_splits(dataset, output, "{split}.parquet", older_schema(_FEATURES), _convert)
    return [*written, *copy_reward("compute_score.py", output / "compute_score.py")]


def _convert(row: Mapping[str, Any], split: str, number: int) -> dict[str, Any]:
    prompt, truth = f"<image>{message_text(row['prompt'])}", gold_record(row)
    return {
        "prompt": prompt,
        "images": [row["image"]],
        "answer": truth,
        "messages": [{"role": "user", "content": prompt}],
        "data_source": "reinforcesight",
        "ability": row["task"],
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"split": split, "index": number, **{name: row[name] for name in _DESCRIPTION}},
    }
