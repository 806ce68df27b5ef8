import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_models import build_tiny
from training_support import row

from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.tuning.data import SpatialCollator

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def gpu_sft():
    spec = importlib.util.spec_from_file_location("gpu_sft", BENCHMARKS / "gpu_sft.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_gpu_benchmark_runs_on_the_tiny_model(gpu_sft, tmp_path, monkeypatch):
    flags = ["--tiny", "--steps", "1", "--warm_up", "1", "--side", "56", "--batch_sizes", "1", "2"]
    monkeypatch.setattr(sys, "argv", ["gpu_sft.py", *flags, "--output", str(tmp_path / "g.json")])
    gpu_sft.main()
    found = json.loads((tmp_path / "g.json").read_text())
    names = [f"{kind} LoRA, batch {size}" for kind in ("bf16", "8-bit") for size in (1, 2)]
    assert list(found["runs"]) == names
    for run in found["runs"].values():
        assert run["tokens_per_second"] > 0
        assert 0 < run["loss"] < 20


def test_flops_follow_batch_and_model(gpu_sft, tmp_path):
    flops = []
    for layers, count in ((2, 1), (2, 2), (4, 1)):
        folder = build_tiny(tmp_path / f"{layers}-{count}", layers=layers)
        loaded = load_model(ModelConfig(model_path=str(folder)))
        rows = [row(0, np.random.default_rng(0)) for _ in range(count)]
        batch = SpatialCollator(loaded.processor, completion_only_loss=True)(rows)
        flops.append(gpu_sft.step_flops(loaded.model, batch))
    assert flops[1] == 2 * flops[0]
    assert 1.2 * flops[0] < flops[2] < 2 * flops[0]
