"""The loss on a CPU: which positions the output layer sees, and in which precision."""

import contextlib

import pytest
import torch
from tiny_models import build_tiny
from training_support import in_sections, write_dataset
from trl.trainer import utils as trl_utils

from reinforcesight.grpo import grpo_trainer
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.trainer import train_grpo
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.sft import trainer as sft_trainer
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import train_sft


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return str(write_dataset(tmp_path_factory.mktemp("data"), train=8, validation=2))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(build_tiny(tmp_path_factory.mktemp("tiny"), "qwen2_5_vl"))


class Head:
    """Notes the calls of TRL's output layer: rows, labels and the precision of the loss, and that of sampling."""

    def __init__(self, monkeypatch):
        self.rows, self.half, self.half_in_sampling = [], [], []
        real = trl_utils._ChunkedLogProbFunction

        class Noting:
            @staticmethod
            def apply(hidden, *rest):
                self.rows.append(len(hidden))
                self.half.append(torch.is_autocast_enabled("cpu"))
                return real.apply(hidden, *rest)

        monkeypatch.setattr(trl_utils, "_ChunkedLogProbFunction", Noting)


def train(kind, dataset, base, output, **changes):
    common = {
        "dataset": dataset,
        "model_path": base,
        "output": str(output),
        "tuning": "full",
        "max_steps": 2,  # in the first one the rate is 0
        "eval_steps": 2,
        "save_steps": 2,
        "logging_steps": 1,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
        "evaluation": {"max_new_tokens": 4, "samples": 2},
    }
    if kind == "sft":
        return train_sft(in_sections(SftConfig, **common, per_device_train_batch_size=4, **changes))
    grpo = {"num_generations": 2, "max_completion_length": 6, "resample_rounds": 0, "difficulty": {"enabled": False}}
    return train_grpo(in_sections(GrpoConfig, **common, **grpo, per_device_train_batch_size=4, **changes))


def weights(folder):
    return load_model(ModelConfig(model_path=str(folder))).model.state_dict()


def test_the_output_layer_sees_only_answer_tokens_and_the_weights_are_the_same(dataset, tiny, tmp_path, monkeypatch):
    head = Head(monkeypatch)
    train("sft", dataset, tiny, tmp_path / "few")
    few = head.rows[0]
    monkeypatch.setattr(sft_trainer, "labelled_positions_only", contextlib.nullcontext)
    head.rows.clear()
    train("sft", dataset, tiny, tmp_path / "all")
    assert few < head.rows[0] / 2  # prompts with a picture are longer than answers
    expected, found = weights(tmp_path / "all"), weights(tmp_path / "few")
    start = weights(tiny)
    assert any(not torch.equal(start[name], expected[name]) for name in start)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


def test_so_it_does_in_grpo(dataset, tiny, tmp_path, monkeypatch):
    head = Head(monkeypatch)
    train("grpo", dataset, tiny, tmp_path / "few")
    few = head.rows[0]
    assert few <= 4 * 6  # completions of up to six tokens
    monkeypatch.setattr(grpo_trainer, "labelled_positions_only", contextlib.nullcontext)
    head.rows.clear()
    train("grpo", dataset, tiny, tmp_path / "all")
    assert head.rows[0] > 4 * 6  # the prompts too


@pytest.mark.parametrize("kind", ["sft", "grpo"])
@pytest.mark.parametrize("has", [True, False])
def test_cpu_bf16_is_used_in_the_loss_alone_and_only_where_the_processor_has_it(
    kind, has, dataset, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": has})
    head = Head(monkeypatch)
    from transformers import GenerationMixin

    generate = GenerationMixin.generate

    def noting(self, *args, **kwargs):
        head.half_in_sampling.append(torch.is_autocast_enabled("cpu"))
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(GenerationMixin, "generate", noting)
    train(kind, dataset, tiny, tmp_path, cpu_bf16=True)
    assert set(head.half) == {has}
    assert set(head.half_in_sampling) == {False}
