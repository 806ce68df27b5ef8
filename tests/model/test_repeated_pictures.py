"""A picture that occurs several times in a batch is encoded once, with the values and gradients of encoding each."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_models import build_tiny

from reinforcesight.model.chat import chat_text, encode, user_message
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.model.repeated_pictures import encode_repeated_once, first_occurrences
from reinforcesight.model.repeated_prompts import prefill_repeated_once

SIZES = ((56, 56), (84, 56), (56, 84))


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen2_vl", "qwen3_vl"])
def loaded(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    build_tiny(folder, request.param)
    return load_model(ModelConfig(model_path=str(folder)))


def picture(colour: int, size: tuple[int, int]) -> Image.Image:
    """A picture that isn't plain, so that its patches differ."""
    image = Image.new("RGB", size, (colour * 40 % 255, 90, 200 - colour * 20))
    image.paste((colour * 70 % 255, 10, 30), (5, 5, 30, 20 + colour))
    return image


def batch_of(processor, chosen):
    texts = [chat_text(processor, [user_message("What is it?")], with_image=True)] * len(chosen)
    return encode(processor, texts, [picture(colour, SIZES[size]) for colour, size in chosen])


def counted(model):
    """Counts of pictures that the tower's first layer has seen, one for each call."""
    seen = []
    tower = model.model.visual
    handle = tower.patch_embed.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    return seen, handle


@settings(max_examples=8, deadline=None)
@given(chosen=st.lists(st.tuples(st.integers(0, 2), st.integers(0, len(SIZES) - 1)), min_size=1, max_size=6))
def test_values_and_gradients_are_those_of_a_model_that_encodes_each(loaded, chosen):
    model, stock = loaded.model, copy.deepcopy(loaded.model)
    stock.model.visual._forward_hooks.clear()
    stock.model.visual._forward_pre_hooks.clear()
    batch = batch_of(loaded.processor, chosen)
    seen, handle = counted(model)
    results = []
    for candidate in (model, stock):
        candidate.zero_grad()
        logits = candidate(**batch).logits
        logits.float().pow(2).mean().backward()
        results.append((logits.detach(), {n: p.grad.clone() for n, p in candidate.named_parameters()}))
    handle.remove()
    (ours, gradients), (theirs, expected) = results
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")
    per_picture = {shape: int(n) for shape, n in zip(chosen, batch["image_grid_thw"].prod(-1), strict=True)}
    assert seen == [sum(per_picture.values())]  # each once


def test_a_copy_of_the_model_is_on_its_own(loaded):
    """The hooks know the tower that they are called for, not the one that they were put on."""
    other = copy.deepcopy(loaded.model)
    with torch.no_grad():
        for parameter in other.model.visual.parameters():
            parameter.zero_()
    batch = batch_of(loaded.processor, [(1, 0), (1, 0)])
    kept = loaded.model(**batch).logits
    changed = other(**batch).logits
    assert not torch.allclose(kept, changed)
    assert set(other.state_dict()) == set(loaded.model.state_dict())


def test_a_second_call_changes_nothing(loaded):
    for install, part in (
        (encode_repeated_once, loaded.model.model.visual),
        (prefill_repeated_once, loaded.model.model.language_model),
    ):
        assert install(loaded.model)
        hooks = (len(part._forward_pre_hooks), len(part._forward_hooks))
        assert install(loaded.model)
        assert (len(part._forward_pre_hooks), len(part._forward_hooks)) == hooks


def test_a_repeated_prompt_is_prefilled_once(loaded):
    """The same answers and scores as a model that prefills each, whatever the lengths and pictures."""
    texts = ["What is it?", "What is it?", "Where is the large red thing?", "What is it?", "What is it?"]
    colours = [0, 0, 1, 1, 0]
    rendered = [chat_text(loaded.processor, [user_message(text)], with_image=True) for text in texts]
    batch = encode(loaded.processor, rendered, [picture(colour, SIZES[0]) for colour in colours])
    stock = copy.deepcopy(loaded.model)
    for part in (stock.model.visual, stock.model.language_model):
        part._forward_hooks.clear()
        part._forward_pre_hooks.clear()
    model = copy.deepcopy(loaded.model)
    assert prefill_repeated_once(model)
    rows = []
    model.model.language_model.layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(len(args[0] if args else kwargs["hidden_states"])), with_kwargs=True
    )
    settings = {"max_new_tokens": 6, "do_sample": False, "return_dict_in_generate": True, "output_scores": True}
    with torch.no_grad():
        ours, theirs = (m.generate(**batch, **settings) for m in (model, stock))
    assert rows[:2] == [3, 5]
    assert torch.equal(ours.sequences, theirs.sequences)
    for mine, other in zip(ours.scores, theirs.scores, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_sampling_is_as_before(loaded):
    """The same greedy answers, whether pictures are encoded once or each."""
    batch = batch_of(loaded.processor, [(0, 0), (1, 0), (0, 0), (0, 0)])
    stock = copy.deepcopy(loaded.model)
    stock.model.visual._forward_hooks.clear()
    stock.model.visual._forward_pre_hooks.clear()
    ours, theirs = (m.generate(**batch, max_new_tokens=6, do_sample=False) for m in (loaded.model, stock))
    assert torch.equal(ours, theirs)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 4))
def test_first_occurrences(colours, patches):
    """Also where sums agree and contents don't: 0 and 3 hold the same numbers in another order."""
    contents = {0: [1.0, 2.0], 1: [0.0, 0.5], 2: [4.0, 4.0], 3: [2.0, 1.0]}
    rows = torch.tensor([contents[c] for c in colours for _ in range(patches)])
    assert first_occurrences(rows, [(1, 1, patches)] * len(colours)) == [colours.index(c) for c in colours]


def test_the_same_patches_in_another_shape_are_another_picture():
    assert first_occurrences(torch.ones(18, 2), [(1, 2, 3), (1, 3, 2), (1, 3, 2)]) == [0, 1, 1]


def test_other_models_are_left_alone():
    """A model of another family keeps its way of encoding."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = LlavaConfig(
        text_config={"model_type": "llama", "vocab_size": 32, "num_key_value_heads": 2, **small},
        vision_config={"model_type": "clip_vision_model", "image_size": 8, "patch_size": 4, **small},
        image_token_index=3,
    )
    assert not encode_repeated_once(LlavaForConditionalGeneration(config))
