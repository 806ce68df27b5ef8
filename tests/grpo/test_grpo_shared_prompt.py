"""A prompt that is encoded once for its group gives the values and gradients of stock TRL."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from grpo_support import settings, write_scenes
from tiny_models import build_tiny
from trl.trainer.grpo_trainer import GRPOTrainer

from reinforcesight.grpo.arguments import grpo_arguments
from reinforcesight.grpo.data import QUESTION_COLUMNS
from reinforcesight.grpo.preparation import PreparedRun
from reinforcesight.grpo.shared_prompt import groups_together, use_shared_prompts
from reinforcesight.grpo.trainer import build_grpo_trainer, train_grpo
from reinforcesight.jobs.record import RunRecord, read_metrics
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.data import encoded_rows, load_training_data
from reinforcesight.tuning.parts import load_to_train
from reinforcesight.tuning.run import Session

FAMILIES = ("qwen2_5_vl", "qwen2_vl", "qwen3_vl")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("data"), validation=0, side=56)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return {name: build_tiny(tmp_path_factory.mktemp(name), name, width=48, vision_width=32) for name in FAMILIES}


def trainer_for(dataset, model, output, **changes):
    values = {"per_device_train_batch_size": 8, "num_generations": 4, "max_completion_length": 12, "beta": 0.1}
    config = settings(dataset, model, output, **(values | changes))
    data, loaded = load_training_data(config.dataset), load_to_train(config)
    record = RunRecord(output, {"model": {}})
    session = Session(config, grpo_arguments(config, False), data, loaded, record, StopOnSignal())
    trainer = build_grpo_trainer(session, PreparedRun(encoded_rows(data.train, QUESTION_COLUMNS), None, {}))
    trainer._step, trainer.current_gradient_accumulation_steps = 0, 1
    with torch.no_grad():  # a new adapter changes nothing, and its gradient is zero in one factor
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2, generator=torch.Generator().manual_seed(len(name)))
    return trainer


def batch_of(trainer):
    """Two questions, whose prompts differ in length, with four completions each, most of them cut short."""
    rows = [trainer.train_dataset[at] for at in (0, 1) for _ in range(4)]
    for at, row in enumerate(rows):
        if at >= 4:
            row["prompt"] = [{**row["prompt"][0], "content": "Please look. " + row["prompt"][0]["content"]}]
    batch = trainer._generate_and_score_completions(rows)
    for at, length in enumerate((12, 1, 5, 9, 12, 3, 7, 2)):
        batch["completion_mask"][at, length:] = 0
    batch["advantages"] = torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.3, -0.3])
    return batch


def loss_and_gradients(trainer, batch, *, once):
    trainer.shares_prompts = once
    trainer.model.zero_grad()
    found = []
    kept = GRPOTrainer._get_per_token_logps_and_entropies

    def noted(self, *args, **kwargs):
        found.append("stock")
        return kept(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GRPOTrainer, "_get_per_token_logps_and_entropies", noted)
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
    assert found == ([] if once else ["stock"])
    gradients = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    return loss.detach(), gradients


def log_probabilities(trainer, batch, *, once, size=None):
    trainer.shares_prompts = once
    with torch.no_grad():
        return trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1),
            torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
            batch["completion_ids"].size(1),
            size,
            compute_entropy=True,
            **{k: batch[k] for k in ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")},
        )


@pytest.mark.parametrize(
    ("family", "tuning", "checkpointing"),
    [
        *itertools.product(FAMILIES, ("lora", "full"), (False,)),
        ("qwen2_5_vl", "lora", True),
        ("qwen3_vl", "full", True),
    ],
)
def test_values_and_gradients_are_those_of_trl(dataset, tiny, tmp_path, family, tuning, checkpointing):
    changes = {"tuning": tuning, "gradient_checkpointing": checkpointing, "train_parts": "all"}
    trainer = trainer_for(dataset, tiny[family], tmp_path, **changes)
    assert trainer.shares_prompts
    batch = batch_of(trainer)
    mask = batch["completion_mask"].bool()
    for size in (None, 4):
        ours, theirs = (log_probabilities(trainer, batch, once=once, size=size) for once in (True, False))
        for mine, other in zip(ours[:2], theirs[:2], strict=True):
            torch.testing.assert_close(mine[mask], other[mask], rtol=0, atol=1e-4)
    trainer.model.train()
    if checkpointing:
        trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    (loss, gradients), (expected, others) = (loss_and_gradients(trainer, batch, once=once) for once in (True, False))
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-6)
    assert gradients.keys() == others.keys()
    mine, other = (torch.cat([g[name].flatten() for name in gradients]) for g in (gradients, others))
    assert other.norm() > 0
    assert torch.nn.functional.cosine_similarity(mine, other, dim=0) >= 0.999
    torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-5 * float(other.abs().max()))


def test_the_same_question_about_another_picture_is_another_prompt(dataset, tiny, tmp_path):
    trainer = trainer_for(dataset, tiny["qwen2_5_vl"], tmp_path)
    rows = [trainer.train_dataset[at] for at in (0, 1) for _ in range(4)]
    rows = [row | {"prompt": rows[0]["prompt"]} for row in rows]
    batch = trainer._generate_and_score_completions(rows)
    mask = batch["completion_mask"].bool()
    ours, theirs = (log_probabilities(trainer, batch, once=once)[0][mask] for once in (True, False))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_rows_that_share_no_prompt_go_trls_way(dataset, tiny, tmp_path):
    trainer = trainer_for(dataset, tiny["qwen2_5_vl"], tmp_path)
    batch = batch_of(trainer)
    ours, theirs = (log_probabilities(trainer, batch, once=once, size=1)[0] for once in (True, False))
    assert torch.equal(ours, theirs)


def test_groups_stay_together_over_forward_passes():
    rng = np.random.default_rng(0)
    order = rng.permutation(8)
    group, rows = torch.arange(8) // 2, torch.arange(8)
    parts = []
    for at in range(4):
        own = order[2 * at : 2 * at + 2]
        grids = torch.tensor([[1, 2, int(row) + 1] for row in own])
        patches = torch.cat([torch.full((2 * (int(row) + 1), 3), float(row)) for row in own])
        parts.append(
            {
                "prompt_ids": rows[own][:, None],
                "group": group[own],
                "pixel_values": patches,
                "image_grid_thw": grids,
                "num_images": [1, 1],
                "num_items_in_batch": torch.tensor(5),
                "old_per_token_logps": None,
            }
        )
    found = groups_together(parts)
    assert [part["group"].tolist() for part in found] == [[0, 0], [1, 1], [2, 2], [3, 3]]
    for part in found:
        ids = part["prompt_ids"][:, 0].tolist()
        assert part["image_grid_thw"][:, 2].tolist() == [row + 1 for row in ids]
        assert part["pixel_values"][:, 0].unique().tolist() == sorted(float(row) for row in ids)
        assert (part["num_items_in_batch"], part["old_per_token_logps"]) == (5, None)


def test_a_run_is_that_of_trl(dataset, tiny, tmp_path):
    """Curves agree, whole groups in each of several forward passes; the setting may change when a run resumes."""
    values = {
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "num_generations": 4,
        "max_completion_length": 8,
        "learning_rate": 1e-3,
        "beta": 0.1,
    }
    curves = []
    for once in (True, False):
        config = settings(dataset, tiny["qwen2_5_vl"], tmp_path / str(once), encode_prompts_once=once, **values)
        train_grpo(config)
        curves.append([line for line in read_metrics(tmp_path / str(once)) if "grad_norm" in line])
        assert "encode_prompts_once" not in config.result_settings(processes=1)
    for ours, theirs in zip(*curves, strict=True):
        for name in ("reward", "loss", "grad_norm", "entropy"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5), name
    saved = json.loads((tiny["qwen2_5_vl"] / "config.json").read_text())
    assert "shared_prompt" not in json.dumps(saved)


def test_what_is_not_supported_is_left_alone(tiny):
    loaded = load_model(ModelConfig(model_path=str(tiny["qwen2_vl"]), attn_implementation="eager"))
    assert not use_shared_prompts(loaded.model)
    assert loaded.model.config.get_text_config()._attn_implementation == "eager"
    whole = load_model(ModelConfig(model_path=str(tiny["qwen2_vl"])))
    assert use_shared_prompts(whole.model)
    assert use_shared_prompts(whole.model)
