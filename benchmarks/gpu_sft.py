"""Training speed and memory of the real Qwen2.5-VL-3B architecture, with random weights, on a GPU.

    python benchmarks/gpu_sft.py [--output gpu_sft.json]      on a GPU; needs no download, 8 GB of disk, 10 minutes
    python benchmarks/gpu_sft.py --tiny                        the same code on a tiny model, anywhere

For LoRA on the language model over a bf16 base and over an 8-bit base, and batch sizes 1 to 16: tokens a second, model
FLOP utilisation, peak memory. A step is what `reinforcesight sft` does: TRL's fused loss, gradient checkpointing,
clipping, AdamW. Random weights compute as fast as trained ones.

Model FLOPs of a step, after Kaplan et al. (2020), "Scaling Laws for Neural Language Models", appendix: 2 per weight and
token forward, and 2 more backward through frozen weights (their own gradients are not computed); the frozen vision
tower only forward; the output layer only where there is a label; attention 4 x layers x length^2 x width forward, half
of it for the causal mask, twice that backward. Recomputation by checkpointing is not counted, as usual for this figure.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import get_peft_model
from trl.trainer.utils import add_fused_lm_head

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))
import transformers
from tiny_models import CHAT_TEMPLATE, END_OF_TEXT, build_tiny, train_tokenizer
from training_support import row
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from reinforcesight.model.load import load_model
from reinforcesight.model.memory import is_out_of_memory
from reinforcesight.model.options import ModelConfig
from reinforcesight.model.processor import make_processor
from reinforcesight.sft.config import SftConfig
from reinforcesight.tuning.data import SpatialCollator
from reinforcesight.tuning.parts import lora_config, part_of

# Dense bf16 tensor-core peaks in FLOP/s, from the makers' data sheets.
PEAKS = {
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "4090": 165e12,
    "A10": 125e12,
    "L4": 121e12,
    "3090": 71e12,
}

# Sizes of Qwen/Qwen2.5-VL-3B-Instruct, from its config.json.
TEXT_3B = {
    "vocab_size": 151936,
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128000,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
}
VISION_3B = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
    "out_hidden_size": 2048,
    "tokens_per_second": 2,
}


def build_3b(folder: Path, side: int) -> Path:
    """The 3B architecture with random bf16 weights and a small tokenizer, in a folder."""
    tokenizer = train_tokenizer()
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad", "vision_start")}
    config = transformers.Qwen2_5_VLConfig(
        text_config=TEXT_3B,
        vision_config=VISION_3B,
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    with torch.device("cuda"):
        model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    model.generation_config.pad_token_id = tokenizer.convert_tokens_to_ids(END_OF_TEXT)
    model.save_pretrained(folder)
    size = {"shortest_edge": 56 * 56, "longest_edge": side * side}
    pictures = Qwen2VLImageProcessorPil(patch_size=14, temporal_patch_size=2, merge_size=2, size=size)
    make_processor(transformers.Qwen2_5_VLProcessor, pictures, tokenizer, CHAT_TEMPLATE).save_pretrained(folder)
    return folder


def step_flops(model: Any, batch: dict[str, Any]) -> float:
    """Model FLOPs of one training step; see the module's text."""
    sizes = {"language": 0, "projector": 0, "vision": 0}
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head and "lora_" not in name:
            sizes[part_of(name)] += module.in_features * module.out_features
    tokens = int(batch["attention_mask"].sum())
    labelled = int((batch["labels"] != -100).sum())
    patches = int(batch["image_grid_thw"].prod(dim=1).sum())
    text = model.config.get_text_config()
    attention = sum(
        2 * text.num_hidden_layers * int(length) ** 2 * text.hidden_size
        for length in batch["attention_mask"].sum(dim=1)
    )
    forward = 2 * sizes["language"] * tokens + 2 * embedding.numel() * labelled + attention
    return 2 * forward + 2 * sizes["vision"] * patches + 2 * sizes["projector"] * patches // 4


def measure(path: Path, quantization: str, batch_size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Speed and memory for one way of loading and one batch size."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    loaded = load_model(
        ModelConfig(model_path=str(path), quantization=quantization, dtype="bfloat16", device=device),
        trainable=True,
    )
    model = loaded.model.to(device) if quantization == "none" else loaded.model
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    config = SftConfig(dataset="none", lora={"rank": 32, "dropout": 0.05})
    inner, model = model, get_peft_model(model, lora_config(model, config))
    model.enable_input_require_grads()
    model.train()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-4)
    rows = [row(i, np.random.default_rng(i), options.side) for i in range(batch_size)]
    batch = dict(SpatialCollator(loaded.processor, completion_only_loss=True)(rows))
    flops = step_flops(inner, batch)
    batch = {key: value.to(device) for key, value in batch.items()}
    started = 0.0
    for step in range(options.warm_up + options.steps):
        if step == options.warm_up:
            _wait()
            started = time.perf_counter()
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = model(**batch, fused_lm_head=True, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    _wait()
    seconds = (time.perf_counter() - started) / options.steps
    tokens = int(batch["attention_mask"].sum())
    peak = next(
        (value for name, value in PEAKS.items() if device == "cuda" and name in torch.cuda.get_device_name()),
        None,
    )
    return {
        "seconds_per_step": round(seconds, 4),
        "samples_per_second": round(batch_size / seconds, 2),
        "tokens_per_second": round(tokens / seconds, 1),
        "tokens_per_sample": tokens // batch_size,
        "model_flop_utilisation": round(flops / seconds / peak, 4) if peak else None,
        "peak_memory_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if device == "cuda" else None,
        "loss": loss.item(),
    }


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    """Measure everything, a line each, and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on a CPU too")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warm_up", type=int, default=3)
    parser.add_argument("--side", type=int, default=448, help="of the square pictures, in pixels")
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--output", type=Path, default=Path("gpu_sft.json"))
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        parser.error("no GPU here: use --tiny")
    results: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "model": "tiny" if options.tiny else "Qwen2.5-VL-3B, random weights",
        "side": options.side,
        "runs": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path = build_tiny(path, max_pixels=options.side**2) if options.tiny else build_3b(path, options.side)
        for name, quantization in (("bf16 LoRA", "none"), ("8-bit LoRA", "8bit")):
            for size in options.batch_sizes:
                try:
                    found = measure(path, quantization, size, options)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                    found = {"error": "out of memory"}
                gc.collect()
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                results["runs"][f"{name}, batch {size}"] = found
                print(f"{name}, batch {size}: {json.dumps(found)}", flush=True)
                # As it comes, so that a run cut short keeps what it measured.
                options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
