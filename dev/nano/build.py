"""Assemble the embedded model from the real Qwen2.5-VL classes, with random weights."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from nano.config import PretrainConfig
from nano.tasks import text_turns
from nano.tokens import CHAT_TEMPLATE, END_OF_TEXT
from nano.vocabulary import train_vocabulary
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.questions.reasoning import NEARNESS, POSITION_WORDS, Facts, write_reasoning
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.data_gen.rendering import RenderConfig
from reinforcesight.errors import require_module
from reinforcesight.language.english import Mention
from reinforcesight.model.processor import make_processor
from reinforcesight.relations import Axis, Relation

transformers = require_module("transformers", extra="train")

# Texts per kind-colour pair that the tokenizer is trained on: enough for every name to become whole words.
_SAMPLES = 400


def build_nano(config: PretrainConfig) -> tuple[Any, Any]:
    """A model in float32 and its processor; the same for the same configuration.

    The only differences from Qwen2.5-VL's own configuration are sizes: every visual token is one patch, pictures
    have no second frame, and attention is full, since windows would be as large as the pictures.
    """
    sizes = config.architecture
    tokenizer = train_vocabulary(vocabulary_texts(config.rendering, config.seed), sizes.vocabulary)
    image, end = (tokenizer.convert_tokens_to_ids(t) for t in ("<|image_pad|>", "<|im_end|>"))
    head = sizes.text_width // sizes.text_heads
    spatial = head // 6
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": sizes.text_width,
        "intermediate_size": sizes.text_hidden,
        "num_hidden_layers": sizes.text_layers,
        "num_attention_heads": sizes.text_heads,
        "num_key_value_heads": sizes.text_heads,
        "max_position_embeddings": 2048,
        # The usual 0.02 suits widths of thousands; here attention would stay uniform for hundreds of steps.
        "initializer_range": sizes.text_width**-0.5,
        # Positions count to a few hundred: a smaller base than Qwen's million uses the range of angles.
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [head // 2 - 2 * spatial, spatial, spatial],
        },
        "bos_token_id": None,
        "eos_token_id": end,
        "pad_token_id": tokenizer.convert_tokens_to_ids(END_OF_TEXT),
    }
    vision = {
        "depth": sizes.vision_layers,
        "hidden_size": sizes.vision_width,
        "intermediate_size": sizes.vision_hidden,
        "num_heads": sizes.vision_heads,
        "patch_size": sizes.patch_size,
        "spatial_merge_size": sizes.merge_size,
        "temporal_patch_size": 1,
        "out_hidden_size": sizes.text_width,
        "window_size": 8 * sizes.cell,
        "fullatt_block_indexes": list(range(sizes.vision_layers)),
        "initializer_range": sizes.vision_width**-0.5,
    }
    settings = transformers.CONFIG_MAPPING["qwen2_5_vl"](
        text_config=text,
        vision_config=vision,
        image_token_id=image,
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        tie_word_embeddings=True,
        eos_token_id=end,
        pad_token_id=text["pad_token_id"],
    )
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = transformers.AutoModelForImageTextToText.from_config(settings, dtype=torch.float32)
    _scale(model)
    model.generation_config = transformers.GenerationConfig(eos_token_id=end, pad_token_id=text["pad_token_id"])
    width, height = config.picture_size
    pictures = Qwen2VLImageProcessorPil(
        patch_size=sizes.patch_size,
        temporal_patch_size=1,
        merge_size=sizes.merge_size,
        # Larger pictures are brought to the area of the training pictures.
        size={"shortest_edge": width * height // 2, "longest_edge": width * height},
    )
    return model, make_processor(transformers.Qwen2_5_VLProcessor, pictures, tokenizer, CHAT_TEMPLATE)


@torch.no_grad()
def _scale(model: Any) -> None:
    """Let words outweigh at first what layers add to them, so that a name can be found again by its words.

    Embeddings have variance one, and what a layer adds is divided by the root of the number of additions, as in GPT-2.
    """
    text = model.model.language_model
    additions = 2 * len(text.layers)
    for layer in text.layers:
        layer.self_attn.o_proj.weight.mul_(additions**-0.5)
        layer.mlp.down_proj.weight.mul_(additions**-0.5)
    words = text.embed_tokens.weight
    words.mul_(1 / words.std())
    # The embeddings are the output layer too: this brings its first logits to about one.
    text.norm.weight.fill_(words.shape[1] ** -0.5)


def vocabulary_texts(options: RenderConfig, seed: int) -> Iterator[str]:
    """Names, places, questions and reasoning in the project's own wordings, for the tokenizer alone."""
    assert options.kinds is not None
    assert options.colours is not None
    rng = random.Random(seed)
    names = [f"{colour} {kind}" for colour in options.colours for kind in options.kinds]
    for _ in range(_SAMPLES):
        for user, answer in text_turns(options, rng):
            yield user
            yield answer
        for relation in Relation:
            yield _reasoning(relation, rng.sample(names, 3), rng)
    for places in POSITION_WORDS.values():
        yield from (f" {words}" for band in places for words in band for _ in range(20))
    yield from (f" {words}" for _, words in NEARNESS for _ in range(80))
    for by_relation in load_templates().wordings.values():
        for wordings in by_relation.values():
            yield from (wording for wording in wordings for _ in range(20))
    yield from ["user\n", "assistant\n"] * 40


def _reasoning(relation: Relation, names: list[str], rng: random.Random) -> str:
    """A reasoning text about made-up evidence: only its words matter here."""
    subject, reference, anchor = (Mention(f"the {name}") for name in names)
    form = rng.choice((Form.CVBENCH, Form.YES_NO, Form.WHICH_OBJECT))
    by_name = form is Form.WHICH_OBJECT or relation.axis in (Axis.DEPTH, Axis.DISTANCE)
    choices = ("yes", "no") if form is Form.YES_NO else (relation.value, relation.inverse.value)
    if by_name and form is not Form.YES_NO:
        choices = (names[0], names[1])
    facts = Facts(
        form=form,
        relation=relation,
        subject=subject,
        reference=reference,
        anchor=anchor if relation.axis is Axis.DISTANCE else None,
        names_answer=by_name and form is not Form.YES_NO,
        subject_first=rng.random() < 0.5,
        choices=choices,
        answer_text=choices[0],
        values={"subject": rng.random(), "reference": rng.random(), "overlap": 0.1 * rng.random()},
        margin=2 * rng.random(),
    )
    return write_reasoning(facts, rng)
