"""``export --to trl``: Parquet with ``images``, ``prompt`` and ``completion``, and the columns for a reward."""

from __future__ import annotations

from pathlib import Path

from reinforcesight.export.splits import write_splits


def to_trl(dataset: Path, output: Path) -> list[Path]:
    """Write the data set without scene, evidence and provenance. TRL can also train on the unchanged data set."""
    from datasets import Features, Image, List, Value

    text = Value("string")
    messages = List({"role": text, "content": text})
    columns = {"images": List(Image()), "prompt": messages, "completion": messages, "choices": List(text)}
    features = Features({**columns, **dict.fromkeys(("answer", "task", "relation"), text)})
    return write_splits(
        dataset,
        output,
        "data/{split}-00000-of-00001.parquet",
        features.arrow_schema,
        lambda row, split, number: {**row, "images": [row["image"]]},
    )
