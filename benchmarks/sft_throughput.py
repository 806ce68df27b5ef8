"""Samples per second of `reinforcesight sft` against a bare PyTorch loop: same model, batch, pictures, optimiser.

    python benchmarks/sft_throughput.py [--steps 40] [--batch 16] [--workers 0]

Both read the same rows, encode them in the same way, and train the same LoRA adapters; the bare loop does nothing else.
They take turns, so that a busy machine slows both. Target: at least 0.9 of the bare loop.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))
from tiny_models import build_tiny
from training_support import write_dataset

from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import AnswerTrainer, train_sft
from reinforcesight.tuning.data import TRAINING_COLUMNS, SpatialCollator, encoded_rows, load_training_data
from reinforcesight.tuning.parts import lora_config

WARM_UP = 4


Marks = list[tuple[float, float]]


def mark(marks: Marks) -> None:
    """Note wall and processor time at the start of a step."""
    marks.append((time.perf_counter(), time.process_time()))


def speed(marks: Marks, batch: int) -> tuple[float, float]:
    """Samples per second, of wall time and of this process's processor time, over whole steps after the warm-up."""
    first, last = marks[WARM_UP], marks[-1]
    samples = (len(marks) - 1 - WARM_UP) * batch
    return samples / (last[0] - first[0]), samples / (last[1] - first[1])


def bare_loop(config: SftConfig) -> tuple[float, float]:
    """The plainest loop that trains the same thing."""
    torch.manual_seed(config.seed)
    loaded = load_model(config.model.at(config.model_path), trainable=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = get_peft_model(loaded.model, lora_config(loaded.model, config)).to(device).train()
    rows = encoded_rows(load_training_data(config.dataset).train, TRAINING_COLUMNS)
    trainer = config.trainer
    batches = torch.utils.data.DataLoader(
        rows,
        batch_size=trainer["per_device_train_batch_size"],
        shuffle=True,
        collate_fn=SpatialCollator(loaded.processor, completion_only_loss=True),
        num_workers=trainer["dataloader_num_workers"],
    )
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=trainer["learning_rate"])
    marks: Marks = []
    while True:
        for batch in batches:
            mark(marks)
            if len(marks) == trainer["max_steps"]:
                return speed(marks, trainer["per_device_train_batch_size"])
            output = model(**{key: value.to(device) for key, value in batch.items()})
            output.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def trainer_run(config: SftConfig) -> tuple[float, float]:
    """The real command; start-up and last checkpoint are left out, as for the bare loop."""
    marks: Marks = []
    whole = AnswerTrainer.training_step

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        mark(marks)
        return whole(self, *args, **kwargs)

    AnswerTrainer.training_step = timed
    try:
        train_sft(config)
    finally:
        AnswerTrainer.training_step = whole
    return speed(marks, config.trainer["per_device_train_batch_size"])


def main() -> None:
    """Run both in turn and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--width", type=int, default=256, help="of the small model, in place of --model_path")
    parser.add_argument("--model_path")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = write_dataset(Path(folder) / "data", train=256, validation=0, side=112)
        model = options.model_path or str(build_tiny(Path(folder) / "model", width=options.width, layers=4))
        bare, real = [], []
        for turn in range(options.rounds):
            config = SftConfig(
                dataset=str(dataset),
                model_path=model,
                output=f"{folder}/run-{turn}",
                trainer={
                    "max_steps": options.steps,
                    "save_steps": options.steps,
                    "logging_steps": WARM_UP,
                    "per_device_train_batch_size": options.batch,
                    "gradient_accumulation_steps": 1,
                    "gradient_checkpointing": False,
                    "bf16": False,
                    "lr_scheduler_type": "constant",
                    "dataloader_num_workers": options.workers,
                },
            )
            bare.append(bare_loop(config))
            real.append(trainer_run(config))
        parameters = load_model(ModelConfig(model_path=model)).description["parameters"]
    result = {
        "bare_samples_per_second": [round(wall, 1) for wall, _ in bare],
        "sft_samples_per_second": [round(wall, 1) for wall, _ in real],
        "ratio_of_the_best": round(max(real)[0] / max(bare)[0], 3),
        # On a busy machine the share of a processor that a process gets varies; the work that it does, less so.
        "ratio_by_processor_time": round(max(cpu for _, cpu in real) / max(cpu for _, cpu in bare), 3),
        "parameters": parameters,
        "batch": options.batch,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
