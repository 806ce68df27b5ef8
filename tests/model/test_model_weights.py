"""Weights that are missing, of another name or shape, cut off or pickled are refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import build_tiny

from reinforcesight.errors import ConfigError, InputError
from reinforcesight.model.chat import encode, user_message
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig

FAMILIES = ("qwen2_5_vl", "qwen2_vl", "qwen3_vl")
WEIGHTS = "model.safetensors"
ADAPTER = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return {name: build_tiny(tmp_path_factory.mktemp(name), name) for name in FAMILIES}


@pytest.fixture(scope="module")
def adapter(tiny, tmp_path_factory):
    """A trained-looking adapter of the first family."""
    folder = tmp_path_factory.mktemp("adapter")
    base = load_model(ModelConfig(model_path=str(tiny["qwen2_5_vl"])))
    targets = r".*language_model\.layers\.\d+\.(self_attn\.q_proj|mlp\.up_proj)"
    model = get_peft_model(base.model, LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(len(name)))
    model.peft_config["default"].base_model_name_or_path = str(tiny["qwen2_5_vl"])
    model.save_pretrained(folder)
    return folder


def edited(folder: Path, target: Path, file: str, change) -> str:
    """A copy of a model folder with other weights."""
    shutil.copytree(folder, target)
    save_file(change(load_file(target / file)), target / file, metadata={"format": "pt"})
    return str(target)


def without(weights, name):
    return {key: weight for key, weight in weights.items() if name not in key}


def renamed(former, present):
    return lambda weights: {key.replace(former, present): weight for key, weight in weights.items()}


def misshapen(weights):
    name = next(key for key in weights if key.endswith("mlp.up_proj.weight"))
    return weights | {name: weights[name][:-1].clone()}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: without(w, "layers.1.self_attn.q_proj.weight"), r"1 missing \(first: .*layers.1.self_attn.q_proj"),
        (lambda w: without(w, "visual."), r"\d+ missing \(first: model.visual"),
        (renamed("visual.", "base_model.visual."), r"\d+ missing .*; \d+ unexpected \(first: "),
        (lambda w: without(w, "embed_tokens"), r"1 missing \(first: .*embed_tokens"),
        (misshapen, r"1 of another shape \(first: .*mlp.up_proj"),
        (lambda w: w | {"extra.weight": torch.ones(2)}, r"1 unexpected \(first: extra.weight\)"),
    ],
    ids=["a layer", "vision", "names", "a tied weight", "shape", "unexpected"],
)
def test_a_base_whose_weights_do_not_fit(tiny, tmp_path, family, change, words, capfd):
    path = edited(tiny[family], tmp_path / "model", WEIGHTS, change)
    with pytest.raises(InputError, match=words) as caught:
        load_model(ModelConfig(model_path=path))
    assert "\n" not in str(caught.value)
    assert "LOAD REPORT" not in capfd.readouterr().err


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def test_a_file_that_is_cut_off(tiny, adapter, tmp_path):
    for folder, file in ((tiny["qwen3_vl"], WEIGHTS), (adapter, ADAPTER)):
        copy = tmp_path / file
        shutil.copytree(folder, copy)
        cut(copy / file)
        with pytest.raises(InputError, match=f"cut off or not safetensors.*{file}"):
            load_model(ModelConfig(model_path=str(copy)))
        (copy / file).write_bytes(b"\x80\x02pickle")
        with pytest.raises(InputError, match="cut off or not safetensors"):
            load_model(ModelConfig(model_path=str(copy)))


def sharded(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    weights = load_file(target / WEIGHTS)
    (target / WEIGHTS).unlink()
    names = [f"model-0000{at}-of-00002.safetensors" for at in (1, 2)]
    parts = [dict(list(weights.items())[::2]), dict(list(weights.items())[1::2])]
    for name, part in zip(names, parts, strict=True):
        save_file(part, target / name, metadata={"format": "pt"})
    places = {key: name for name, part in zip(names, parts, strict=True) for key in part}
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (target / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    return target


def test_shards(tiny, tmp_path):
    folder = sharded(tiny["qwen2_vl"], tmp_path / "whole")
    load_model(ModelConfig(model_path=str(folder)))
    cut(folder / "model-00002-of-00002.safetensors")
    with pytest.raises(InputError, match=r"cut off.*model-00002"):
        load_model(ModelConfig(model_path=str(folder)))
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"missing.*model-00002"):
        load_model(ModelConfig(model_path=str(folder)))


@pytest.mark.parametrize("name", ["../elsewhere.safetensors", "/tmp/x.safetensors", "pytorch_model-1.bin"])
def test_an_index_that_names_something_else(tiny, tmp_path, name):
    folder = sharded(tiny["qwen2_vl"], tmp_path / "model")
    index = folder / f"{WEIGHTS}.index.json"
    content = json.loads(index.read_text())
    content["weight_map"] = dict.fromkeys(content["weight_map"], name)
    index.write_text(json.dumps(content))
    with pytest.raises(InputError, match="not a safetensors file of its own folder"):
        load_model(ModelConfig(model_path=str(folder)))


def test_pickles_are_never_opened(tiny, adapter, tmp_path):
    for folder, file, pickled in ((tiny["qwen2_vl"], WEIGHTS, "pytorch_model.bin"), (adapter, ADAPTER, "adapter.bin")):
        copy = tmp_path / pickled
        shutil.copytree(folder, copy)
        (copy / file).unlink()
        torch.save({}, copy / pickled)
        with pytest.raises(InputError, match=f"found {pickled}, which is a pickle"):
            load_model(ModelConfig(model_path=str(copy)))


def logits(path) -> torch.Tensor:
    loaded = load_model(ModelConfig(model_path=str(path)))
    text = loaded.processor.apply_chat_template([user_message("What?")], tokenize=False)
    batch = encode(loaded.processor, [text], [Image.new("RGB", (56, 56), "red")])
    with torch.no_grad():
        return loaded.model(**batch).logits


@pytest.mark.parametrize(
    "change",
    [
        renamed("model.language_model.layers", "model.layers"),
        renamed(".weight", ".default.weight"),
        renamed("base_model.model.model.language_model", "language_model.model"),
        renamed("base_model.model.", "module.base_model.model."),
    ],
    ids=["transformers before 4.52", "a state dict", "LLaVA's order", "a wrapper"],
)
def test_older_names_of_an_adapter_are_translated(adapter, tmp_path, change):
    path = edited(adapter, tmp_path / "adapter", ADAPTER, change)
    assert torch.equal(logits(path), logits(adapter))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (renamed(".layers.1.", ".blocks.1."), r"4 missing \(first: .*\); 4 unexpected \(first: .*blocks.1"),
        (lambda w: without(w, "layers.0."), r"4 missing \(first: "),
        (lambda w: {k: v[:1].clone() if "q_proj.lora_A" in k else v for k, v in w.items()}, r"2 of another shape"),
        (lambda w: {}, r"8 missing"),
    ],
    ids=["half", "a layer", "shape", "empty"],
)
def test_an_adapter_whose_names_match_nothing(adapter, tmp_path, change, words):
    path = edited(adapter, tmp_path / "adapter", ADAPTER, change)
    with pytest.raises(InputError, match=words):
        load_model(ModelConfig(model_path=path))


def test_a_base_that_an_adapter_names_runs_no_code(adapter):
    with pytest.raises(ConfigError, match="not from the base that an adapter names"):
        load_model(ModelConfig(model_path=str(adapter), trust_remote_code=True, revision="abc"))


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'a' * 999 }}{% endfor %}",
        "{{ 'a' * 9999999999 }}",
        "x" * 300_000,
    ],
    ids=["time", "output", "memory", "length"],
)
def test_a_chat_template_has_limits(tiny, tmp_path, template):
    shutil.copytree(tiny["qwen2_vl"], tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").write_text(template)
    with pytest.raises(InputError, match="the chat template"):
        load_model(ModelConfig(model_path=str(tmp_path / "model")))
