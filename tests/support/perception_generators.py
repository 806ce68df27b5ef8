"""Tiny models of the real classes that write places as text, taught one answer by heart, and saved as real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PICTURE_SIZE = (64, 96)  # height, width of the pictures that the answers below are about


def _byte_tokenizer(kind: str, specials: Sequence[str], **named: Any) -> Any:
    """A byte-level BPE tokenizer of a class of transformers, without merges: every letter is a token."""
    import transformers
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = getattr(transformers, kind)(vocab=vocabulary, merges=[], **named)
    tokenizer.add_tokens(list(specials), special_tokens=True)
    return tokenizer


def _learn_by_heart(model: Any, inputs: dict[str, Any], labels: Any, *, steps: int) -> None:
    """Adam on one batch until greedy decoding says it."""
    import torch

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(steps):
        loss = model(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 1e-3:
            break
    model.eval()


def save_florence2(folder: Path, answer: str | None = None, prompt: str = "") -> Path:
    """A Florence-2 of a hundred thousand parameters.

    Args:
        folder: Where it is saved.
        answer: What it is taught to say to ``prompt`` about any picture; ``None`` leaves it random.
        prompt: The phrases as the adapter writes them, such as "red chair. table.".
    """
    import torch
    from transformers import (
        BartConfig,
        CLIPImageProcessorPil,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
        Florence2VisionConfig,
    )
    from transformers.modeling_outputs import BaseModelOutput

    torch.manual_seed(0)
    tokenizer = _byte_tokenizer(
        "RobertaTokenizerFast",
        [f"<loc_{place}>" for place in range(1000)],
        model_max_length=512,
        extra_special_tokens={"image_token": "<image>"},
    )
    vision = Florence2VisionConfig(
        depths=[1, 1, 1, 1], embed_dim=[8, 8, 16, 16], num_heads=[1, 1, 2, 2], num_groups=[1, 1, 2, 2],
        window_size=2, drop_path_rate=0.0, projection_dim=32,
    )  # fmt: skip
    text = BartConfig(
        vocab_size=len(tokenizer), d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=32,
        decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2, max_position_embeddings=600,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_bos_token_id=0,
        dropout=0.0,
    )  # fmt: skip
    config = Florence2Config(
        vision_config=vision, text_config=text, image_token_id=tokenizer.convert_tokens_to_ids("<image>")
    )
    model = Florence2ForConditionalGeneration(config).eval()
    model.generation_config.update(
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_bos_token_id=0
    )
    image_processor = CLIPImageProcessorPil(
        size={"height": 64, "width": 64}, do_center_crop=False, crop_size={"height": 64, "width": 64}
    )
    image_processor.image_seq_length = 5  # 2 x 2 places and their mean
    processor = Florence2Processor(image_processor, tokenizer)
    if answer is not None:
        pictures = [np.random.default_rng(n).integers(0, 255, (*PICTURE_SIZE, 3), dtype=np.uint8) for n in (0, 1)]
        inputs = processor(
            images=pictures,
            text=[f"<CAPTION_TO_PHRASE_GROUNDING>{prompt}"] * 2,
            return_tensors="pt",
            padding=True,
        )
        labels = tokenizer([f"<s>{answer}</s>"] * 2, add_special_tokens=False, return_tensors="pt").input_ids
        # The decoder alone learns, from what the rest says about any picture.
        with torch.no_grad():
            seen = model.model(**inputs, decoder_input_ids=labels[:, :1])
        encoded = BaseModelOutput(last_hidden_state=seen.encoder_last_hidden_state)
        given = {"encoder_outputs": encoded, "attention_mask": inputs["attention_mask"]}
        _learn_by_heart(model, given, labels, steps=120)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


MOLMO_SPECIALS = (
    "<im_start>", "<im_end>", "<im_patch>", "<im_col>", "<low_res_im_start>", "<|image|>", "<im_low>",
    "<frame_start>", "<frame_end>", "<|video|>",
)  # fmt: skip
MOLMO_TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {% for part in m.content %}"
    "{% if part.type == 'image' %}<|image|>{% else %}{{ part.text }}{% endif %}{% endfor %} {% endfor %}assistant:"
)


def save_molmo2(folder: Path, answer: str | None = None, question: str = "") -> Path:
    """A Molmo2 of a hundred thousand parameters; arguments as for :func:`save_florence2`. Needs transformers 5.20."""
    import torch
    from transformers import Molmo2Config, Molmo2ForConditionalGeneration
    from transformers.models.molmo2.image_processing_molmo2 import Molmo2ImageProcessor
    from transformers.models.molmo2.processing_molmo2 import Molmo2Processor
    from transformers.models.molmo2.video_processing_molmo2 import Molmo2VideoProcessor

    torch.manual_seed(0)
    tokenizer = _byte_tokenizer(
        "Qwen2TokenizerFast",
        MOLMO_SPECIALS,
        bos_token="</s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<|image|>", "video_token": "<|video|>"},
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in MOLMO_SPECIALS}
    config = Molmo2Config(
        text_config={
            "hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
            "vocab_size": len(tokenizer) - len(MOLMO_SPECIALS), "additional_vocab_size": len(MOLMO_SPECIALS),
            "num_hidden_layers": 2, "intermediate_size": 64,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        },
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 8, "image_size": [56, 56], "patch_size": 14,
        },
        adapter_config={
            "vision_feature_layer": [1, 0], "hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 2,
            "head_dim": 8, "intermediate_size": 32, "text_hidden_size": 32,
        },
        image_start_token_id=ids["<im_start>"], image_end_token_id=ids["<im_end>"],
        low_res_image_start_token_id=ids["<low_res_im_start>"], image_patch_id=ids["<im_patch>"],
        frame_start_token_id=ids["<frame_start>"], frame_end_token_id=ids["<frame_end>"],
    )  # fmt: skip
    model = Molmo2ForConditionalGeneration(config).eval()
    model.generation_config.update(bos_token_id=2, pad_token_id=1, eos_token_id=2)
    processor = Molmo2Processor(
        image_processor=Molmo2ImageProcessor(size={"height": 56, "width": 56}, max_crops=2, overlap_margins=[1, 1]),
        video_processor=Molmo2VideoProcessor(),
        tokenizer=tokenizer,
        chat_template=MOLMO_TEMPLATE,
    )
    if answer is not None:
        picture = np.random.default_rng(0).integers(0, 255, (*PICTURE_SIZE, 3), dtype=np.uint8)
        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
        asked = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        inputs = dict(processor(images=[[picture]], text=[f"{asked}{answer}</s>"], return_tensors="pt"))
        length = len(tokenizer(f"{answer}</s>", add_special_tokens=False).input_ids)
        labels = torch.full_like(inputs["input_ids"], -100)
        labels[:, -length:] = inputs["input_ids"][:, -length:]
        _learn_by_heart(model, inputs, labels, steps=200)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
