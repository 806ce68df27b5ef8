"""Tiny data sets and tiny models for the training tests, made on the fly in the published format."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import forked
import numpy as np
from datasets import Dataset, Features, List, Value
from datasets import Image as ImageFeature
from PIL import Image, ImageDraw

from reinforcesight import protocol

_ROOT = Path(__file__).parents[2]
COLOURS = {
    "red": (220, 30, 30),
    "blue": (30, 60, 220),
    "green": (20, 160, 40),
    "yellow": (230, 210, 20),
    "purple": (130, 40, 160),
    "orange": (240, 140, 20),
    "black": (10, 10, 10),
}
# All ordered pairs, so that the first 42 rows of a data set ask 42 different questions.
PAIRS = [
    (a, b) for gap in range(1, len(COLOURS)) for a, b in zip(COLOURS, [*COLOURS][gap:] + [*COLOURS][:gap], strict=True)
]


def in_sections(config_class: Any, **values: Any) -> Any:
    """A configuration of SFT or GRPO, with arguments of TRL in their section."""
    own = {name: value for name, value in values.items() if name in config_class.model_fields}
    return config_class(**own, trainer={name: value for name, value in values.items() if name not in own})


def changed(config: Any, **values: Any) -> Any:
    """A copy with other arguments of TRL."""
    return config.model_copy(update={"trainer": config.trainer | values})


def two_squares(index: int, rng: np.random.Generator, side: int) -> tuple[Image.Image, str, str, str]:
    """A picture of two coloured squares; their names, and which side of the second the first is on."""
    first, second = PAIRS[index % len(PAIRS)]
    relation = str(rng.choice(["left", "right"]))
    image = Image.new("RGB", (side, side), (235, 235, 235))
    draw = ImageDraw.Draw(image)
    for colour, on_left in ((first, relation == "left"), (second, relation == "right")):
        size = side // 2 - 6
        x, y = int(rng.integers(0, 6)) + (0 if on_left else side // 2), int(rng.integers(0, side // 2))
        draw.rectangle((x, y, x + size, y + size), fill=COLOURS[colour])
    return image, first, second, relation


def row(index: int, rng: np.random.Generator, side: int = 56, *, shuffled: bool = True) -> dict[str, Any]:
    """One row of a data set, in exactly the published columns."""
    image, first, second, relation = two_squares(index, rng, side)
    choices = [str(c) for c in rng.permutation(["left", "right"])] if shuffled else ["left", "right"]
    letter = protocol.letter(choices.index(relation))
    question = f"Where is the {first} square located with respect to the {second} square?"
    prompt = protocol.with_instruction(protocol.with_options(question, choices), protocol.Protocol.REASON)
    reasoning = f"The {first} square lies {relation} of the {second} square."
    encoded = io.BytesIO()
    image.save(encoded, format="PNG")
    return {
        "id": f"row-{index:05d}",
        "image": {"bytes": encoded.getvalue(), "path": f"{index:05d}.png"},
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [
            {"role": "assistant", "content": protocol.completion_text(reasoning, f"({letter}) {relation}")}
        ],
        "question": question,
        "choices": choices,
        "answer": f"({letter})",
        "answer_text": relation,
        "relation": relation,
        "task": "Relation",
        "form": "cvbench",
        "scene": json.dumps({"width": side, "height": side, "objects": []}),
        "evidence": "{}",
        "margin": 0.5,
        "source": "squares",
        "source_id": f"{index:05d}",
    }


def write_dataset(folder: Path, *, train: int = 16, validation: int = 4, seed: int = 0, side: int = 56) -> Path:
    """A data set folder with the splits train and validation."""
    rng = np.random.default_rng([seed])
    rows = [row(i, rng, side) for i in range(train + validation)]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, part in (("train", rows[:train]), ("validation", rows[train:])):
        if part:
            write_split(folder, name, part)
    return folder


def write_split(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Write one split as a single Parquet file."""
    message = List({"role": Value("string"), "content": Value("string")})
    kinds = {
        "image": ImageFeature(),
        "prompt": message,
        "completion": message,
        "choices": List(Value("string")),
        "margin": Value("float64"),
    }
    features = Features({key: kinds.get(key, Value("string")) for key in rows[0]})
    dataset = Dataset.from_list(rows, features=features)
    dataset.to_parquet(folder / "data" / f"{name}-00000-of-00001.parquet")


def run_python(
    code: str, *arguments: str, timeout: float = 120, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=forked.quiet_environment(),
    )
    if check and done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def launch_two(*command: str) -> str:
    """Run a script or a module in two processes on the CPU, with the shipped configuration; return what they print."""
    launch = ["--config_file", str(_ROOT / "configs" / "accelerate" / "cpu.yaml")]
    launch += ["--num_processes", "2", "--main_process_port", "0", *command]
    done = forked.run("accelerate.commands.launch", *launch, imports=forked.TRAIN, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
