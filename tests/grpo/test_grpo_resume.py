"""Runs that are killed or stopped for real, in processes of their own, and go on as if nothing had been."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import forked
import pytest
import torch
from grpo_support import settings, smallest_model, write_scenes

from reinforcesight.grpo.trainer import train_grpo
from reinforcesight.jobs.record import read_metrics
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.tuning.records.checkpoints import complete_checkpoints

TRAIN = """
import json, sys, torch
torch.set_num_threads(1)
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.trainer import train_grpo
sys.exit(train_grpo(GrpoConfig(**json.loads(sys.argv[1]))).exit_code)
"""


# An adapter to start from, which makes the KL term need a copy of it; and all weights, as the quickstart trains them.
ADAPTER = {"beta": 0.1, "resample_rounds": 1, "lora": {"rank": 2, "dropout": 0.1}}
FULL = {
    "tuning": "full",
    "train_parts": "all",
    "beta": 0.0,
    "resample_rounds": 0,
    "rewards": {"mode": "constraints", "soft_words": 1, "max_words": 8},
}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Settings of a run of eight steps, by what it trains."""
    torch.set_num_threads(1)  # as in the processes, since the number changes rounding
    folder = tmp_path_factory.mktemp("resume")
    data, tiny = write_scenes(folder / "data"), smallest_model(folder / "tiny")
    train_grpo(settings(data, tiny, folder / "sft", max_steps=1, learning_rate=0.1))

    def make(output, kind):
        return settings(
            data,
            folder / "sft" if kind is ADAPTER else tiny,
            output,
            max_steps=8,
            save_steps=2,
            eval_steps=4,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=2,
            **kind,
        )

    return make


def start(config):
    return forked.start_code(TRAIN, json.dumps(config.model_dump(mode="json")))


def signal_at(process, output, step, number):
    """Send a signal as soon as a step is logged; the exit status and what was said."""
    while process.poll() is None:
        if max((line["step"] for line in read_metrics(output)), default=0) >= step:
            process.send_signal(number)
            break
        time.sleep(0.002)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def curve(output: Path):
    keys = ("step", "loss", "grad_norm", "reward", "kl", "entropy", "num_tokens", "epoch")
    keys += ("completions/mean_length", "resampling/groups_exchanged")
    keys += ("constraints/consistent_multiplier", "constraints/grounded_multiplier")
    return [tuple(line.get(key) for key in keys) for line in read_metrics(output) if "reward" in line]


@pytest.mark.parametrize(
    ("kind", "weights_file"),
    [(ADAPTER, "adapter_model.safetensors"), (FULL, "model.safetensors")],
    ids=["adapter", "full"],
)
def test_killed_and_stopped_the_curve_is_as_undisturbed(kind, weights_file, started, tmp_path):
    run, reference = tmp_path / "run", tmp_path / "reference"
    status, said = signal_at(start(started(run, kind)), run, 3, signal.SIGKILL)
    assert status == -signal.SIGKILL, said
    assert complete_checkpoints(run)
    status, said = signal_at(start(started(run, kind)), run, 5, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM, said
    record = json.loads((run / "run_record.json").read_text())
    assert record["status"] == "interrupted"
    newest = complete_checkpoints(run)[-1]
    assert newest.name == f"checkpoint-{max(line['step'] for line in read_metrics(run))}"
    load_model(ModelConfig(model_path=str(newest)))
    for output in (run, reference):
        assert train_grpo(started(output, kind)).status == "finished"
    assert len(curve(reference)) == 8
    assert curve(run) == curve(reference)
    if kind is FULL:  # no completion of a random model is consistent: the multiplier rises from its start in each step
        learnt = [line[-2] for line in curve(run)]
        assert learnt == pytest.approx([0.2 + 0.1 * 0.95 * step for step in range(8)])
    weights = [(folder / weights_file).read_bytes() for folder in (run, reference)]
    assert weights[0] == weights[1]
    answers = [(folder / "answers" / "step-8.jsonl").read_text() for folder in (run, reference)]
    assert answers[0] == answers[1]
    assert len(json.loads((run / "run_record.json").read_text())["sessions"]) == 3
    assert (run / "report.html").exists()
