"""The plan's arithmetic against models that are really built, and the command that prints it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from peft import get_peft_model
from tiny_models import build_tiny
from training_support import in_sections
from transformers import DynamicCache

from reinforcesight.cli import run
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.sft.config import SftConfig
from reinforcesight.tuning.memory.plan import GIB, PROMPT_TOKENS, plan_memory, warn_of_memory
from reinforcesight.tuning.parts import freeze_for_full_tuning, lora_config

RECIPES = sorted(path.stem for path in (Path(__file__).parents[2] / "configs").glob("*_config*.yaml"))


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen2_vl", "qwen3_vl"])
@pytest.mark.parametrize("parts", ["language", "all"])
def test_weights_are_those_of_the_model(tmp_path, family, parts):
    path = str(build_tiny(tmp_path, family))
    values = {"dataset": "d", "model_path": path, "train_parts": parts, "model": {"dtype": "float32"}}
    model = load_model(ModelConfig(model_path=path)).model
    weights = sum(p.numel() for p in model.parameters())
    adapted = in_sections(SftConfig, **values)
    found = plan_memory(adapted).parts
    lora = get_peft_model(model, lora_config(model, adapted))
    trained = sum(p.numel() for p in lora.parameters() if p.requires_grad)
    assert found == {
        "weights": 4 * weights,
        "adapter": 4 * trained,
        "gradients": 4 * trained,
        "optimizer": 8 * trained,
    }
    whole = in_sections(GrpoConfig, **values, tuning="full", beta=0.1)
    model = load_model(ModelConfig(model_path=path)).model
    freeze_for_full_tuning(model, whole)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    expected = {"weights": 4 * weights, "gradients": 4 * trained, "optimizer": 8 * trained}
    assert plan_memory(whole).parts == expected | {"reference model": 4 * weights}


def test_activations_and_cache_follow_the_tensors(tmp_path):
    """Bytes that autograd keeps, and of a cache, within a third and exactly."""
    path = str(build_tiny(tmp_path, width=128, layers=4, vision_width=32, max_pixels=56 * 56))
    values = {"dataset": "d", "model_path": path, "tuning": "full", "per_device_train_batch_size": 4}
    config = in_sections(SftConfig, **values, gradient_checkpointing=False)
    tokens, kept = 4 * (4 + PROMPT_TOKENS + 110), {}
    model = load_model(ModelConfig(model_path=path)).model.train()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.requires_grad or tensor.grad_fn is not None or tensor.is_floating_point():
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.model.language_model(inputs_embeds=torch.randn(4, tokens // 4, 128, requires_grad=True))
    measured = sum(size for pointer, size in kept.items() if pointer not in own)
    assert plan_memory(config).training["activations"] == pytest.approx(measured, rel=0.34)

    sampled = in_sections(GrpoConfig, **values, gradient_accumulation_steps=2, max_completion_length=20)
    cache = DynamicCache()
    with torch.no_grad():
        inputs = torch.randn(8, 4 + PROMPT_TOKENS + 20, 128)
        model.eval().model.language_model(inputs_embeds=inputs, past_key_values=cache, use_cache=True)
    size = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert plan_memory(sampled).sampling["KV cache"] == size


def test_less_memory_is_planned_for_what_needs_less():
    def peak(kind=SftConfig, **changes):
        values = {"dataset": "d", "model_path": "Qwen/Qwen2.5-VL-3B-Instruct", "gradient_checkpointing": True}
        return plan_memory(in_sections(kind, **(values | {"model": {"max_pixels": 448 * 448}} | changes))).peak

    assert peak() < peak(gradient_checkpointing=False)
    assert peak(model={"quantization": "4bit", "max_pixels": 448 * 448}) < peak()
    assert peak(tuning="full") > 40e9 > 24e9 > peak()
    once = {"gradient_checkpointing": False, "per_device_train_batch_size": 16}
    assert peak(GrpoConfig, **once) < peak(GrpoConfig, encode_prompts_once=False, **once)


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith(("sft", "grpo"))])
def test_recipes_fit_their_gpu(name, capsys):
    assert run(["doctor", "--plan", name]) == 0
    shown = capsys.readouterr().out
    assert "peak, in" in shown
    assert "24 GB yes" in shown if "24gb" in name else "40 GB yes" in shown
    assert ("Qwen3-VL-4B" if "qwen3" in name else "Qwen2.5-VL-3B") in shown


def test_too_small_a_gpu_is_said_before_a_model_is_loaded(monkeypatch, capsys):
    config = in_sections(SftConfig, dataset="d", model_path="Qwen/Qwen2.5-VL-3B-Instruct", tuning="full")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    for size, words in ((24, "which has 24 GiB"), (9999, "")):
        found = SimpleNamespace(total_memory=size * GIB)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, found=found: found)
        warn_of_memory(config)
        shown = capsys.readouterr().err
        assert words in shown
        assert bool(shown) == bool(words)


def test_a_whole_run_and_another_base(capsys):
    assert run(["doctor", "--plan", "full_run", "--base", "Qwen/Qwen3-VL-4B-Instruct"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Qwen/Qwen3-VL-4B-Instruct, each GPU") == 2
    assert run(["doctor", "--plan", "no such recipe"]) == 2
