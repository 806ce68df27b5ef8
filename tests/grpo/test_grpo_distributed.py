"""Two processes on the CPU, started by accelerate with the shipped configuration."""

from __future__ import annotations

import json

import pytest
import yaml
from grpo_support import settings, smallest_model, write_scenes
from training_support import launch_two

from reinforcesight.grpo.difficulty import read_rates
from reinforcesight.jobs.record import read_metrics
from reinforcesight.model.load import ModelConfig, load_model

# Nothing is left for a model that knows nothing, which both processes must find out; then without that filter.
SCRIPT = """
import sys
from pathlib import Path
from reinforcesight.config import load_config
from reinforcesight.errors import InputError
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.trainer import train_grpo

config = Path(sys.argv[1])
try:
    train_grpo(load_config(GrpoConfig, config, ["difficulty.enabled=true"], {"output": sys.argv[2]}))
except InputError as error:
    print(error, flush=True)
train_grpo(load_config(GrpoConfig, config))
"""


def test_two_processes(tmp_path):
    run, rated = tmp_path / "run", tmp_path / "rated"
    config = settings(
        write_scenes(tmp_path / "data", train=9, validation=3, twins=True),
        smallest_model(tmp_path / "tiny"),
        run,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        resample_rounds=1,
        beta=0.1,
        difficulty={"enabled": False, "samples": 2, "batch_size": 4},
        evaluation={"max_new_tokens": 2, "samples": 3},
        groups={"every": 1, "shown": 4},
        rewards={"mode": "constraints", "twin_bonus": 1.0, "soft_words": 1, "max_words": 8},
    )
    path, script = tmp_path / "grpo.yaml", tmp_path / "train.py"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    script.write_text(SCRIPT)
    printed = launch_two(str(script), str(path), str(rated))
    assert printed.count("none of 9 questions is left: 9 are too hard") == 2
    assert len(read_rates(rated / "difficulty.jsonl")) == 9
    assert json.loads((rated / "run_record.json").read_text())["status"] == "failed"

    lines = [line for line in read_metrics(run) if "reward" in line]
    assert [line["step"] for line in lines] == [1, 2]
    # Eight completions a step in four groups; each process had two of them.
    assert lines[0]["resampling/zero_variance_share"] * 4 % 1 == 0
    # Twins may be on different processes, and the means of the constraints are over both.
    assert all("twins/both_right" in line for line in lines)
    assert [line["constraints/consistent_multiplier"] for line in lines] == pytest.approx([0.2, 0.2 + 0.1 * 0.95])
    assert lines[0]["kl"] == 0.0 < lines[1]["kl"]
    # Every held-out question was answered once, whichever process did it.
    answers = (run / "answers" / "step-2.jsonl").read_text().splitlines()
    assert len({json.loads(line)["id"] for line in answers}) == len(answers) == 3
    page = (run / "groups" / "step-000001.html").read_text()
    assert page.count('class="completion') == 2 * 2
    load_model(ModelConfig(model_path=str(run)))
