"""Questions for GRPO: pictures are decoded when a group is sampled, and options are permuted each epoch."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from reinforcesight.errors import InputError
from reinforcesight.protocol import ANSWER_INSTRUCTION, LETTERS, REASON_INSTRUCTION, letter, option_lines
from reinforcesight.tuning.data import decode_picture

# Columns for rewards, validation and the group pages; only generated data sets have the last two.
QUESTION_COLUMNS = ("id", "image", "prompt", "choices", "answer", "task", "question", "scene", "evidence")


class QuestionView:
    """A split as a sequence of rows, each with the prompt for thinking or not; pictures stay encoded."""

    def __init__(self, rows: Any, *, thinking: bool) -> None:
        self._rows = rows
        self._thinking = thinking

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def ids(self) -> list[str]:
        return [str(name) for name in self._rows["id"]]

    def __getitem__(self, index: int) -> dict[str, Any]:
        row: dict[str, Any] = self._rows[index]
        return row if self._thinking else without_thinking(row)


def without_thinking(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with an instruction that asks only for the answer.

    Raises:
        InputError: The prompt does not end with the instruction of generated data sets.
    """
    text = str(row["prompt"][-1]["content"])
    if not text.endswith(REASON_INSTRUCTION):
        raise InputError(
            "the prompt does not end with the instruction to think first",
            where=f"row {row.get('id')}",
            fix="use rewards.thinking true, or a data set made by generate",
        )
    return _with_prompt(row, text.removesuffix(REASON_INSTRUCTION) + ANSWER_INSTRUCTION)


def permuted(row: Mapping[str, Any], *, epoch: int, seed: int) -> dict[str, Any]:
    """Return the row with permuted options, and prompt, choices and answer to match.

    Epoch 0 has the stored order. In each epoch the correct answer moves to the next letter, so that it has each letter
    equally often; the order of the other options is random. A row whose prompt does not show its options exactly once,
    such as an open question, is returned unchanged.
    """
    choices = [str(choice) for choice in row["choices"]]
    text = str(row["prompt"][-1]["content"])
    shown = option_lines(choices)
    if epoch == 0 or len(choices) < 2 or text.count(shown) != 1:
        return dict(row)
    gold = gold_index(row)
    order = [index for index in range(len(choices)) if index != gold]
    # Not Python's hash of the string, which differs between processes.
    rng = np.random.default_rng([seed, epoch, zlib.crc32(str(row["id"]).encode())])
    rng.shuffle(order)
    order.insert((gold + epoch) % len(choices), gold)
    moved = [choices[index] for index in order]
    changed = _with_prompt(row, text.replace(shown, option_lines(moved)))
    changed.pop("completion", None)  # its letter belongs to the stored order
    return {**changed, "choices": moved, "answer": f"({letter(order.index(gold))})"}


def gold_index(row: Mapping[str, Any]) -> int:
    """Return the index of the correct option.

    Raises:
        InputError: The answer is not the letter of an option.
    """
    found = LETTERS.find(str(row["answer"]).strip("() ") or "?")
    if not 0 <= found < len(row["choices"]):
        raise InputError(
            f"the answer {row['answer']!r} is not the letter of one of {len(row['choices'])} options",
            where=f"row {row.get('id')}",
            fix="generate the data set again",
        )
    return found


def _with_prompt(row: Mapping[str, Any], text: str) -> dict[str, Any]:
    *before, last = row["prompt"]
    return {**row, "prompt": [*before, {**last, "content": text}]}


class Presenter:
    """Turns stored rows into rows for TRL's trainer, with permuted options and decoded pictures.

    Args:
        thinking: Whether the prompt asks for reasoning.
        permute: Whether options are permuted between epochs.
        processor: If given, pictures are resized as this processor would. Needed for vLLM, whose copy of the processor
            does not know ``model.min_pixels`` and ``model.max_pixels``.
    """

    def __init__(self, *, thinking: bool, permute: bool, seed: int, processor: Any | None = None) -> None:
        self._thinking = thinking
        self._permute = permute
        self._seed = seed
        self._processor = processor

    def present(self, rows: Sequence[Mapping[str, Any]], *, epoch: int) -> list[dict[str, Any]]:
        """Return rows for the trainer; copies of a question share one decoded picture."""
        ready: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["id"] not in ready:
                shown = permuted(row, epoch=epoch, seed=self._seed) if self._permute else dict(row)
                if not self._thinking:
                    shown = without_thinking(shown)
                shown["image"] = self._fit(decode_picture(row))
                ready[row["id"]] = shown
        # Rows are copied, since the trainer may change them.
        return [dict(ready[row["id"]]) for row in rows]

    def _fit(self, picture: Image.Image) -> Image.Image:
        pictures = getattr(self._processor, "image_processor", None)
        if pictures is None or not hasattr(pictures, "merge_size"):
            return picture
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

        height, width = smart_resize(
            picture.height,
            picture.width,
            factor=pictures.patch_size * pictures.merge_size,
            min_pixels=pictures.size["shortest_edge"],
            max_pixels=pictures.size["longest_edge"],
        )
        return picture.resize((width, height), Image.Resampling.BICUBIC)
