"""Faster decoding writes the same completions, and computes fewer rows once completions have ended."""

import copy

import pytest
import torch
from PIL import Image
from tiny_models import build_tiny

from reinforcesight.model.chat import chat_text, encode, user_message
from reinforcesight.model.decoding import decode_faster
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig
from reinforcesight.model.repeated_prompts import prefill_repeated_once


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen2_vl", "qwen3_vl"])
@pytest.mark.parametrize("sample", [False, True])
def test_the_same_completions_with_fewer_rows(family, sample, tmp_path, monkeypatch):
    build_tiny(tmp_path, family)
    with monkeypatch.context() as patch:
        patch.setattr("reinforcesight.model.decoding.decode_faster", lambda model, ends: False)
        loaded = load_model(ModelConfig(model_path=str(tmp_path)))
    plain, processor = loaded.model, loaded.processor
    with torch.no_grad():  # fresh weights are so small that every row repeats its last token
        for name, weight in plain.named_parameters():
            if weight.ndim > 1 and "embed" not in name:
                weight.mul_(8)
    colours = [10, 10, 60, 110, 110, 160, 210, 250]
    texts = [
        chat_text(processor, [user_message("Which is left? " * (1 + colour // 100))], with_image=True)
        for colour in colours
    ]
    pictures = [Image.new("RGB", (56, 56), (colour, 250 - colour, 40)) for colour in colours]
    batch = encode(processor, texts, pictures)
    ends = list(range(3, plain.config.get_text_config().vocab_size, 7))  # so that rows end at different steps
    faster = copy.deepcopy(plain)
    assert decode_faster(faster, ends)
    rows = []
    for model in (plain, faster):
        prefill_repeated_once(model)
    faster.model.language_model.layers[0].register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    settings = {"max_new_tokens": 90, "do_sample": sample, "eos_token_id": ends, "pad_token_id": 0, "top_k": 0}

    def generated(model):
        torch.manual_seed(5)
        with torch.inference_mode():
            return model.generate(**batch, **settings).tolist()

    assert generated(faster) == generated(plain)
    assert rows[-1] < len(colours)
    # A second batch starts with all rows again.
    first = list(rows)
    rows.clear()
    assert generated(faster) == generated(plain)
    assert rows == first
