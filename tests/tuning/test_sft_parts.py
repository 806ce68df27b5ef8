from pathlib import Path
from types import SimpleNamespace

import pytest
from peft import get_peft_model
from tiny_models import build_tiny

from reinforcesight.errors import ConfigError
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.sft import trainer as arguments
from reinforcesight.sft.config import SftConfig
from reinforcesight.tuning.parts import freeze_for_full_tuning, lora_config, part_of, trainable_summary

EXPECTED = {
    "language": {"language"},
    "language+projector": {"language", "projector"},
    "all": {"language", "projector", "vision"},
}


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen2_vl", "qwen3_vl"])
def folder(request, tmp_path_factory):
    return str(build_tiny(tmp_path_factory.mktemp(request.param), request.param))


@pytest.mark.parametrize("parts", EXPECTED)
@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_only_the_chosen_parts_learn(folder, parts, tuning):
    config = SftConfig(dataset="d", tuning=tuning, train_parts=parts)
    model = load_model(ModelConfig(model_path=folder)).model
    if tuning == "lora":
        model = get_peft_model(model, lora_config(model, config))
        learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        assert all("lora_" in name for name in learning)
        assert not any("lm_head" in name for name in learning)
    else:
        freeze_for_full_tuning(model, config)
    counts = trainable_summary(model)
    assert {part for part in ("language", "projector", "vision") if counts[part]} == EXPECTED[parts]


def test_every_linear_layer_of_the_language_model_gets_an_adapter(folder):
    model = load_model(ModelConfig(model_path=folder)).model
    model = get_peft_model(model, lora_config(model, SftConfig(dataset="d")))
    adapted = {n.split(".lora_A")[0].rpartition(".")[2] for n, _ in model.named_modules() if n.endswith("lora_A")}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_named_layers(folder):
    model = load_model(ModelConfig(model_path=folder)).model
    with pytest.raises(ConfigError, match="q_proj"):
        lora_config(model, SftConfig(dataset="d", lora={"targets": ["nothing"]}))
    chosen = get_peft_model(model, lora_config(model, SftConfig(dataset="d", lora={"targets": ["q_proj"]})))
    assert all("q_proj" in n for n, p in chosen.named_parameters() if p.requires_grad)


def test_parts_by_name():
    assert part_of("model.visual.blocks.0.attn.qkv") == "vision"
    assert part_of("model.visual.merger.mlp.0") == "projector"
    assert part_of("model.language_model.layers.0.mlp.up_proj") == "language"
    assert part_of("vision_tower.encoder.layers.1.fc1") == "vision"
    assert part_of("multi_modal_projector.linear_1") == "projector"


@pytest.mark.parametrize(("size", "expected"), [(64 << 20, 0), (8 << 30, 3)])
def test_scarce_shared_memory_leaves_out_data_workers(
    size: int, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A container has 64 MiB unless it is told otherwise, and a worker that finds it full dies of a bus error."""
    monkeypatch.setattr(arguments.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(arguments.torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(arguments.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(arguments.shutil, "disk_usage", lambda _: SimpleNamespace(total=size))
    monkeypatch.setattr(arguments, "_SHARED_MEMORY", Path())
    assert arguments._worker_count() == expected
    assert ("--shm-size" in capsys.readouterr().err) == (expected == 0)
