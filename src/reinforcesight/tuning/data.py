"""Training rows from the data set on disk; pictures are decoded when their batch is collated."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from accelerate import PartialState
from datasets import Dataset, load_dataset
from datasets import Image as ImageFeature
from datasets.exceptions import DatasetNotFoundError
from PIL import Image
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from reinforcesight.data_gen.dataset.folder import refuse_damaged
from reinforcesight.errors import InputError
from reinforcesight.hub import is_hub_id
from reinforcesight.jobs.files import files_hash
from reinforcesight.jobs.progress import Progress
from reinforcesight.model.chat import training_texts
from reinforcesight.pictures.decode import decode_rgb, to_rgb

_Collator: Any = DataCollatorForVisionLanguageModeling

TRAINING_COLUMNS = ("id", "image", "prompt", "completion")
_CHECKED_TOGETHER = 64
_NAMED = 3
_SHOWN_FROM = 20_000  # show progress only for more rows; fewer are checked within seconds
ANSWER_COLUMNS = (*TRAINING_COLUMNS, "question", "choices", "answer", "task")


@dataclass(frozen=True)
class TrainingData:
    """Both splits, memory-mapped; ``validation`` is ``None`` if the data set has no such split."""

    train: Any
    validation: Any | None
    description: dict[str, Any]


def load_training_data(dataset: str) -> TrainingData:
    """Load a data set from a folder or the hub.

    Raises:
        InputError: The data set is missing, damaged, empty, or lacks a column of a generated data set.
    """
    folder = Path(dataset)
    if folder.is_dir():
        files = sorted((folder / "data").glob("*.parquet"))
        refuse_damaged(folder, files)
        fingerprint = files_hash(files)
        splits = {name: [str(f) for f in files if f.name.startswith(f"{name}-")] for name in ("train", "validation")}
        if not splits["train"]:
            raise InputError(
                "the data set has no data/train-*.parquet",
                where=dataset,
                fix="make one with: reinforcesight generate",
            )
        opened = {name: _open_parquet(names) for name, names in splits.items() if names}
    else:
        opened, fingerprint = _open_hub(dataset)
    for name, rows in opened.items():
        _check_columns(rows, f"{dataset}, split {name}")
    description = {
        "path": dataset,
        "fingerprint": fingerprint,
        "questions": {name: len(rows) for name, rows in opened.items()},
    }
    return TrainingData(opened["train"], opened.get("validation"), description)


def _open_parquet(files: list[str]) -> Dataset:
    try:
        return load_dataset("parquet", data_files=files, split="train")
    except (OSError, ValueError, RuntimeError) as error:
        # Only the cause of the error from `datasets` says what is wrong.
        reason = " ".join(str(error.__cause__ or error).split())
        raise InputError(
            f"the Parquet files can't be read: {reason[:200]}",
            where=", ".join(files),
            fix="generate them again",
        ) from error


def _open_hub(dataset: str) -> tuple[dict[str, Dataset], str]:
    if not is_hub_id(dataset):
        raise InputError("no such data set folder", where=dataset, fix="make one with: reinforcesight generate")
    try:
        splits = load_dataset(dataset)
    except (DatasetNotFoundError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the data set can't be loaded: {reason[:200]}", where=dataset) from error
    if "train" not in splits:
        raise InputError(f"no split train, only {sorted(splits)}", where=dataset)
    opened = {name: splits[name] for name in ("train", "validation") if name in splits}
    return opened, "-".join(rows._fingerprint for rows in opened.values())


def _check_columns(rows: Dataset, where: str) -> None:
    missing = [name for name in ANSWER_COLUMNS if name not in rows.column_names]
    if missing:
        raise InputError(
            f"missing columns {missing}, found {rows.column_names}",
            where=where,
            fix="see docs/data.md",
        )
    if len(rows) == 0:
        raise InputError("the split has no rows", where=where)


def encoded_rows(rows: Any, columns: Sequence[str]) -> Any:
    """Select columns, as far as the rows have them, with pictures still encoded."""
    kept = [name for name in columns if name in rows.column_names]
    return rows.select_columns(kept).cast_column("image", ImageFeature(decode=False))


def random_rows(rows: Any, count: int, seed: int) -> Any:
    """Return a fixed random subset, in the order of the data set."""
    order = np.random.default_rng([seed]).permutation(len(rows))[:count]
    return rows.select(sorted(int(i) for i in order))


def usable_rows(rows: Any, split: str, check: Callable[[Mapping[str, Any]], object]) -> tuple[Any, dict[str, str]]:
    """Return the rows whose picture and text can be used, and the ids of all other rows with the reason.

    Args:
        rows: Rows with pictures still encoded.
        check: Function that raises ``InputError`` if a row's texts can't be used.

    Raises:
        InputError: No row is usable.
    """
    main = PartialState().is_main_process

    def problem(row: Mapping[str, Any]) -> str | None:
        try:
            decode_picture(row)
            check(row)
        except InputError as error:
            return error.what
        return None

    found: list[str | None] = []
    with (
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        Progress(f"{split} rows checked", len(rows), shown=main and len(rows) > _SHOWN_FROM) as progress,
    ):
        for start in range(0, len(rows), _CHECKED_TOGETHER):
            part = [rows[at] for at in range(start, min(start + _CHECKED_TOGETHER, len(rows)))]
            found += pool.map(problem, part)
            progress.reach(len(found))
    bad = {str(rows[at]["id"]): reason for at, reason in enumerate(found) if reason is not None}
    if not bad:
        return rows, {}
    shown = "; ".join(f"{name}: {reason}" for name, reason in list(bad.items())[:_NAMED])
    text = f"{len(bad)} of {len(rows)} rows of the split {split} can't be used: {shown}"
    if all(found):
        raise InputError(text, fix="generate the data set again")
    if main:
        click.echo(f"left out: {text}", err=True)
    return rows.select([at for at, reason in enumerate(found) if reason is None]), bad


def check_texts(row: Mapping[str, Any]) -> None:
    """Check that a row has a prompt and a completion.

    Raises:
        InputError: One of them is empty.
    """
    for name in ("prompt", "completion"):
        messages = row[name] or []
        if not messages or not str(messages[-1].get("content") or "").strip():
            raise InputError(f"the {name} is empty", where=f"row {row.get('id')}")


def decode_picture(row: Mapping[str, Any]) -> Image.Image:
    """Decode a row's picture to RGB.

    Raises:
        InputError: The row has no picture, or its picture can't be used; names the row's id.
    """
    where = f"row {row.get('id')}"
    encoded = row["image"]
    if isinstance(encoded, Image.Image):
        return to_rgb(encoded)
    content = encoded.get("bytes") if encoded else None
    if not content:
        raise InputError("the picture is missing", where=where, fix="generate the data set again")
    return decode_rgb(content, where=where)


class SpatialCollator(_Collator):  # type: ignore[misc]
    """TRL's collator for rows with encoded pictures, with the project's chat format."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Decode, render and tokenise a batch; ``labels`` are -100 outside the completion."""
        prepared = []
        for row in examples:
            prompt, completion = training_texts(self.processor, row["prompt"], row["completion"])
            prepared.append({"prompt": prompt, "completion": completion, "images": [decode_picture(row)]})
        batch: dict[str, Any] = super().torch_call(prepared)
        return batch
