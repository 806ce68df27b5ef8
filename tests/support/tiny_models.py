"""Small models with random weights from the real configuration classes: for tests, and as a start for nano."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from nano.tokens import CHAT_TEMPLATE, END_OF_TEXT, SPECIAL_TOKENS
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from reinforcesight import protocol
from reinforcesight.errors import require_module
from reinforcesight.model.processor import make_processor

transformers = require_module("transformers", extra="train")

Architecture = Literal["qwen2_5_vl", "qwen2_vl", "qwen3_vl"]

_PROCESSORS: dict[str, type] = {
    "qwen2_vl": transformers.Qwen2VLProcessor,
    "qwen2_5_vl": transformers.Qwen2_5_VLProcessor,
    "qwen3_vl": transformers.Qwen3VLProcessor,
}


def build_tiny(
    path: str | Path,
    architecture: Architecture = "qwen2_5_vl",
    seed: int = 0,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 4,
    vision_width: int | None = None,
    vision_layers: int = 2,
    patch_size: int = 14,
    temporal_patch_size: int = 2,
    max_pixels: int = 112 * 112,
    texts: Sequence[str] = (),
    vocab_size: int = 400,
) -> Path:
    """Write a small model of a real architecture with its tokenizer, processor and chat template.

    Args:
        path: Folder to write.
        architecture: Which of the real architectures.
        seed: Of the random weights.
        width: Of the text model; a multiple of ``heads``, at least 12 a head for the three rotary sections.
            Quantisation on a CPU needs multiples of 32 for every layer's output.
        layers: Of the text model.
        heads: Of both models.
        vision_width: Of the vision tower; as the text model's by default.
        vision_layers: Of the vision tower.
        patch_size: Pixels along a patch; 2 x 2 patches become one visual token.
        temporal_patch_size: Copies of a still picture along time, as the real models have two.
        max_pixels: Largest picture area, in pixels.
        texts: What the tokenizer is trained on besides the project's own wording.
        vocab_size: Entries of the tokenizer, special tokens included; at least 270.

    Returns:
        The folder.
    """
    tokenizer = train_tokenizer(texts, vocab_size)
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    vision_width = vision_width or width
    text_config = {
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": max(1, heads // 2),
        "max_position_embeddings": 2048,
        # The usual 0.02 suits widths of thousands; here it would leave attention uniform for hundreds of steps.
        "initializer_range": width**-0.5,
        "rope_parameters": _rope(architecture, width // heads),
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids[END_OF_TEXT],
        **({"head_dim": width // heads} if architecture == "qwen3_vl" else {}),
    }
    settings: dict[str, Any] = {
        "text_config": text_config,
        "vision_config": _vision(
            architecture, width, vision_width, vision_layers, heads, patch_size, temporal_patch_size
        ),
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "tie_word_embeddings": True,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids[END_OF_TEXT],
    }
    config = transformers.CONFIG_MAPPING[architecture](**settings)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=ids["<|im_end|>"], pad_token_id=ids[END_OF_TEXT]
    )
    side = 2 * patch_size
    image_processor = Qwen2VLImageProcessorPil(
        patch_size=patch_size,
        temporal_patch_size=temporal_patch_size,
        merge_size=2,
        size={"shortest_edge": side * side, "longest_edge": max_pixels},
    )
    processor = make_processor(_PROCESSORS[architecture], image_processor, tokenizer, CHAT_TEMPLATE)
    folder = Path(path)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _rope(architecture: Architecture, head_width: int) -> dict[str, Any]:
    """Rotary sections over time, height and width: they share half of a head's width."""
    half = head_width // 2
    spatial = half // 3
    rope: dict[str, Any] = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [half - 2 * spatial, spatial, spatial],
    }
    if architecture == "qwen3_vl":
        rope["mrope_interleaved"] = True
    return rope


def _vision(
    architecture: Architecture, out: int, width: int, layers: int, heads: int, patch_size: int, temporal: int
) -> dict[str, Any]:
    common = {
        "initializer_range": width**-0.5,
        "depth": layers,
        "num_heads": heads,
        "patch_size": patch_size,
        "spatial_merge_size": 2,
        "temporal_patch_size": temporal,
    }
    if architecture == "qwen2_vl":
        return {**common, "embed_dim": width, "hidden_size": out, "mlp_ratio": 2}
    common |= {"hidden_size": width, "intermediate_size": 2 * width, "out_hidden_size": out}
    if architecture == "qwen3_vl":
        return {**common, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    # Full attention everywhere: windows of 112 pixels would be as large as the pictures.
    return {**common, "window_size": 8 * patch_size, "fullatt_block_indexes": list(range(layers))}


def train_tokenizer(texts: Iterable[str] = (), vocab_size: int = 400) -> Any:
    """A byte-level BPE tokenizer with Qwen's special tokens; deterministic for the same texts."""
    core = Tokenizer(models.BPE())
    # Words keep their leading space; punctuation stands alone, so that "(A)" always splits the same way.
    words = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]|\s+")
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator([*_own_wording(), *texts], trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token=END_OF_TEXT,
        additional_special_tokens=[t for t in SPECIAL_TOKENS if t not in {END_OF_TEXT, "<|im_end|>"}],
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )


def _own_wording() -> list[str]:
    question = "Considering the relative positions of the red square and the blue square in the image provided"
    reasoning = "The red square lies left of the blue square, above it, in front of it, behind it, closer, farther."
    prompt = protocol.with_options(question, ["left", "right"])
    lines = [protocol.with_instruction(prompt, p) for p in protocol.Protocol]
    return [*lines, protocol.completion_text(reasoning, "(A) left"), "user\nassistant\n"] * 4
