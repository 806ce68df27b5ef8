"""Data, models and settings for the tests of GRPO: two squares with their true scene, and the smallest of models."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tiny_models import build_tiny
from training_support import COLOURS, in_sections, row, write_split

from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.scene import Scene, SceneObject
from reinforcesight.sft.config import SftConfig


def row_with_scene(index: int, rng: np.random.Generator, side: int = 28) -> dict[str, Any]:
    """A row of two squares whose scene and evidence are those of the picture."""
    made = row(index, rng, side)
    pixels = np.asarray(Image.open(io.BytesIO(made["image"]["bytes"])))
    first, second = made["question"].split()[3], made["question"].split()[-2]
    things = []
    for colour in (first, second):
        ys, xs = np.nonzero((pixels == COLOURS[colour]).all(axis=2))
        box = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
        things.append(SceneObject(id=colour, name=f"{colour} square", box=box))
    scene = Scene(width=side, height=side, objects=tuple(things))
    evidence = {"axis": "horizontal", "subject": first, "reference": second, "anchor": None, "boxes": []}
    return {
        **made,
        "scene": scene.to_json(),
        "evidence": json.dumps({**evidence, "relation": made["relation"], "asked": made["relation"]}),
    }


def write_scenes(
    folder: Path, *, train: int = 8, validation: int = 2, side: int = 28, seed: int = 0, twins: bool = False
) -> Path:
    """A data set folder of rows with scenes; with ``twins``, every two rows are said to be twins."""
    rng = np.random.default_rng([seed])
    rows = [row_with_scene(index, rng, side) for index in range(train + validation)]
    for index, made in enumerate(rows if twins else []):
        twin = {"twin": {"id": f"pair {index // 2}", "made_by": "mirrored", "moved": None}}
        made["evidence"] = json.dumps(json.loads(made["evidence"]) | twin)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    write_split(folder, "train", rows[:train])
    if validation:
        write_split(folder, "validation", rows[train:])
    return folder


def smallest_model(folder: Path) -> Path:
    """Random weights, one layer; says nothing sensible."""
    return build_tiny(folder, width=48, layers=1, heads=4, vision_width=32, vision_layers=1, max_pixels=28 * 28)


def speaking_model(folder: Path, dataset: Path, *, steps: int = 150) -> Path:
    """A model that has learnt the format, and guesses."""
    from reinforcesight.sft.trainer import train_sft

    base = smallest_model(folder / "base")
    train_sft(
        in_sections(
            SftConfig,
            dataset=str(dataset),
            model_path=str(base),
            output=str(folder / "sft"),
            tuning="full",
            train_parts="all",
            max_steps=steps,
            eval_steps=steps,
            save_steps=steps,
            learning_rate=1e-2,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=1,
            gradient_checkpointing=False,
            evaluation={"max_new_tokens": 48},
        )
    )
    return folder / "sft"


# Rewards that differ between completions of random tokens: by their length in words.
BY_LENGTH = {"gate": "off", "soft_words": 1, "max_words": 8}


def settings(dataset: object, start: object, output: object, /, **changes: Any) -> GrpoConfig:
    """Two steps of two questions with two completions each."""
    values: dict[str, Any] = {
        "dataset": str(dataset),
        "model_path": str(start),
        "output": str(output),
        "max_steps": 2,
        "eval_steps": 2,
        "save_steps": 2,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
        "num_generations": 2,
        "resample_rounds": 0,
        "max_completion_length": 8,
        "evaluation": {"max_new_tokens": 4, "samples": 2},
        "difficulty": {"enabled": False},
        "groups": {"every": 0},
        "lora": {"rank": 2, "dropout": 0.0},
        "rewards": BY_LENGTH,
    }
    return in_sections(GrpoConfig, **(values | changes))
