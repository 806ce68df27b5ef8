"""Which parts of a vision-language model learn: language model, projector, vision tower; by adapters or in full."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from peft import LoraConfig
from torch import nn

from reinforcesight.errors import ConfigError
from reinforcesight.sft.config import SftConfig

Part = Literal["language", "projector", "vision"]

# Component names by which transformers' architectures call these parts; Qwen's projector lies inside `visual`.
_PROJECTORS = (
    "merger",
    "deepstack_merger_list",
    "multi_modal_projector",
    "connector",
    "mm_projector",
    "aligner",
)
_VISION = ("visual", "vision_tower", "vision_model", "vision_encoder", "image_encoder")

_CHOSEN: dict[str, tuple[Part, ...]] = {
    "language": ("language",),
    "language+projector": ("language", "projector"),
    "all": ("language", "projector", "vision"),
}


def part_of(name: str) -> Part:
    """The part that a module or parameter belongs to, by its dotted name."""
    components = set(name.split("."))
    if components.intersection(_PROJECTORS):
        return "projector"
    return "vision" if components.intersection(_VISION) else "language"


def lora_config(model: Any, config: SftConfig) -> LoraConfig:
    """Adapters on the linear layers of the chosen parts, never on the output layer.

    Raises:
        ConfigError: No layer has one of the names in ``lora.targets``.
    """
    parts = _CHOSEN[config.train_parts]
    head = model.get_output_embeddings()
    linear = [
        name for name, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head
    ]
    wanted = config.lora.targets
    chosen = [n for n in linear if part_of(n) in parts and (not wanted or n.rpartition(".")[2] in wanted)]
    if not chosen:
        names = sorted({n.rpartition(".")[2] for n in linear if part_of(n) in parts})
        raise ConfigError(
            f"no linear layer is called {list(wanted)}", where="lora.targets", fix=f"choose of {names}"
        )
    pattern = _pattern(chosen)
    if {n for n, _ in model.named_modules() if re.fullmatch(pattern, n)} != set(chosen):
        pattern = "|".join(re.escape(n) for n in chosen)
    return LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,
        lora_dropout=config.lora.dropout,
        target_modules=pattern,
        task_type="CAUSAL_LM",
    )


def _pattern(names: Iterable[str]) -> str:
    """One expression for modules that differ by layer number alone, so that the adapter's file stays readable."""
    shapes = sorted({re.sub(r"\.\d+(?=\.)", r".{}", name) for name in names})
    return "|".join(re.escape(shape).replace(r"\{\}", r"\d+") for shape in shapes)


def freeze_for_full_tuning(model: Any, config: SftConfig) -> None:
    """Let the weights of the chosen parts learn, and freeze the others."""
    parts = _CHOSEN[config.train_parts]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in parts)


def trainable_summary(model: Any) -> dict[str, int]:
    """How many parameters learn, by part, and of how many."""
    counts = {"language": 0, "projector": 0, "vision": 0, "all_parameters": 0}
    for name, parameter in model.named_parameters():
        counts["all_parameters"] += parameter.numel()
        if parameter.requires_grad:
            counts[part_of(name)] += parameter.numel()
    return counts
