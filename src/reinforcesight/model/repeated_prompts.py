"""Run the prefill only once for a prompt that occurs several times in a generation batch.

GRPO and the difficulty rating sample several answers per prompt. The prompt's KV cache is computed once and copied, so
all its answers start from the same values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from reinforcesight.model.repeated_pictures import first_occurrences, supported_part

_STASH = "_repeated_prompts"
_KNOWN = {"inputs_embeds", "attention_mask", "position_ids", "visual_pos_masks", "cache_position"}


def prefill_repeated_once(model: Any) -> bool:
    """Add hooks to the language model that skip repeated prompts in the prefill; a second call changes nothing.

    Returns whether the model's family is supported.
    """
    language = supported_part(model, "language_model")
    if language is None:
        return False
    if _leave_out not in language._forward_pre_hooks.values():
        language.register_forward_pre_hook(_leave_out, with_kwargs=True)
        language.register_forward_hook(_put_back, with_kwargs=True)
    return True


def _leave_out(language: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Before the prefill, keep one batch row per distinct prompt, and store which kept row each row equals."""
    setattr(language, _STASH, None)
    cache, embedded = kwargs.get("past_key_values"), kwargs.get("inputs_embeds")
    if args or torch.is_grad_enabled() or embedded is None or len(embedded) < 2 or embedded.size(1) < 2:
        return None
    if type(cache) is not DynamicCache or cache.get_seq_length():
        return None
    count, length = embedded.shape[:2]
    unknown = [value for name, value in kwargs.items() if name not in _KNOWN and isinstance(value, torch.Tensor)]
    positions = kwargs.get("position_ids")
    if unknown or positions is None or positions.size(-2) != count:
        return None
    places = positions if positions.ndim == 3 else positions[None]
    whole = torch.cat([embedded, places.permute(1, 2, 0).to(embedded.dtype)], dim=2)
    first = first_occurrences(whole.flatten(0, 1), [(1, 1, length)] * count)
    kept = sorted(set(first))
    if len(kept) == count:
        return None
    at = {row: place for place, row in enumerate(kept)}
    setattr(language, _STASH, torch.tensor([at[row] for row in first], device=embedded.device))
    return args, {**kwargs, **_rows(kwargs, kept, count)}


def _rows(kwargs: dict[str, Any], kept: list[int], count: int) -> dict[str, Any]:
    """Return the model's arguments for the kept rows of the batch."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):  # attention masks by layer type
            return {name: of(entry) for name, entry in value.items()}
        return value[kept] if isinstance(value, torch.Tensor) and value.size(0) == count else value

    chosen: dict[str, Any] = {name: of(kwargs.get(name)) for name in ("inputs_embeds", "attention_mask")}
    chosen["position_ids"] = kwargs["position_ids"][..., kept, :]
    # Qwen3-VL adds picture features in several layers; the features of all rows are concatenated, without text tokens.
    visual = kwargs.get("visual_pos_masks")
    if visual is not None:
        sizes = visual.sum(1).tolist()
        chosen["visual_pos_masks"] = visual[kept]
        chosen["deepstack_visual_embeds"] = [
            torch.cat([torch.split(features, sizes)[row] for row in kept])
            for features in kwargs["deepstack_visual_embeds"]
        ]
    return chosen


def _put_back(language: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    """After the prefill, copy each prompt's hidden states and KV cache to every batch row with that prompt."""
    places = getattr(language, _STASH, None)
    setattr(language, _STASH, None)
    if places is not None:
        output.last_hidden_state = output.last_hidden_state[places]
        output.past_key_values.batch_select_indices(places)
    return output
