"""Step time of `reinforcesight grpo` against stock TRL: same model, data, rewards and settings.

    python benchmarks/grpo_step_time.py [--steps 12] [--rounds 3] [--model_path nano --side 96 --length 88 ...]

The stock side is TRL's own class on a model that transformers loaded, with the same arguments on the same rows, decoded
by `datasets` as usual; it writes its metrics and does nothing else. Ours is the real command: prompts and pictures are
encoded once for a group, options are permuted, pictures are decoded late, record and curves are written. Features
that TRL lacks and that take time (resampling, validation, pages) are off. Each side runs in its own process, since ours
lets the C library keep freed memory. The two sides take turns, so that a busy machine slows both. Target: at most
0.55 times the stock step for groups of eight.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from datasets import Image as ImageFeature
from transformers import AutoModelForImageTextToText, ProgressCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.grpo_trainer import GRPOTrainer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))
from grpo_support import write_scenes
from tiny_models import build_tiny

from reinforcesight.grpo.arguments import grpo_arguments, suppress_vision_tokens
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.grpo_trainer import SpatialGrpoTrainer
from reinforcesight.grpo.reward import make_reward_functions
from reinforcesight.grpo.trainer import train_grpo
from reinforcesight.model.load import find_source, load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.model.processor import load_processor
from reinforcesight.tuning.data import load_training_data
from reinforcesight.tuning.parts import freeze_for_full_tuning, lora_config

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


def stock_run(config: GrpoConfig) -> tuple[float, float]:
    """TRL's own trainer on a model as transformers loads it."""
    source = find_source(config.model.at(config.model_path))
    model = AutoModelForImageTextToText.from_pretrained(source.base, dtype=torch.float32)
    processor = load_processor(source, config.model)  # stock AutoProcessor would need torchvision
    rows = load_training_data(config.dataset).train.remove_columns(["completion"])
    processor.tokenizer.padding_side = "left"  # as TRL sets it where it loads the processor itself
    arguments = grpo_arguments(config, has_validation=False)
    suppress_vision_tokens(arguments, processor)
    full = config.tuning == "full"
    if full:
        freeze_for_full_tuning(model, config)
    marks: Marks = []
    whole = timed(GRPOTrainer, marks)
    try:
        trainer = GRPOTrainer(
            model,
            reward_funcs=make_reward_functions(config.rewards),
            args=arguments,
            train_dataset=rows.cast_column("image", ImageFeature(decode=True)),
            processing_class=processor,
            peft_config=None if full else lora_config(model, config),
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


def settings(options: argparse.Namespace, dataset: str, model: str, output: str) -> GrpoConfig:
    """Both sides' configuration: two groups of eight a step."""
    return GrpoConfig(
        dataset=dataset,
        model_path=model,
        output=output,
        tuning=options.tuning,
        encode_prompts_once=not options.each_prompt,
        trainer={
            "max_steps": options.steps,
            "save_steps": options.steps,
            "per_device_train_batch_size": options.batch,
            "gradient_accumulation_steps": 1,
            "num_generations": 8,
            "gradient_checkpointing": options.checkpointing,
            "bf16": False,
            "max_completion_length": options.length,
            "beta": 0.0,
            "use_vllm": False,
        },
        resample_rounds=0,
        difficulty={"enabled": False},
        groups={"every": 0},
    )


def in_own_process(side: str, folder: str, turn: int) -> tuple[float, float]:
    """Wall and processor seconds of a step of one side."""
    command = [sys.executable, __file__, *sys.argv[1:], "--run", side, "--folder", folder, "--turn", str(turn)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the {side} side ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    wall, processor = json.loads(done.stdout.strip().splitlines()[-1])
    return wall, processor


def main() -> None:
    """Run both in turn and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, default=128, help="of the small model, in place of --model_path")
    parser.add_argument("--side", type=int, default=112, help="of the square pictures, in pixels")
    parser.add_argument("--length", type=int, default=24, help="tokens of a completion")
    parser.add_argument("--batch", type=int, default=16, help="completions a step")
    parser.add_argument("--tuning", choices=("lora", "full"), default="lora")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing, on both sides")
    parser.add_argument("--each_prompt", action="store_true", help="ours with encode_prompts_once false")
    parser.add_argument("--threads", type=int, default=1, help="of torch; more wait for each other on a busy machine")
    parser.add_argument("--model_path")
    parser.add_argument("--run", choices=("stock", "own"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.run:
        folder = options.folder
        model = options.model_path or f"{folder}/model"
        config = settings(options, f"{folder}/data", model, f"{folder}/{options.run}-{options.turn}")
        print(json.dumps((stock_run if options.run == "stock" else own_run)(config)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_scenes(Path(folder) / "data", train=64, validation=0, side=options.side)
        if options.model_path is None:
            build_tiny(Path(folder) / "model", width=options.width, layers=4)
        stock, own = [], []
        for turn in range(options.rounds):
            stock.append(in_own_process("stock", folder, turn))
            own.append(in_own_process("own", folder, turn))
        model = options.model_path or f"{folder}/model"
        parameters = load_model(ModelConfig(model_path=model)).description["parameters"]
    wall_stock, wall_own = [w for w, _ in stock], [w for w, _ in own]
    result = {
        "stock_seconds_per_step": [round(w, 3) for w in wall_stock],
        "own_seconds_per_step": [round(w, 3) for w in wall_own],
        "ratio_of_the_medians": round(statistics.median(wall_own) / statistics.median(wall_stock), 3),
        "ratio_of_the_best": round(min(wall_own) / min(wall_stock), 3),
        # On a busy machine the share of a processor that a process gets varies; the work that it does, less so.
        "ratio_by_processor_time": round(min(c for _, c in own) / min(c for _, c in stock), 3),
        "parameters": parameters,
        "completions_per_step": options.batch,
        "tokens_per_completion": options.length,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
