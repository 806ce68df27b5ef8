"""Sampling speed and memory of GRPO on the real Qwen2.5-VL-3B architecture, with random weights, on a GPU.

    python benchmarks/gpu_grpo.py [--output gpu_grpo.json]     on a GPU; needs no download, 8 GB of disk
    python benchmarks/gpu_grpo.py --tiny                        the same code on a tiny model, anywhere

For sampling with transformers and, where it is installed, with vLLM in the training process: completions a second,
seconds of a whole step and of sampling in it, and peak memory, for LoRA training by `reinforcesight grpo` with the
settings of configs/grpo_config.yaml. Random weights compute as fast as trained ones, and their completions run to the
full length, which is the worst case. Each engine has a process of its own, since vLLM keeps its memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))
from gpu_sft import build_3b
from grpo_support import write_scenes
from tiny_models import build_tiny

from reinforcesight.config import load_config
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.grpo_trainer import SpatialGrpoTrainer
from reinforcesight.grpo.trainer import train_grpo
from reinforcesight.jobs.environment import memory_peak
from reinforcesight.jobs.record import read_metrics
from reinforcesight.model.memory import is_out_of_memory

RECIPE = Path(__file__).parents[1] / "configs" / "grpo_config.yaml"
WARM_UP = 1


def measure(folder: Path, engine: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train a few steps with one engine."""
    spent: list[float] = []
    in_use: list[int] = [0]
    whole = SpatialGrpoTrainer._generate

    def timed(self: Any, prompts: list[Any]) -> Any:
        _wait()
        started = time.perf_counter()
        found = whole(self, prompts)
        _wait()
        spent.append(time.perf_counter() - started)
        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            in_use.append(total - free)
        return found

    output = folder / engine
    flags: dict[str, object] = {
        "dataset": str(folder / "data"),
        "model_path": str(folder / "model"),
        "output": str(output),
        "trainer.max_steps": WARM_UP + options.steps,
        "trainer.save_steps": WARM_UP + options.steps,
        "resample_rounds": 0,
        "trainer.use_vllm": engine == "vllm",
        "trainer.max_completion_length": options.length,
        "difficulty.enabled": False,
        "groups.every": 0,
        # There is no validation split here.
        "evaluation.patience": None,
    }
    if options.tiny:
        small = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "num_generations": 4}
        flags |= {f"trainer.{name}": value for name, value in small.items()}
        flags |= {"trainer.bf16": False, "model.dtype": "float32", "model.max_pixels": 56 * 56}
        flags |= {"model.min_pixels": 28 * 28}
    config = load_config(GrpoConfig, RECIPE, flags=flags)
    SpatialGrpoTrainer._generate = timed
    try:
        train_grpo(config)
    finally:
        SpatialGrpoTrainer._generate = whole
    lines = [line for line in read_metrics(output) if "step_time" in line][WARM_UP:]
    completions = config.result_settings(processes=1)["completions_per_step"]
    sampling = statistics.median(spent[WARM_UP:])
    tokens = statistics.mean(line["completions/mean_length"] for line in lines)
    peak = memory_peak()
    return {
        "completions_per_step": completions,
        "completions_per_second": round(completions / sampling, 2),
        "tokens_per_second": round(completions * tokens / sampling, 1),
        "tokens_per_completion": round(tokens, 1),
        "seconds_per_step": round(statistics.median(line["step_time"] for line in lines), 3),
        "seconds_of_sampling": round(sampling, 3),
        "peak_memory_gib": round(peak["gpu_bytes"] / 2**30, 2) if "gpu_bytes" in peak else None,
        # After sampling, by the driver's count: vLLM's memory is partly outside torch's.
        "device_memory_in_use_gib": round(max(in_use) / 2**30, 2) if max(in_use) else None,
        "process_memory_gib": round(peak["process_bytes"] / 2**30, 2),
    }


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def run_alone(folder: Path, engine: str, arguments: list[str]) -> dict[str, Any]:
    """Measure one engine in a process of its own."""
    result = folder / f"{engine}.json"
    command = [sys.executable, __file__, *arguments, "--engine", engine, "--folder", str(folder)]
    done = subprocess.run([*command, "--output", str(result)], check=False)
    if done.returncode or not result.is_file():
        return {"error": f"exit status {done.returncode}"}
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def main() -> None:
    """Measure everything, a line each, and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on a CPU too")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--length", type=int, default=256, help="tokens of a completion")
    parser.add_argument("--side", type=int, default=448, help="of the square pictures, in pixels")
    parser.add_argument("--output", type=Path, default=Path("gpu_grpo.json"))
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        parser.error("no GPU here: use --tiny")
    if options.engine:
        try:
            found = measure(options.folder, options.engine, options)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            found = {"error": "out of memory"}
        options.output.write_text(json.dumps(found) + "\n")
        return
    results: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "model": "tiny" if options.tiny else "Qwen2.5-VL-3B, random weights",
        "side": options.side,
        "runs": {},
    }
    arguments = ["--steps", str(options.steps), "--length", str(options.length)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_scenes(folder / "data", train=64, validation=0, side=56 if options.tiny else options.side)
        if options.tiny:
            build_tiny(folder / "model", width=48, layers=1, vision_layers=1)
            arguments.append("--tiny")
        else:
            build_3b(folder / "model", options.side)
        for engine in ("transformers", "vllm"):
            if engine == "vllm" and (find_spec("vllm") is None or not torch.cuda.is_available()):
                found = {"error": "vLLM or a GPU for it is not there"}
            else:
                found = run_alone(folder, engine, arguments)
            results["runs"][engine] = found
            print(f"{engine}: {json.dumps(found)}", flush=True)
            # As it comes, so that a run cut short keeps what it measured.
            options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
