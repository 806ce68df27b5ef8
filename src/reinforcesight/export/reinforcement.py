"""A data set in the forms of other reinforcement trainers (r1_vlm, EasyR1 and verl), with the reward they call.

Columns and messages were read in groundlight/r1_vlm (August 2025), hiyouga/EasyR1 (July 2026) and volcengine/verl
(January 2026).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from reinforcesight.export.other_trainers import GOLD_KEY, gold_record
from reinforcesight.export.training_formats import chunked, folder_made, parquet_files, rows_of, writing

# r1_vlm puts the picture in where it finds this word, and continues the assistant's turn from its opening.
IMAGE_PLACEHOLDER = "IMAGE_PLACEHOLDER"
OPENING = "<think>"
DATA_SOURCE = "reinforcesight"

_TEXT = {"dtype": "string", "_type": "Value"}
_INDEX = {"dtype": "int64", "_type": "Value"}
_IMAGE = {"_type": "Image"}
_DESCRIPTION = dict.fromkeys(("id", "question", "answer", "answer_text", "task", "relation"), _TEXT)


def _list(feature: object) -> list[Any]:
    # As all releases of datasets read it; the type "List" came with release 4, and these trainers allow older ones.
    return [feature]


_R1_VLM_FEATURES = {
    "messages": _list(
        {
            "role": _TEXT,
            "content": _list(dict.fromkeys(("type", "text", "image", GOLD_KEY), _TEXT)),
        }
    ),
    "image": _IMAGE,
    **_DESCRIPTION,
    "choices": _list(_TEXT),
    "scene": _TEXT,
    "evidence": _TEXT,
}
_EASYR1_FEATURES = {
    "prompt": _TEXT,
    "images": _list(_IMAGE),
    "answer": _TEXT,
    # From here on what verl reads; its prompt is a list, so that it needs data.prompt_key=messages.
    "messages": _list({"role": _TEXT, "content": _TEXT}),
    "data_source": _TEXT,
    "ability": _TEXT,
    "reward_model": {"style": _TEXT, "ground_truth": _TEXT},
    "extra_info": {"split": _TEXT, "index": _INDEX, **_DESCRIPTION},
}


def to_r1_vlm(dataset: Path, output: Path) -> list[Path]:
    """``messages`` and ``image`` for r1_vlm's ``preprocess_r1_dataset``, and ``rewards.py`` with the rubric.

    The assistant's turn is opened with ``<think>``. The user's part carries the row's answer and scene under a key
    of its own, by which the reward grades each completion against its own question.

    Raises:
        InputError: The data set can't be read.
        OutputError: A file can't be written.
    """

    def converted(row: Mapping[str, Any], split: str, index: int) -> dict[str, Any]:
        text = _prompt_text(row)
        messages = [
            {
                "role": "user",
                "content": [
                    {"type": "image", "image": IMAGE_PLACEHOLDER},
                    {"type": "text", "text": text, GOLD_KEY: gold_record(row)},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": OPENING}]},
        ]
        return {**row, "messages": messages}

    names = {split: f"data/{split}-00000-of-00001.parquet" for split in parquet_files(dataset)}
    written = _write_splits(dataset, output, names, _R1_VLM_FEATURES, converted)
    return [*written, _write_module("r1_vlm_rewards.py", output / "rewards.py")]


def to_easyr1(dataset: Path, output: Path) -> list[Path]:
    """``prompt``, ``images`` and ``answer`` for EasyR1, verl's columns beside them, and ``compute_score.py``.

    ``answer`` and ``reward_model.ground_truth`` are the JSON record that ``compute_score`` reads: both trainers hand
    nothing else of a row to the reward.

    Raises:
        InputError: The data set can't be read.
        OutputError: A file can't be written.
    """

    def converted(row: Mapping[str, Any], split: str, index: int) -> dict[str, Any]:
        prompt, truth = f"<image>{_prompt_text(row)}", gold_record(row)
        return {
            "prompt": prompt,
            "images": [row["image"]],
            "answer": truth,
            "messages": [{"role": "user", "content": prompt}],
            "data_source": DATA_SOURCE,
            "ability": row["task"],
            "reward_model": {"style": "rule", "ground_truth": truth},
            "extra_info": {"split": split, "index": index, **{name: row[name] for name in _DESCRIPTION}},
        }

    names = {split: f"{split}.parquet" for split in parquet_files(dataset)}
    written = _write_splits(dataset, output, names, _EASYR1_FEATURES, converted)
    return [*written, _write_module("compute_score.py", output / "compute_score.py")]


def _prompt_text(row: Mapping[str, Any]) -> str:
    return "\n".join(message["content"] for message in row["prompt"])


def _write_splits(
    dataset: Path,
    output: Path,
    names: Mapping[str, str],
    features: Mapping[str, Any],
    converted: Callable[[Mapping[str, Any], str, int], dict[str, Any]],
) -> list[Path]:
    """One Parquet file a split, a few rows in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [(name, _arrow_type(feature)) for name, feature in features.items()],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    written = []
    for split, sources in parquet_files(dataset).items():
        path = output / names[split]
        folder_made(path.parent)
        index = 0
        with writing(path), pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for chunk in chunked(rows_of(sources)):
                rows = [converted(row, split, index + at) for at, row in enumerate(chunk)]
                index += len(rows)
                kept = [{name: row[name] for name in schema.names} for row in rows]
                writer.write_table(pa.Table.from_pylist(kept, schema=schema))
        written.append(path)
    return written


def _arrow_type(feature: Any) -> Any:
    """Arrow's type of a feature as the library datasets describes it."""
    import pyarrow as pa

    if isinstance(feature, list):
        return pa.list_(_arrow_type(feature[0]))
    kind = feature.get("_type")
    if kind == "Value":
        return pa.type_for_alias(feature["dtype"])
    if kind == "Image":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.struct([(name, _arrow_type(inner)) for name, inner in feature.items()])


def _write_module(name: str, target: Path) -> Path:
    text = (files("reinforcesight.export") / "exported" / name).read_text(encoding="utf-8")
    with writing(target):
        target.write_text(text, encoding="utf-8")
    return target
