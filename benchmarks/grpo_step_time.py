"""Step time of `reinforcesight grpo` against TRL's bare trainer: same model, data, rewards and settings.

    python benchmarks/grpo_step_time.py [--steps 12] [--rounds 3]

The bare trainer is TRL's own class with the same arguments on the same rows, decoded by `datasets` as it usually is;
it has the same rewards, writes its metrics and does nothing else. Ours permutes options, decodes late and writes record
and curves. What TRL lacks costs extra where it is wanted (resampling, validation, pages) and is off here. The two take
turns, so that a busy machine slows both. Target: at most 1.05 times the bare step.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from datasets import Image as ImageFeature
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.grpo_trainer import GRPOTrainer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))
from grpo_support import write_scenes
from tiny_models import build_tiny

from reinforcesight.grpo.arguments import grpo_arguments, suppress_vision_tokens
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.policy import SpatialGrpoTrainer
from reinforcesight.grpo.reward import make_reward_functions
from reinforcesight.grpo.trainer import train_grpo
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.tuning.data import load_training_data
from reinforcesight.tuning.parts import lora_config

WARM_UP = 2
Marks = list[tuple[float, float]]


def timed(trainer_class: Any, marks: Marks) -> Any:
    """Note wall and processor time at the start of each step of a trainer class; returns its own method."""
    whole = trainer_class.training_step

    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        marks.append((time.perf_counter(), time.process_time()))
        return whole(self, *args, **kwargs)

    trainer_class.training_step = step
    return whole


def seconds(marks: Marks) -> tuple[float, float]:
    """Median wall and processor seconds from one step's start to the next one's, after the warm-up."""
    pairs = list(pairwise(marks[WARM_UP:]))
    wall, processor = ([after[i] - before[i] for before, after in pairs] for i in (0, 1))
    return statistics.median(wall), statistics.median(processor)


def bare_run(config: GrpoConfig) -> tuple[float, float]:
    """TRL's own trainer."""
    loaded = load_model(config.model.at(config.model_path), trainable=True)
    rows = load_training_data(config.dataset).train.remove_columns(["completion"])
    loaded.processor.tokenizer.padding_side = "left"  # as TRL sets it where it loads the processor itself
    arguments = grpo_arguments(config, has_validation=False)
    suppress_vision_tokens(arguments, loaded.processor)
    marks: Marks = []
    whole = timed(GRPOTrainer, marks)
    try:
        trainer = GRPOTrainer(
            loaded.model,
            reward_funcs=make_reward_functions(config.rewards),
            args=arguments,
            train_dataset=rows.cast_column("image", ImageFeature(decode=True)),
            processing_class=loaded.processor,
            peft_config=lora_config(loaded.model, config),  # type: ignore[arg-type]
        )
        for callback in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(callback)
        trainer.train()
    finally:
        GRPOTrainer.training_step = whole
    return seconds(marks)


def own_run(config: GrpoConfig) -> tuple[float, float]:
    """The real command."""
    marks: Marks = []
    whole = timed(SpatialGrpoTrainer, marks)
    try:
        train_grpo(config)
    finally:
        SpatialGrpoTrainer.training_step = whole
    return seconds(marks)


def main() -> None:
    """Run both in turn and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, default=128, help="of the small model, in place of --model_path")
    parser.add_argument("--side", type=int, default=112, help="of the square pictures, in pixels")
    parser.add_argument("--length", type=int, default=24, help="tokens of a completion")
    parser.add_argument("--threads", type=int, default=1, help="of torch; more wait for each other on a busy machine")
    parser.add_argument("--model_path")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        dataset = write_scenes(Path(folder) / "data", train=64, validation=0, side=options.side)
        model = options.model_path or str(build_tiny(Path(folder) / "model", width=options.width, layers=4))
        bare, own = [], []
        for turn in range(options.rounds):
            values = {
                "dataset": str(dataset),
                "model_path": model,
                "trainer": {
                    "max_steps": options.steps,
                    "save_steps": options.steps,
                    "per_device_train_batch_size": 16,
                    "gradient_accumulation_steps": 1,
                    "num_generations": 8,
                    "gradient_checkpointing": False,
                    "bf16": False,
                    "max_completion_length": options.length,
                    "use_vllm": False,
                },
                "resample_rounds": 0,
                "difficulty": {"enabled": False},
                "groups": {"every": 0},
            }
            bare.append(bare_run(GrpoConfig(**values, output=f"{folder}/bare-{turn}")))
            own.append(own_run(GrpoConfig(**values, output=f"{folder}/own-{turn}")))
        parameters = load_model(ModelConfig(model_path=model)).description["parameters"]
    wall_bare, wall_own = [w for w, _ in bare], [w for w, _ in own]
    result = {
        "bare_seconds_per_step": [round(w, 3) for w in wall_bare],
        "own_seconds_per_step": [round(w, 3) for w in wall_own],
        "ratio_of_the_medians": round(statistics.median(wall_own) / statistics.median(wall_bare), 3),
        "ratio_of_the_best": round(min(wall_own) / min(wall_bare), 3),
        # On a busy machine the share of a processor that a process gets varies; the work that it does, less so.
        "ratio_by_processor_time": round(min(c for _, c in own) / min(c for _, c in bare), 3),
        "parameters": parameters,
        "completions_per_step": 16,
        "tokens_per_completion": options.length,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
