"""What encoding repeated pictures once, and keeping freed memory, save of a step of GRPO and SFT on a CPU.

    make quickstart
    python benchmarks/training_step.py [--run runs/quickstart] [--steps 8] [--rounds 2]

Steps of the quickstart's own stages, from its own data and models, each way in a process of its own; the ways take
turns, so that a busy machine slows all.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WARM_UP = 2
WAYS = {
    "as it is": (),
    "each picture encoded": ("pictures",),
    "memory given back": ("memory",),
    "neither": ("pictures", "memory"),
}


def timed(trainer_class: Any) -> list[float]:
    """Note the wall time of each step of a trainer class."""
    whole, seconds = trainer_class.training_step, []

    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        result = whole(self, *args, **kwargs)
        seconds.append(time.perf_counter() - started)
        return result

    trainer_class.training_step = step
    return seconds


def measure(stage: str, run: Path, steps: int, without: list[str]) -> None:
    """Train for some steps in this process, and print the median of a step's seconds."""
    from reinforcesight.config import load_config
    from reinforcesight.model import repeated_pictures
    from reinforcesight.story.config import RunConfig

    if "pictures" in without:
        repeated_pictures.encode_repeated_once = lambda model: False
    config = load_config(RunConfig, run / "config.yaml", [f"output={run}"])
    few = {"max_steps": steps, "eval_steps": steps, "save_steps": steps, "logging_steps": steps}
    with tempfile.TemporaryDirectory() as folder:
        if stage == "sft":
            from reinforcesight.sft.trainer import AnswerTrainer, train_sft

            seconds = timed(AnswerTrainer)
            options = config.sft.evaluation.model_copy(update={"samples": 8})
            update = {"trainer": config.sft.trainer | few, "output": folder, "evaluation": options}
            train_sft(config.sft.model_copy(update=update))
        else:
            from reinforcesight.grpo.grpo_trainer import SpatialGrpoTrainer
            from reinforcesight.grpo.trainer import train_grpo

            seconds = timed(SpatialGrpoTrainer)
            options = config.grpo.evaluation.model_copy(update={"samples": 8})
            update = {"trainer": config.grpo.trainer | few, "output": folder, "evaluation": options}
            train_grpo(config.grpo.model_copy(update=update))
    print(f"median {statistics.median(seconds[WARM_UP:])}")


def main() -> None:
    """Print seconds per step, each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/quickstart"), help="a finished run")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--stage", choices=("sft", "grpo"), help="measure one way in this process")
    parser.add_argument("--without", nargs="*", default=[], help="pictures, memory")
    arguments = parser.parse_args()
    if arguments.stage:
        measure(arguments.stage, arguments.run, arguments.steps, arguments.without)
        return
    for stage in ("grpo", "sft"):
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(arguments.rounds):
            for way, without in WAYS.items():
                command = [
                    sys.executable,
                    __file__,
                    "--run",
                    str(arguments.run),
                    "--steps",
                    str(arguments.steps),
                ]
                # Whoever has set a variable of glibc's own is left alone; this one changes nothing.
                environment = {**os.environ, **({"MALLOC_PERTURB_": "0"} if "memory" in without else {})}
                done = subprocess.run(
                    [*command, "--stage", stage, "--without", *without],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                found[way].append(float(done.stdout.rpartition("median ")[2]))
        for way, seconds in found.items():
            print(f"{stage:5} {way:22} {min(seconds):.2f} s a step", flush=True)


if __name__ == "__main__":
    main()
