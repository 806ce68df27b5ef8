"""Choose which parts of a model (language model, projector, vision tower) are trained, by LoRA or in full."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from peft import LoraConfig
from torch import nn

from reinforcesight.errors import ConfigError
from reinforcesight.model.load import LoadedModel, load_model, resolve_path
from reinforcesight.tuning.settings.config import TrainingConfig

Part = Literal["language", "projector", "vision"]

# Names of these parts in transformers' architectures; Qwen's projector is inside `visual`.
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
    """Return the part to which a module or parameter belongs, from its dotted name."""
    components = set(name.split("."))
    if components.intersection(_PROJECTORS):
        return "projector"
    return "vision" if components.intersection(_VISION) else "language"


def lora_config(model: Any, config: TrainingConfig) -> LoraConfig:
    """Return the LoRA configuration for the linear layers of the chosen parts, never the output layer.

    Raises:
        ConfigError: No layer has one of the names in ``lora.targets``.
    """
    parts = _CHOSEN[config.train_parts]
    linear = linear_layers(model)
    wanted = config.lora.targets
    chosen = [n for n in linear if part_of(n) in parts and (not wanted or n.rpartition(".")[2] in wanted)]
    if not chosen:
        names = sorted({n.rpartition(".")[2] for n in linear if part_of(n) in parts})
        raise ConfigError(
            f"no linear layer is called {list(wanted)}", where="lora.targets", fix=f"choose from {names}"
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


def linear_layers(model: Any) -> dict[str, nn.Linear]:
    head = model.get_output_embeddings()
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear) and m is not head}


def load_to_train(config: TrainingConfig) -> LoadedModel:
    """Load the model to train, with all other parts frozen.

    Raises:
        ConfigError: The options don't fit the model or the machine.
        InputError: The model can't be loaded.
    """
    options, full = config.model, config.tuning == "full"
    if options.dtype == "auto" and full:
        # Small updates of bfloat16 weights are rounded away; mixed precision is still possible.
        options = options.model_copy(update={"dtype": "float32"})
    loaded = load_model(options.at(config.model_path), trainable=True, merge_adapter=full)
    # Otherwise transformers aligns these token ids at the start of training, with a warning.
    loaded.model.config.eos_token_id = loaded.processor.tokenizer.eos_token_id
    loaded.model.config.pad_token_id = loaded.processor.tokenizer.pad_token_id
    if full:
        freeze_for_full_tuning(loaded.model, config)
    elif hasattr(loaded.model, "peft_config"):
        _save_without_embeddings(loaded.model)
    return loaded


def new_adapter(loaded: LoadedModel, config: TrainingConfig) -> LoraConfig | None:
    """Return the adapter to add; ``None`` for full fine-tuning, or if the start model's adapter is trained further."""
    if config.tuning == "full" or hasattr(loaded.model, "peft_config"):
        return None
    return lora_config(loaded.model, config)


def _save_without_embeddings(model: Any) -> None:
    """Keep peft from asking the hub for the base's vocabulary at each save; training never resizes it."""
    model.save_pretrained = partial(model.save_pretrained, save_embedding_layers=False)


def name_base(model: Any, loaded: LoadedModel, config: TrainingConfig) -> None:
    """Store the base's name in a new adapter as the user gave it, so that embedded models load on any machine."""
    adapter = model.peft_config["default"]
    adapter.base_model_name_or_path = config.model_path
    _save_without_embeddings(model)
    if not Path(resolve_path(config.model_path)).is_dir():
        adapter.revision = loaded.description["revision"]


def _pattern(names: Iterable[str]) -> str:
    """Return a regex for modules that differ only in the layer index, which keeps the adapter's config readable."""
    shapes = sorted({re.sub(r"\.\d+(?=\.)", r".{}", name) for name in names})
    return "|".join(re.escape(shape).replace(r"\{\}", r"\d+") for shape in shapes)


def freeze_for_full_tuning(model: Any, config: TrainingConfig) -> None:
    parts = _CHOSEN[config.train_parts]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in parts)


def trainable_summary(model: Any) -> dict[str, int]:
    """Count trainable parameters by part, and all parameters."""
    counts = {"language": 0, "projector": 0, "vision": 0, "all_parameters": 0}
    for name, parameter in model.named_parameters():
        counts["all_parameters"] += parameter.numel()
        if parameter.requires_grad:
            counts[part_of(name)] += parameter.numel()
    return counts
