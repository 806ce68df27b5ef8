"""Small benchmarks in CV-Bench's columns, and logged answers to them."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.protocol import letter, with_options

# (task, type, source): all parts that CV-Bench's official figures are made of.
PARTS = (
    ("Count", "2D", "ADE20K"),
    ("Count", "2D", "COCO"),
    ("Relation", "2D", "ADE20K"),
    ("Relation", "2D", "COCO"),
    ("Depth", "3D", "Omni3D"),
    ("Distance", "3D", "Omni3D"),
)


def picture_bytes(seed: int, size: tuple[int, int] = (56, 56)) -> bytes:
    """A small PNG, different for each seed."""
    rng = random.Random(seed)
    picture = Image.new("RGB", size, tuple(rng.randrange(256) for _ in range(3)))
    x, y = rng.randrange(size[0] // 2), rng.randrange(size[1] // 2)
    ImageDraw.Draw(picture).rectangle((x, y, x + 20, y + 14), fill=tuple(rng.randrange(256) for _ in range(3)))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def bench_rows(per_part: int = 4, pictures_per_part: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    """Rows in CV-Bench's columns, all tasks and sources."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for part, (task, kind, source) in enumerate(PARTS):
        for number in range(per_part):
            if task == "Relation":
                pair = rng.choice([["left", "right"], ["above", "below"]])
                question = (
                    "Considering the relative positions of the cup and the lamp in the image provided, "
                    "where is the cup located with respect to the lamp?"
                )
            elif task == "Count":
                pair = [str(n) for n in rng.sample(range(9), 4)]
                question = f"How many chairs are in the image? (picture {number})"
            else:
                pair = ["chair", "table"]
                question = "Which object is closer to the camera taking this photo, the chair or the table?"
                if task == "Distance":
                    question = "Which object is closer to the lamp, the chair or the table?"
            gold = rng.randrange(len(pair))
            picture = number % pictures_per_part
            rows.append(
                {
                    "idx": len(rows),
                    "type": kind,
                    "task": task,
                    "image": {"bytes": picture_bytes(100 * part + picture), "path": None},
                    "question": question,
                    "choices": pair,
                    "answer": f"({letter(gold)})",
                    "prompt": with_options(question, pair),
                    "filename": f"img/{kind}/{task.lower()}/{len(rows)}.png",
                    "source": source,
                    "source_dataset": source if kind == "2D" else rng.choice(["Hypersim", "SUNRGBD", "nuScenes"]),
                    "source_filename": f"{source}-{part}-{picture}.jpg",
                }
            )
    return rows


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """One Parquet file of these rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def write_published(folder: Path, rows: Sequence[Mapping[str, Any]], layout: str) -> Path:
    """A folder in one of CV-Bench's published layouts: ``split`` or ``single`` Parquet, or ``jsonl`` with pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    if layout == "single":
        write_parquet(folder / "test.parquet", rows)
    elif layout == "split":
        for kind in ("2D", "3D"):
            write_parquet(folder / f"test_{kind.lower()}.parquet", [row for row in rows if row["type"] == kind])
    else:
        for kind in ("2D", "3D"):
            with (folder / f"test_{kind.lower()}.jsonl").open("w", encoding="utf-8") as lines:
                for row in rows:
                    if row["type"] == kind:
                        picture = folder / row["filename"]
                        picture.parent.mkdir(parents=True, exist_ok=True)
                        picture.write_bytes(row["image"]["bytes"])
                        lines.write(json.dumps({k: v for k, v in row.items() if k != "image"}) + "\n")
    return folder


def write_answers(path: Path, rows: Sequence[Mapping[str, Any]], *, right: float, seed: int = 1) -> Path:
    """Logged answers, right with some probability, now and then unreadable."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as lines:
        for row in rows:
            gold = "ABCDEFG".index(row["answer"][1])
            other = rng.choice([n for n in range(len(row["choices"])) if n != gold])
            given = gold if rng.random() < right else other
            text = f"<think>I looked.</think><answer>({letter(given)}) {row['choices'][given]}</answer>"
            if rng.random() < 0.08:
                text = "I can't tell."
            lines.write(json.dumps({"id": str(row["idx"]), "response": text}) + "\n")
    return path


def replay(benchmark: Path | str, answers: Path, output: Path, **more: Any) -> EvaluateConfig:
    """Score logged answers, by default without a report."""
    settings = {"report": False, **more}
    return EvaluateConfig(benchmark=str(benchmark), engine="replay", answers=answers, output=output, **settings)
