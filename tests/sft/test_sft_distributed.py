"""Two processes on the CPU, started by accelerate with the shipped configuration, against one process."""

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny_models import build_tiny
from training_support import launch_two, write_dataset

from reinforcesight.jobs.record import read_metrics
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import train_sft

ACCELERATE = Path(__file__).parents[2] / "configs" / "accelerate"


def test_two_processes_train_as_one(tmp_path):
    base = {
        "dataset": str(write_dataset(tmp_path / "data", train=24, validation=5)),
        "model_path": str(build_tiny(tmp_path / "tiny")),
        "lora": {"dropout": 0.0},
        "evaluation": {"max_new_tokens": 4},
    }
    trainer = {"max_steps": 4, "eval_steps": 4, "save_steps": 4, "logging_steps": 1, "learning_rate": 0.01}
    # Eight questions a step both times, divided differently.
    cut = {"trainer": {**trainer, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}}
    config = tmp_path / "sft.yaml"
    config.write_text(yaml.safe_dump({**base, **cut, "output": str(tmp_path / "two")}))
    launch_two("-m", "reinforcesight", "sft", "--config", str(config))
    one = {"trainer": {**trainer, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}}
    train_sft(SftConfig(**base, **one, output=str(tmp_path / "one")))
    alone, together = ([x for x in read_metrics(tmp_path / name) if "loss" in x] for name in ("one", "two"))
    assert [x["step"] for x in together] == [1, 2, 3, 4]
    for a, b in zip(alone, together, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-3)
        assert a["num_tokens"] == b["num_tokens"]
    weights = [load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two")]
    assert all(torch.allclose(weights[0][k], weights[1][k], atol=1e-4) for k in weights[0])
    # Every question was answered once, whichever process did it.
    answers = [(tmp_path / name / "answers" / "step-4.jsonl").read_text() for name in ("one", "two")]
    assert answers[0].count("\n") == answers[1].count("\n") == 5


@pytest.mark.parametrize("name", ["ddp", "fsdp2", "zero2", "cpu"])
def test_accelerate_reads_the_shipped_configurations(name):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(ACCELERATE / f"{name}.yaml"))
    expected = {"ddp": "MULTI_GPU", "fsdp2": "FSDP", "zero2": "DEEPSPEED", "cpu": "MULTI_GPU"}[name]
    assert config.distributed_type.value == expected
    assert config.num_processes == 2
