"""Estimate the memory that a training run needs on each GPU: ``reinforcesight doctor --plan CONFIG``.

No weights are loaded: parameters are counted on the architecture. Activations are the tensors that PyTorch keeps for
the backward pass. A flat amount is added for GPU kernels and fragmentation, so the sum is an estimate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reinforcesight.config import read_yaml, recipes_folder
from reinforcesight.errors import InputError, ReinforceSightError, first_line, require_module
from reinforcesight.hub import is_hub_id
from reinforcesight.jobs.files import json_value
from reinforcesight.model.load import find_source, resolve_path
from reinforcesight.tuning.settings.config import TrainingConfig

GIB = 2**30
# Tokens of a question with options and chat format, and of SFT's reasoning with answer: about the maximum in generated
# data sets.
PROMPT_TOKENS, ANSWER_TOKENS = 150, 110
# Maximum pixels of a picture if model.max_pixels is not set: the limit of the Qwen-VL processors.
_UNBOUNDED_PIXELS = 12_845_056
_SCORED_TOGETHER = 4096  # TRL computes logits in pieces; on a CPU its pieces are larger
_RUNTIME = GIB  # the CUDA context, cuBLAS and the like
_FRAGMENTATION = 0.1
# Bytes of Adam's two moments per trained parameter.
_OPTIMIZER_BYTES = {"adamw_8bit": 2.0, "adamw_bnb_8bit": 2.0, "paged_adamw_8bit": 2.0, "adafactor": 0.1, "sgd": 0.0}
# Bytes per quantised parameter; nf4 with double quantisation has 4.13 bits.
_QUANTISED = {"8bit": 1.0, "4bit": 0.52}

# From the config.json of the models in the recipes, so that a plan needs no connection.
_KNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "Qwen/Qwen2.5-VL-3B-Instruct": (
        "qwen2_5_vl",
        {
            "text_config": {
                "vocab_size": 151936,
                "hidden_size": 2048,
                "intermediate_size": 11008,
                "num_hidden_layers": 36,
                "num_attention_heads": 16,
                "num_key_value_heads": 2,
            },
            "vision_config": {
                "depth": 32,
                "hidden_size": 1280,
                "intermediate_size": 3420,
                "num_heads": 16,
                "out_hidden_size": 2048,
            },
            "tie_word_embeddings": True,
        },
    ),
    "Qwen/Qwen3-VL-4B-Instruct": (
        "qwen3_vl",
        {
            "text_config": {
                "vocab_size": 151936,
                "hidden_size": 2560,
                "intermediate_size": 9728,
                "num_hidden_layers": 36,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "head_dim": 128,
            },
            "vision_config": {
                "depth": 24,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_heads": 16,
                "out_hidden_size": 2560,
                "deepstack_visual_indexes": [5, 11, 17],
            },
            "tie_word_embeddings": True,
        },
    ),
}


@dataclass(frozen=True)
class MemoryPlan:
    """Estimated bytes on each GPU.

    Attributes:
        model: The base model that was counted.
        parts: Bytes needed during the whole run, by name.
        training: Additional bytes of a training step, by name.
        sampling: Additional bytes of generation, by name; empty for SFT.
    """

    model: str
    parts: Mapping[str, float]
    training: Mapping[str, float]
    sampling: Mapping[str, float]
    note: str = ""

    @property
    def peak(self) -> float:
        """Bytes at the peak of training or generation, whichever is larger."""
        return sum(self.parts.values()) + (1 + _FRAGMENTATION) * self._moving + _RUNTIME

    @property
    def _moving(self) -> float:
        return max(sum(self.training.values()), sum(self.sampling.values()))

    def lines(self, gpus: Mapping[str, float]) -> list[str]:
        """Return lines for the terminal; ``gpus`` maps names to bytes."""
        phase = "sampling" if sum(self.sampling.values()) > sum(self.training.values()) else "a training step"
        shown = {
            **self.parts,
            **{f"{name} (training)": size for name, size in self.training.items()},
            **{f"{name} (sampling)": size for name, size in self.sampling.items()},
            "runtime and fragmentation": _RUNTIME + _FRAGMENTATION * self._moving,
            f"peak, in {phase}": self.peak,
        }
        found = [f"  {name:<28} {size / GIB:7.2f} GiB" for name, size in shown.items()]
        verdicts = [f"{name} {'yes' if self.peak <= size else 'no'}" for name, size in gpus.items()]
        return [*found, f"  fits: {', '.join(verdicts)}", *([f"  {self.note}"] if self.note else [])]


def plan_memory(config: TrainingConfig, base: str | None = None) -> MemoryPlan:
    """Estimate the memory of a run on each GPU, with plain data parallelism.

    Args:
        base: Model to count instead of ``model_path``.

    Raises:
        InputError: The architecture is not known here and can't be downloaded.
    """
    torch = require_module("torch", extra="train")
    transformers = require_module("transformers", extra="train")
    name, architecture, note = _architecture(config, base)
    with torch.device("meta"):
        model = transformers.AutoModelForImageTextToText.from_config(architecture)
    # In full fine-tuning, weights are float32 unless dtype is set; stored weights are bfloat16.
    dtype = (
        config.model.dtype if config.model.dtype != "auto" else "float32" if config.tuning == "full" else "bfloat16"
    )
    width = 4.0 if dtype == "float32" else 2.0
    mixed = bool(config.trainer.get("bf16") or config.trainer.get("fp16"))
    counts = _token_counts(config, architecture, name)
    sampling: dict[str, float] = {}
    if config.counted == "completions" and config.trainer.get("use_vllm"):
        note = " ".join(filter(None, (note, "vLLM's share of the GPU is not counted.")))
    elif config.counted == "completions":
        sampling = _sampling(config, architecture, counts, width)
    activations = _activations(config, architecture, counts, 2.0 if mixed else width)
    return MemoryPlan(name, _weights(config, model, width), activations, sampling, note)


def warn_of_memory(config: TrainingConfig) -> None:
    """Warn before a model is loaded if the estimate exceeds the memory of this machine's GPU."""
    torch = require_module("torch", extra="train")
    if not torch.cuda.is_available():
        return
    try:
        needed = plan_memory(config).peak
    except ReinforceSightError:
        return  # loading the model will report the problem
    room = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    if needed > room:
        click.echo(
            f"by arithmetic this run needs about {needed / GIB:.0f} GiB on each GPU, which has {room / GIB:.0f} GiB: "
            "see reinforcesight doctor --plan, and docs/gpu.md for smaller recipes",
            err=True,
        )


@dataclass(frozen=True)
class _TokenCounts:
    """Tokens of a picture and an answer; prompts and answers per forward pass."""

    visual: int
    answer: int
    prompts: int
    answers: int

    @property
    def in_a_pass(self) -> int:
        return self.prompts * (self.visual + PROMPT_TOKENS) + self.answers * self.answer


def _token_counts(config: TrainingConfig, architecture: Any, base: str) -> _TokenCounts:
    vision, trainer = architecture.vision_config, config.trainer
    pixels = config.model.max_pixels or _processor_pixels(base)
    visual = pixels // (vision.patch_size * vision.spatial_merge_size) ** 2
    rows: int = trainer["per_device_train_batch_size"]
    if config.counted != "completions":
        return _TokenCounts(visual, ANSWER_TOKENS, rows, rows)
    group = trainer.get("num_generations") or 8
    once = getattr(config, "encode_prompts_once", False) and rows % group == 0
    return _TokenCounts(visual, trainer.get("max_completion_length") or 256, rows // group if once else rows, rows)


def _processor_pixels(base: str) -> int:
    """Return the maximum number of pixels that a local model's processor makes."""
    try:
        settings = json_value((Path(base) / "processor_config.json").read_text(encoding="utf-8"))
        return int(settings["image_processor"]["size"]["longest_edge"])
    except (OSError, ValueError, KeyError, TypeError):
        return _UNBOUNDED_PIXELS


def _weights(config: TrainingConfig, model: Any, width: float) -> dict[str, float]:
    """Return bytes of weights, gradients and optimiser; ``width`` is bytes per unquantised weight."""
    from reinforcesight.tuning.parts import freeze_for_full_tuning, linear_layers, lora_config, part_of

    count = sum(parameter.numel() for parameter in model.parameters())
    small = _QUANTISED.get(config.model.quantization, width)
    layers = linear_layers(model)
    shrunk = sum(module.weight.numel() for name, module in layers.items() if part_of(name) == "language")
    parts = {"weights": (count - shrunk) * width + shrunk * small}
    if config.tuning == "full":
        freeze_for_full_tuning(model, config)
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        parts["gradients"] = trained * width
        if config.counted == "completions" and config.trainer.get("beta"):
            parts["reference model"] = parts["weights"]
    else:
        pattern = str(lora_config(model, config).target_modules)
        chosen = [module for name, module in layers.items() if re.fullmatch(pattern, name)]
        trained = sum(config.lora.rank * (module.in_features + module.out_features) for module in chosen)
        parts["adapter"] = parts["gradients"] = 4.0 * trained  # peft keeps adapters in float32
    parts["optimizer"] = trained * _OPTIMIZER_BYTES.get(str(config.trainer.get("optim")), 8.0)
    return parts


def _activations(config: TrainingConfig, architecture: Any, counts: _TokenCounts, size: float) -> dict[str, float]:
    """Return bytes that a forward pass keeps for the backward pass; ``size`` is bytes per value."""
    text, vision, tokens = architecture.get_text_config(), architecture.vision_config, counts.in_a_pass
    checkpointing = config.trainer.get("gradient_checkpointing")
    heads = 2 * text.num_attention_heads * _head_size(text) + _cached(text)
    # Inputs of the norms (float32), queries, keys, values, outputs, and four tensors of the MLP.
    layer = tokens * size * (12 * text.hidden_size + heads + 4 * text.intermediate_size)
    borders = text.num_hidden_layers * tokens * size * text.hidden_size
    patches = counts.prompts * counts.visual * vision.spatial_merge_size**2
    tower = patches * size * 16 * (getattr(vision, "embed_dim", None) or vision.hidden_size)
    if config.train_parts != "language" and not checkpointing:
        tower *= vision.depth
    scored = min(counts.answers * counts.answer, _SCORED_TOGETHER)
    return {
        "activations": borders + layer if checkpointing else text.num_hidden_layers * layer,
        "vision tower": tower,
        "logits": scored * text.vocab_size * 4.0 * 2,
    }


def _sampling(config: TrainingConfig, architecture: Any, counts: _TokenCounts, size: float) -> dict[str, float]:
    """Return bytes of KV cache and logits while all completions of a step are generated together."""
    text = architecture.get_text_config()
    rows = counts.answers * config.trainer["gradient_accumulation_steps"]
    length = counts.visual + PROMPT_TOKENS + counts.answer
    return {
        "KV cache": rows * length * text.num_hidden_layers * _cached(text) * size,
        "logits": rows * text.vocab_size * 4.0 * 3,
    }


def _head_size(text: Any) -> int:
    return int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)


def _cached(text: Any) -> int:
    """Return the number of key and value elements per token and layer."""
    return 2 * int(text.num_key_value_heads) * _head_size(text)


def _base_of_recipe(output: str) -> str:
    """Return the base that a shipped recipe trains into this folder, or else the first recipe's base."""
    recipes = [read_yaml(path) for path in sorted(recipes_folder().glob("sft_config*.yaml"))]
    bases = {
        recipe.get("output"): recipe.get("model_path") for recipe in recipes if recipe.get("model_path") in _KNOWN
    }
    return str(bases.get(output, next(iter(_KNOWN))))


def _architecture(config: TrainingConfig, base: str | None) -> tuple[str, Any, str]:
    """Return the base, its transformers configuration, and the assumptions."""
    transformers = require_module("transformers", extra="train")
    path, note = resolve_path(base or config.model_path), ""
    if Path(path).is_dir():
        path = find_source(config.model.at(path)).base
    elif not is_hub_id(path):
        made = _base_of_recipe(path)
        note, path = f"{path} does not exist yet: {made} is counted; --base names another.", made
    if path in _KNOWN:
        kind, values = _KNOWN[path]
        return path, transformers.CONFIG_MAPPING[kind](**values), note
    try:
        return path, transformers.AutoConfig.from_pretrained(path, revision=config.model.revision or "main"), note
    except (OSError, ValueError) as error:
        raise InputError(f"the configuration can't be read: {first_line(error)[:200]}", where=path) from error
