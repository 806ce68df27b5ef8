"""Runs of the whole trainer on models of a few thousand weights."""

from __future__ import annotations

import itertools
import json
import shutil
from importlib.util import find_spec
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from grpo_support import BY_LENGTH, settings, smallest_model, speaking_model, write_scenes
from PIL import Image
from safetensors.torch import load_file
from training_support import row, write_split

from reinforcesight.errors import ConfigError, InputError, MissingDependencyError, OutputError
from reinforcesight.grpo import difficulty, trainer
from reinforcesight.grpo.arguments import grpo_arguments
from reinforcesight.grpo.config import CHOICES, GrpoConfig
from reinforcesight.grpo.data import QUESTION_COLUMNS, Presenter
from reinforcesight.grpo.preparation import PreparedRun
from reinforcesight.grpo.reward import make_reward_functions
from reinforcesight.grpo.trainer import build_grpo_trainer, train_grpo
from reinforcesight.jobs.record import RunRecord, read_metrics
from reinforcesight.model.chat import chat_text, encode, suppressed_token_ids
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.protocol import option_lines
from reinforcesight.tuning.accuracy import read_step_answers
from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.data import encoded_rows, load_training_data
from reinforcesight.tuning.run import Session


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return smallest_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def train_only(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("train_only"), validation=0)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """One thread, as tiny tensors want it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def steps_of(output):
    return [line for line in read_metrics(output) if "reward" in line]


@pytest.mark.parametrize(("loss", "tuning", "beta"), list(product(CHOICES["loss_type"], ("lora", "full"), (0.0, 0.1))))
def test_two_steps_of_each_loss(train_only, tiny, tmp_path, loss, tuning, beta):
    level = "sequence" if loss == "luspo" else "token"
    config = settings(
        train_only,
        tiny,
        tmp_path / "run",
        loss_type=loss,
        tuning=tuning,
        beta=beta,
        importance_sampling_level=level,
    )
    result = train_grpo(config)
    assert result.status == "finished"
    assert result.step == 2
    first, second = steps_of(tmp_path / "run")
    assert first["grad_norm"] > 0
    assert 0 <= first["reward/right_counts"] <= first["reward/right"] <= 1
    assert 0 <= first["reward/claims_read"] <= 1
    if beta:
        assert first["kl"] == pytest.approx(0.0, abs=1e-6), "the reference is the start"
        assert second["kl"] > 0
    else:
        assert "kl" not in first
    load_model(ModelConfig(model_path=str(tmp_path / "run")))


def test_a_template_that_opens_the_block(dataset, tiny, tmp_path, monkeypatch):
    """Rewards and validation read completions with the tag that ends the prompt."""
    opening = shutil.copytree(tiny, tmp_path / "opening")
    template = opening / "chat_template.jinja"
    marker = "{% if add_generation_prompt %}<think>\n{% endif %}"
    template.write_text(template.read_text(encoding="utf-8").rstrip("\n") + marker, encoding="utf-8")
    made = []
    monkeypatch.setattr(
        trainer, "make_reward_functions", lambda config: made.append(config) or make_reward_functions(config)
    )
    for start, opened in ((opening, True), (tiny, False)):
        output = tmp_path / f"run-{opened}"
        train_grpo(settings(dataset, start, output, rewards=BY_LENGTH | {"gate": "reasoning"}))
        assert made.pop().opened is opened
        texts = [line["text"] for line in read_step_answers(output, 2)]
        assert texts
        assert all(text.startswith("<think>\n") for text in texts) is opened


def test_starts_from_an_adapter_with_the_divergence_measured_from_it(dataset, train_only, tiny, tmp_path):
    train_grpo(settings(train_only, tiny, tmp_path / "first", learning_rate=0.1))
    for name, changes in {"on": {}, "merged": {"tuning": "full", "learning_rate": 1e-3}}.items():
        output = tmp_path / name
        train_grpo(settings(dataset, tmp_path / "first", output, beta=0.1, **changes))
        first, second = steps_of(output)
        assert first["kl"] == pytest.approx(0.0, abs=1e-6), "the base alone would be far away"
        assert second["kl"] > 0
    # The frozen copy that the divergence is measured from is no part of what is saved.
    assert not (tmp_path / "on" / "checkpoint-2" / "ref").exists()
    folders = (tmp_path / "first" / "checkpoint-2", tmp_path / "on" / "checkpoint-2")
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in folders)
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert json.loads((tmp_path / "on" / "adapter_config.json").read_text())["base_model_name_or_path"] == str(tiny)


def test_eight_bit_base_with_transformers(dataset, tiny, tmp_path):
    result = train_grpo(settings(dataset, tiny, tmp_path / "run", model={"quantization": "8bit"}))
    assert result.status == "finished"


def test_prompts_are_those_of_evaluation_and_no_vision_token_is_sampled(dataset, tiny, tmp_path):
    config = settings(dataset, tiny, tmp_path / "run", max_completion_length=200)
    loaded = load_model(ModelConfig(model_path=str(tiny)), trainable=True)
    data = load_training_data(str(dataset))
    rows = encoded_rows(data.train, QUESTION_COLUMNS)
    record = RunRecord(tmp_path / "run", {"status": "running", "sessions": []})
    session: Session[GrpoConfig] = Session(config, grpo_arguments(config, False), data, loaded, record, StopOnSignal())
    trainer = build_grpo_trainer(session, PreparedRun(rows, None, {}))
    trainer.model.train()
    batch = trainer._generate_and_score_completions([rows[0], rows[0]])
    row = Presenter(thinking=True, permute=False, seed=0).present([rows[0]], epoch=0)[0]
    expected = encode(loaded.processor, [chat_text(loaded.processor, row["prompt"])], [row["image"]])
    assert batch["prompt_ids"][0].tolist() == expected["input_ids"][0].tolist()
    length = len(expected["pixel_values"])
    assert torch.equal(batch["pixel_values"][:length], expected["pixel_values"])
    # In the second pass, the two options have changed places.
    trainer.state.epoch = 1.0
    later = trainer._generate_and_score_completions([rows[0], rows[0]])
    for asked, choices in ((batch, row["choices"]), (later, row["choices"][::-1])):
        text = loaded.processor.tokenizer.decode(asked["prompt_ids"][0])
        assert option_lines(choices) in text
    trainer.state.epoch = 0.0
    # In a batch of prompts of several lengths, the kinds of tokens lie where the tokens do.
    mixed = trainer._generate_and_score_completions([rows[at] for at in range(8)])
    assert len(set(mixed["prompt_mask"].sum(dim=1).tolist())) > 1
    tokens = torch.cat([mixed["prompt_ids"], mixed["completion_ids"]], dim=1)
    picture = loaded.processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert torch.equal(mixed["mm_token_type_ids"] == 1, tokens == picture)
    sampled = set(batch["completion_ids"].flatten().tolist())
    ends = {loaded.processor.tokenizer.pad_token_id, loaded.processor.tokenizer.eos_token_id}
    # 400 tokens of a model that gives all of its 400 about the same chance.
    assert len(sampled) > 100
    assert not sampled & (set(suppressed_token_ids(loaded.processor)) - ends)


def test_learns_and_shows_it(tmp_path):
    """From a model that has the format and guesses: the reward rises, and the record says by how much."""
    data = write_scenes(tmp_path / "data", train=42, validation=8)
    start = speaking_model(tmp_path, data, steps=60)
    output = tmp_path / "grpo"
    config = settings(
        data,
        start,
        output,
        max_steps=16,
        eval_steps=8,
        save_steps=8,
        learning_rate=4e-3,
        loss_type="dapo",
        scale_rewards="group",
        tuning="full",
        train_parts="all",
        per_device_train_batch_size=32,
        num_generations=8,
        beta=0.01,
        rewards={"gate": "off"},
        resample_rounds=1,
        max_completion_length=40,
        evaluation={"max_new_tokens": 40, "samples": 8},
        difficulty={"samples": 4, "batch_size": 64},
        groups={"every": 4},
    )
    result = train_grpo(config)
    lines = steps_of(output)
    rewards = [line["reward"] for line in lines]
    assert sum(rewards[8:]) / 8 > sum(rewards[:8]) / 8 + 0.1
    parts = ("accuracy", "format", "qualitative", "grounded", "consistent", "over_length", "repetition")
    expected = {f"rewards/{part}/mean" for part in parts}
    expected |= {"entropy", "kl", "completions/mean_length", "frac_reward_zero_std"}
    expected |= {"resampling/zero_variance_share", "resampling/groups_drawn"}
    assert expected <= lines[-1].keys()
    record = json.loads((output / "run_record.json").read_text())
    counts = record["data"]["difficulty"]
    assert counts["rated"] == 42
    assert 0 < counts["kept"] < 42
    assert counts["kept"] + counts["too_hard"] + counts["too_easy"] == 42
    compared = record["results"]["compared_with_start"]
    assert compared["correct"]["questions"] == compared["faithful"]["questions"] == 8
    # Of the best checkpoint, also if the start is published.
    validations = [line for line in read_metrics(output) if line["step"] and "eval_right_and_faithful" in line]
    best = max(validations, key=lambda line: line["eval_right_and_faithful"])
    assert compared["correct"]["change"] == pytest.approx(best["eval_accuracy"] - result.start["eval_accuracy"])
    better = best["eval_right_and_faithful"] > result.start["eval_right_and_faithful"]
    assert result.best_step == (best["step"] if better else 0)
    pages = sorted(path.name for path in (output / "groups").iterdir())
    assert pages == ["step-000000.html", "step-000004.html", "step-000008.html", "step-000012.html"]
    page = (output / "groups" / pages[-1]).read_text()
    assert page.count('class="completion') == 4 * 8
    assert "<polyline" in (output / "report.html").read_text()
    # A second start reports the finished run.
    assert train_grpo(config) == result


def test_without_thinking(dataset, tiny, tmp_path):
    result = train_grpo(settings(dataset, tiny, tmp_path / "run", rewards={"thinking": False}))
    assert "eval_faithful" not in result.best
    assert {"eval_accuracy", "eval_right_and_faithful"} <= result.best.keys()
    assert "rewards/grounded/mean" not in steps_of(tmp_path / "run")[0]


def test_what_can_not_be_trained_is_said(dataset, tiny, tmp_path):
    with pytest.raises(InputError, match="8 are too hard"):
        train_grpo(settings(dataset, tiny, tmp_path / "c", difficulty={"samples": 2}))
    train_grpo(settings(dataset, tiny, tmp_path / "d"))
    with pytest.raises(OutputError, match=r"trainer\.beta was 0\.01, now 0\.5"):
        train_grpo(settings(dataset, tiny, tmp_path / "d", beta=0.5))


def test_a_bad_row_is_left_out_by_name(tiny, tmp_path, capsys):
    rng = np.random.default_rng([0])
    rows = [row(index, rng, 28) for index in range(4)]
    rows[1]["answer"] = "(E)"
    rows[2]["image"] = {"bytes": b"no picture", "path": "x.png"}
    rows[3]["prompt"] = [{"role": "user", "content": "<|image_pad|>" + rows[3]["prompt"][0]["content"]}]
    (tmp_path / "data" / "data").mkdir(parents=True)
    write_split(tmp_path / "data", "train", rows)
    result = train_grpo(settings(tmp_path / "data", tiny, tmp_path / "run", rewards=BY_LENGTH))
    assert (result.status, result.step) == ("finished", 2)
    left_out = RunRecord.load(tmp_path / "run").content["data"]["left_out"]
    assert left_out.keys() == {"row-00001", "row-00002"}
    assert "left out: 2 of 4 rows of the split train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("start", "changes"),
    [("tiny", {}), ("tiny", {"tuning": "full"}), ("adapter", {}), ("adapter", {"tuning": "full"})],
    ids=["new adapter", "all weights", "its adapter", "merged"],
)
def test_the_start_is_published_where_no_checkpoint_is_better(
    dataset, train_only, tiny, tmp_path, capsys, start, changes
):
    """Random weights answer nothing, before and after training."""
    path = tiny
    if start == "adapter":
        path = train_grpo(settings(train_only, tiny, tmp_path / "first", learning_rate=0.1)).output
    capsys.readouterr()
    result = train_grpo(settings(dataset, path, tmp_path / "run", **changes))
    assert (result.step, result.best_step, result.best) == (2, 0, result.start)
    assert "no checkpoint is better on validation than the start, which is published" in capsys.readouterr().out
    models = [load_model(ModelConfig(model_path=str(folder))) for folder in (path, tmp_path / "run")]
    logits = []
    for loaded in models:
        text = chat_text(loaded.processor, [{"role": "user", "content": "What?"}])
        batch = encode(loaded.processor, [text], [Image.new("RGB", (28, 28), "red")])
        with torch.no_grad():
            logits.append(loaded.model(**batch).logits)
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)
    assert not list((tmp_path / "run").glob(".start-*"))


def test_a_corrected_command_uses_the_pass_rates_again(train_only, tiny, tmp_path, monkeypatch):
    verdicts = itertools.cycle([SimpleNamespace(correct=True, letter="A"), SimpleNamespace(correct=False, letter="B")])
    monkeypatch.setattr(difficulty, "judge_row", lambda *_: next(verdicts))
    rated = {"samples": 2, "questions": 6}
    big = {"per_device_train_batch_size": 6, "difficulty": rated | {"max_pass_rate": 0.5}}
    with pytest.raises(InputError, match="none of 6 questions is left"):
        train_grpo(settings(train_only, tiny, tmp_path / "run", **big))
    monkeypatch.setattr(difficulty, "generate_text", None)
    result = train_grpo(settings(train_only, tiny, tmp_path / "run", difficulty=rated, beta=0.5))
    assert (result.status, result.step) == ("finished", 2)


def test_numbers_are_checked_before_a_model_is_loaded(train_only, tmp_path):
    absent = tmp_path / "no model"
    with pytest.raises(ConfigError, match="8 questions are fewer than the 16"):
        train_grpo(settings(train_only, absent, tmp_path / "a", per_device_train_batch_size=32))
    with pytest.raises(ConfigError, match="divisible by num_generations"):
        train_grpo(settings(train_only, absent, tmp_path / "b", num_generations=3))
    with pytest.raises(ConfigError, match="1 questions are fewer than the 2"):
        train_grpo(settings(train_only, absent, tmp_path / "c", difficulty={"questions": 1}))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_vllm_absent_is_one_line(dataset, tiny, tmp_path):
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[vllm\]"):
        train_grpo(settings(dataset, tiny, tmp_path / "run", use_vllm=True))
