"""Shipped recipes, refused combinations, early stopping and what decides a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny_models import train_tokenizer
from training_support import changed
from transformers import get_scheduler

from reinforcesight.cli import run
from reinforcesight.config import load_config
from reinforcesight.errors import ConfigError
from reinforcesight.grpo.arguments import grpo_arguments, suppress_vision_tokens
from reinforcesight.grpo.config import GrpoConfig, ValidationOptions
from reinforcesight.grpo.validation import StopOnFall, compare_with_start, fallen
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import sft_arguments

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def processor():
    return SimpleNamespace(tokenizer=train_tokenizer())


@pytest.mark.parametrize("name", ["grpo_config", "grpo_config_no_thinking"])
def test_shipped_recipes_fit_trl(name, tmp_path):
    config = load_config(GrpoConfig, CONFIGS / f"{name}.yaml", flags={"output": str(tmp_path)})
    arguments = grpo_arguments(config, has_validation=True)
    assert arguments.generation_batch_size == 64
    assert arguments.generation_batch_size // arguments.num_generations == 8
    assert config.rewards.thinking == (name == "grpo_config")
    # On two GPUs with half the accumulation it is the same recipe.
    halved = changed(config, gradient_accumulation_steps=config.trainer["gradient_accumulation_steps"] // 2)
    assert config.result_settings(processes=1) == halved.result_settings(processes=2)


@pytest.mark.parametrize("trained", ["sft", "grpo"])
def test_the_rate_falls_as_far_as_the_scheduler_is_told(trained, tmp_path):
    def arguments(name, **scheduler):
        trainer = {"learning_rate": 0.1, "lr_scheduler_type": name, "lr_scheduler_kwargs": scheduler}
        values = {"dataset": "d", "output": str(tmp_path), "trainer": trainer}
        if trained == "sft":
            return sft_arguments(SftConfig(**values), has_validation=False)
        return grpo_arguments(GrpoConfig(**values), has_validation=False)

    given = arguments("cosine_with_min_lr", min_lr_rate=0.4)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=given.learning_rate)
    scheduler = get_scheduler(
        given.lr_scheduler_type, optimizer, 0, 10, scheduler_specific_kwargs=given.lr_scheduler_kwargs
    )
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.04])
    with pytest.raises(ConfigError, match=r"the scheduler cosine refuses its arguments: .*'min_lr_rate'"):
        arguments("cosine", min_lr_rate=0.4)
    with pytest.raises(ConfigError, match="cosinus is not a valid SchedulerType"):
        arguments("cosinus")


def test_eight_bit_with_vllm_is_refused_with_the_reason():
    values = {"dataset": "d", "model": {"quantization": "8bit"}}
    with pytest.raises(ConfigError, match="vLLM can't take 8-bit weights: it receives the trained weights"):
        load_config(GrpoConfig, None, ["trainer.use_vllm=true"], values)
    assert load_config(GrpoConfig, None, (), values).trainer["use_vllm"] is None
    with pytest.raises(ConfigError, match=r"server needs trainer\.use_vllm true"):
        load_config(GrpoConfig, None, ["trainer.vllm_mode=server"], {"dataset": "d"})
    with pytest.raises(ConfigError, match="can't be trained"):
        load_config(GrpoConfig, None, ["tuning=full"], values)


def test_each_engine_suppresses_vision_tokens_with_its_own_option(processor):
    def options(**arguments):
        made = SimpleNamespace(**{"generation_kwargs": {"min_p": 0.1}, "vllm_mode": "colocate"} | arguments)
        suppress_vision_tokens(made, processor)
        assert made.generation_kwargs["min_p"] == 0.1
        return made.generation_kwargs

    token = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert token in options(use_vllm=False)["suppress_tokens"]
    assert options(use_vllm=True)["logit_bias"][token] == -100.0
    assert "<|image_pad|>" in options(use_vllm=True, vllm_mode="server")["bad_words"]
    with pytest.raises(ConfigError, match="bad_words can't be set"):
        options(use_vllm=True, generation_kwargs={"bad_words": []})


@pytest.mark.parametrize("section", ["rewards.gate=never", "difficulty.max_pass_rate=0", "trainer.loss_type=ppo"])
def test_wrong_values_are_named(section):
    with pytest.raises(ConfigError, match=section.split("=")[0].split(".")[0]):
        load_config(GrpoConfig, None, [section], {"dataset": "d"})


def test_on_the_command_line(capsys):
    assert run(["grpo", "--config", str(CONFIGS / "grpo_config.yaml"), "--dataset", "/nowhere"]) == 2
    assert "no such data set folder (/nowhere)" in capsys.readouterr().err


def lines(*accuracies, faithful=0.5):
    return [{"eval_accuracy": accuracy, "eval_faithful": faithful} for accuracy in accuracies]


def test_a_lasting_fall_ends_training():
    options = ValidationOptions(patience=2, tolerance=0.02)
    assert fallen(lines(0.5, 0.6, 0.55, 0.6), options) is None
    assert fallen(lines(0.5, 0.6, 0.55, 0.59), options) is None, "within the tolerance"
    assert fallen(lines(0.5, 0.6, 0.55, 0.57), options) == "eval_accuracy"
    assert fallen(lines(0.9, 0.7, 0.8), options) == "eval_accuracy", "below the start"
    history = [*lines(0.5, 0.6), *lines(0.7, 0.8, faithful=0.3)]
    assert fallen(history, options) == "eval_faithful", "accuracy at the cost of faithfulness"
    assert fallen(lines(0.9, 0.1, 0.1, 0.1), ValidationOptions(patience=None)) is None
    assert fallen([{"eval_accuracy": 0.9}, {"eval_accuracy": 0.1}, {"eval_accuracy": 0.2}], options)


def test_early_stopping_saves_and_tells_why():
    callback = StopOnFall(ValidationOptions(patience=1), lines(0.9)[0])
    control = SimpleNamespace(should_training_stop=False, should_save=False, should_evaluate=False)
    state = SimpleNamespace(log_history=lines(0.9), global_step=4, max_steps=5)
    callback.on_evaluate(None, state, control)
    callback.on_step_end(None, state, control)
    assert not control.should_training_stop
    assert not control.should_evaluate
    state.log_history += lines(0.5)
    state.global_step = 5
    callback.on_evaluate(None, state, control)
    callback.on_step_end(None, state, control)
    assert control.should_training_stop
    assert control.should_save
    assert control.should_evaluate
    assert callback.reason == "eval_accuracy"


def test_comparison_with_the_start_is_paired():
    def answers(*values):
        return [{"id": f"q{at}", "correct": v, "faithful": None} for at, v in enumerate(values)]

    found = compare_with_start(answers(True, False, False, False, False), answers(False, True, True, True, 0))
    assert set(found) == {"correct"}
    assert (found["correct"]["won"], found["correct"]["lost"]) == (3, 1)
    assert found["correct"]["change"] == pytest.approx(0.4)
    # Exact: of four discordant pairs, three or more the same way, either way.
    assert found["correct"]["p_value"] == pytest.approx(2 * (4 + 1) / 16)
    assert compare_with_start([], answers(True)) == {}
