import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import build_tiny

from reinforcesight.config import load_config
from reinforcesight.devices import pick_device
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.model.chat import encode, user_message
from reinforcesight.model.load import ModelConfig, find_source, load_model, weights_fingerprint

ARCHITECTURES = ("qwen2_5_vl", "qwen2_vl", "qwen3_vl")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return {name: build_tiny(tmp_path_factory.mktemp(name), name, seed=1) for name in ARCHITECTURES}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loads_every_architecture_without_torchvision(tiny, architecture):
    loaded = load_model(ModelConfig(model_path=str(tiny[architecture])))
    assert loaded.model.config.model_type == architecture
    assert not loaded.model.training
    assert loaded.description["dtype"] == "float32"
    assert loaded.description["versions"]["torch"] == torch.__version__
    json.dumps(loaded.description)


def test_same_seed_same_weights_and_other_seed_others(tiny, tmp_path):
    again = build_tiny(tmp_path / "again", "qwen2_5_vl", seed=1)
    other = build_tiny(tmp_path / "other", "qwen2_5_vl", seed=2)
    prints = [
        weights_fingerprint(find_source(ModelConfig(model_path=str(p)))) for p in (tiny["qwen2_5_vl"], again, other)
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(("width", "height"), [(2000, 1000), (300, 3000), (448, 448), (5, 5), (113, 57)])
def test_pictures_stay_within_the_bounds_in_pixels(tiny, width, height):
    low, high = 28 * 28 * 4, 28 * 28 * 16
    loaded = load_model(ModelConfig(model_path=str(tiny["qwen2_5_vl"]), min_pixels=low, max_pixels=high))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))
    batch = encode(loaded.processor, [user_text(loaded)], [image])
    _, rows, columns = batch["image_grid_thw"][0].tolist()
    assert low <= rows * columns * 14 * 14 <= high
    # One token for 2 x 2 patches, all of them in the text.
    assert int((batch["input_ids"] == loaded.processor.image_token_id).sum()) == rows * columns // 4


def user_text(loaded):
    return loaded.processor.apply_chat_template([user_message("What?")], tokenize=False)


def test_bounds_do_not_leak_into_other_models(tiny):
    load_model(ModelConfig(model_path=str(tiny["qwen2_5_vl"]), max_pixels=28 * 28))
    size = load_model(ModelConfig(model_path=str(tiny["qwen2_5_vl"]))).processor.image_processor.size
    assert size["longest_edge"] == 112 * 112


def test_saved_processor_has_the_stock_names_and_loads_again(tiny, tmp_path):
    loaded = load_model(ModelConfig(model_path=str(tiny["qwen3_vl"]), max_pixels=84 * 84))
    loaded.processor.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "processor_config.json").read_text())
    assert saved["processor_class"] == "Qwen3VLProcessor"
    assert saved["image_processor"]["image_processor_type"] == "Qwen2VLImageProcessor"
    assert saved["video_processor"]["video_processor_type"] == "Qwen3VLVideoProcessor"
    assert saved["image_processor"]["size"]["longest_edge"] == 84 * 84
    copy = pickle.loads(pickle.dumps(loaded.processor))
    image = Image.new("RGB", (64, 64), "red")
    one, two = (encode(p, [user_text(loaded)], [image]) for p in (loaded.processor, copy))
    assert torch.equal(one["pixel_values"], two["pixel_values"])


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_quantised_language_model_and_whole_vision_tower(tiny, quantization):
    loaded = load_model(ModelConfig(model_path=str(tiny["qwen2_5_vl"]), quantization=quantization, dtype="bfloat16"))
    kinds = {name: type(module).__name__ for name, module in loaded.model.named_modules()}
    assert kinds["model.language_model.layers.0.mlp.up_proj"] in {"Linear8bitLt", "Linear4bit"}
    assert {kind for name, kind in kinds.items() if "visual" in name and "Linear" in kind} == {"Linear"}


def test_what_cannot_be_loaded_is_named(tmp_path):
    with pytest.raises(InputError, match="no such model folder"):
        load_model(ModelConfig(model_path=str(tmp_path / "absent")))
    with pytest.raises(InputError, match="holds no model"):
        load_model(ModelConfig(model_path=str(tmp_path)))
    (tmp_path / "checkpoint-20").mkdir()
    (tmp_path / "checkpoint-100").mkdir()
    with pytest.raises(InputError, match="checkpoint-100"):
        load_model(ModelConfig(model_path=str(tmp_path)))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="can't be loaded"):
        load_model(ModelConfig(model_path=str(tmp_path)))


def test_pickled_weights_are_refused(tiny, tmp_path):
    for file in tiny["qwen2_vl"].iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        load_model(ModelConfig(model_path=str(tmp_path)))


def test_options_are_checked():
    with pytest.raises(ConfigError, match="exceeds max_pixels"):
        load_config(ModelConfig, flags={"model_path": "m", "min_pixels": 9, "max_pixels": 4})
    with pytest.raises(ConfigError, match="named revision"):
        load_model(ModelConfig(model_path="owner/name", trust_remote_code=True))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="CUDA"):
            pick_device("cuda")
