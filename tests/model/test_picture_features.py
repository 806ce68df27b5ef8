"""A vision tower encodes a picture once until its weights change, with the same values, for all models that use it."""

import copy

import pytest
import torch
from PIL import Image
from tiny_models import build_tiny

from reinforcesight.model.chat import chat_text, encode, user_message
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.model.picture_features import share_vision, vision_tower


@pytest.fixture(params=["qwen2_5_vl", "qwen3_vl"])
def loaded(request, tmp_path):
    build_tiny(tmp_path, request.param)
    return load_model(ModelConfig(model_path=str(tmp_path)))


def batch(processor, *colours):
    text = chat_text(processor, [user_message("What is it?")], with_image=True)
    sizes = ((56, 56), (84, 56))
    pictures = [Image.new("RGB", sizes[colour % 2], (colour, 80, 20)) for colour in colours]
    for picture in pictures:
        picture.paste((9, 200, 90), (5, 5, 30, 40))
    return encode(processor, [text] * len(pictures), pictures)


def encoded_by(model):
    """Note how many patches each call of the tower's first block gets."""
    counts = []
    vision_tower(model).blocks[0].register_forward_pre_hook(lambda module, args: counts.append(len(args[0])))
    return counts


def test_only_unknown_pictures_are_encoded_and_the_values_stay(loaded):
    model, processor = loaded.model, loaded.processor
    batches = [batch(processor, *colours) for colours in ((10, 91), (10, 30, 91, 10), (91,))]
    fresh = []
    for one in batches:
        again = copy.deepcopy(model)
        vision_tower(again).forward = type(vision_tower(again)).forward.__get__(vision_tower(again))
        with torch.inference_mode():
            fresh.append(again(**one).logits)
    counts = encoded_by(model)
    with torch.inference_mode():
        for one, expected in zip(batches, fresh, strict=True):
            torch.testing.assert_close(model(**one).logits, expected)
    grids = [[int(grid.prod()) for grid in one["image_grid_thw"]] for one in batches]
    assert counts == [sum(grids[0]), grids[1][1]]


def test_training_the_tower_forgets_and_training_the_rest_does_not(loaded):
    model, one = loaded.model, batch(loaded.processor, 10, 91)
    counts = encoded_by(model)
    with torch.inference_mode():
        before = model(**one).logits
    tower = vision_tower(model)
    tower.requires_grad_(False)
    model(**one, labels=one["input_ids"]).loss.backward()  # features of inference mode can be used here
    assert len(counts) == 1
    tower.requires_grad_(True)
    model(**one, labels=one["input_ids"]).loss.backward()
    assert len(counts) == 2
    assert all(weight.grad is not None for weight in list(tower.parameters())[:1])
    with torch.no_grad():
        next(tower.parameters()).mul_(1.5)
        assert not torch.equal(model(**one).logits, before)
    assert len(counts) == 3


def test_models_with_equal_towers_share_one(loaded, tmp_path):
    first = loaded.model
    second, other = (load_model(ModelConfig(model_path=str(tmp_path))).model for _ in range(2))
    with torch.no_grad():
        second.lm_head.weight.mul_(1.5)
        next(other.model.visual.parameters()).mul_(1.5)
    one = batch(loaded.processor, 10, 91)
    with torch.inference_mode():
        expected = [model(**one).logits for model in (first, second, other)]
    assert share_vision([first, second, other]) == 1
    assert second.model.visual is first.model.visual
    assert other.model.visual is not first.model.visual
    counts = encoded_by(first)
    with torch.inference_mode():
        for model, logits in zip((first, second, other), expected, strict=True):
            torch.testing.assert_close(model(**one).logits, logits)
    assert counts == []
