"""Shared by all engines: decoding settings, the engine protocol, and the hash of a model.

An engine yields each response as soon as it has it, in any order, so that finished work is saved immediately.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from reinforcesight.eval.answers import Response
from reinforcesight.eval.items import Request
from reinforcesight.jobs.files import file_hash, json_hash, json_value

# Files that affect answers, unlike records, trainer states and cards in the same folder.
_DECIDING = re.compile(
    r".*\.safetensors|(?:adapter_|generation_|preprocessor_|processor_|video_preprocessor_)?config\.json"
    r"|(?:tokenizer|chat_template|vocab|merges|added_tokens|special_tokens_map)[\w.]*"
)
# Keys of these files that affect no answer: where the model was and which version wrote it.
_NOT_DECIDING = {"_name_or_path", "name_or_path", "base_model_name_or_path", "transformers_version"}


@dataclass(frozen=True)
class Decoding:
    """Settings of greedy decoding."""

    max_new_tokens: int
    seed: int = 0


class InferenceEngine(Protocol):
    """An engine that answers requests."""

    name: str
    identity: str  # hash of weights, adapter, dtype and picture size
    description: dict[str, Any]  # written to results.json
    by_id: bool  # answers are looked up by item id, so equal items may have different answers

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        """Yield (index into ``requests``, response) in any order.

        The response is None if the picture can't be decoded. Requests without an answer are left out.
        """
        ...


def model_identity(description: dict[str, Any]) -> str:
    """Hash weights, configuration, tokenizer, processor, template, dtype, quantisation, attention and picture size.

    Local weights are hashed in full, because two checkpoints of a run share most of their bytes.
    """
    weights: dict[str, str] = {}
    for role in ("base_model", "adapter"):
        name = description.get(role)
        if name and Path(name).is_dir():
            files = sorted(file for file in Path(name).iterdir() if _DECIDING.fullmatch(file.name))
            weights |= {f"{role}/{file.name}": _hash_of(file) for file in files}
        elif name:
            weights[role] = f"{name}@{description.get('revision')}"
    parts = ("dtype", "quantization", "attn_implementation", "picture_size", "architecture")
    return json_hash([weights, {part: description.get(part) for part in parts}])


def _hash_of(file: Path) -> str:
    if file.name.endswith("config.json"):
        try:
            settings = json_value(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return file_hash(file)
        if isinstance(settings, dict):
            return json_hash({key: value for key, value in settings.items() if key not in _NOT_DECIDING})
    return file_hash(file)
