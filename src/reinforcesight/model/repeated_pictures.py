"""Encode a picture that occurs several times in a batch only once.

GRPO samples about eight completions of a question, and rating a data set by pass rate four. Towers of the Qwen2-VL
family attend within one picture alone, so leaving out the repetitions changes no value, and gradients of the
repetitions add up in the one that is encoded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

# Families whose tower takes all pictures of a batch in one row of patches and keeps them apart.
FAMILIES = frozenset({"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"})
_STASH = "_repeated_pictures"


def encode_repeated_once(model: Any) -> bool:
    """Let a model's vision tower skip pictures that the batch already has; a second call changes nothing.

    Args:
        model: A ``PreTrainedModel`` or a ``PeftModel`` around one. Its weights and its state dict stay as they are.

    Returns:
        Whether the model's family is supported; other models are not changed.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    tower = getattr(getattr(inner, "model", None), "visual", None)
    if inner.config.model_type not in FAMILIES or not isinstance(tower, nn.Module):
        return False
    if _leave_out not in tower._forward_pre_hooks.values():
        tower.register_forward_pre_hook(_leave_out, with_kwargs=True)
        tower.register_forward_hook(_put_back)
    return True


def first_occurrences(patches: torch.Tensor, shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """For each picture, the index of the first one in the batch that is exactly like it.

    Args:
        patches: Patches of all pictures one after the other (N, D).
        shapes: Patches of each picture along time, height and width; the products add up to N.
    """
    sizes = [math.prod(shape) for shape in shapes]
    pieces = torch.split(patches, sizes)
    # Pictures with equal sums are compared patch by patch. Apple's GPUs have no float64; if sums of equal pictures
    # differ there, the picture is encoded twice.
    rows = patches.sum(1, dtype=torch.float32 if patches.device.type == "mps" else torch.float64)
    sums = torch.stack([piece.sum() for piece in torch.split(rows, sizes)]).tolist()
    seen: dict[tuple[tuple[int, ...], float], list[int]] = {}
    first = []
    for index, key in enumerate(zip(shapes, sums, strict=True)):
        alike = seen.setdefault(key, [])
        found = next((other for other in alike if torch.equal(pieces[other], pieces[index])), None)
        if found is None:
            alike.append(index)
        first.append(index if found is None else found)
    return first


def _leave_out(
    tower: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Before the tower: keep one of each picture, and store the place of each."""
    setattr(tower, _STASH, None)
    grid = kwargs.get("grid_thw", args[1] if len(args) > 1 else None)
    patches = args[0] if args else kwargs.get("hidden_states")
    others = any(isinstance(v, torch.Tensor) for k, v in kwargs.items() if k not in ("grid_thw", "hidden_states"))
    # Positions or borders that the caller has computed are those of the whole batch.
    if grid is None or patches is None or len(grid) < 2 or len(args) > 2 or others:
        return None
    shapes = [tuple(shape) for shape in grid.tolist()]
    sizes = [math.prod(shape) for shape in shapes]
    if sum(sizes) != len(patches):
        return None
    first = first_occurrences(patches.detach(), shapes)
    kept = sorted(set(first))
    if len(kept) == len(sizes):
        return None
    place = {index: at for at, index in enumerate(kept)}
    setattr(tower, _STASH, ([place[index] for index in first], [sizes[index] for index in kept]))
    pieces = torch.split(patches, sizes)
    fewer = torch.cat([pieces[index] for index in kept])
    return (fewer,), {
        **{name: value for name, value in kwargs.items() if name != "hidden_states"},
        "grid_thw": grid[torch.tensor(kept, device=grid.device)],
    }


def _put_back(tower: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
    """After the tower: repeat the features of each picture in its places."""
    stash = getattr(tower, _STASH, None)
    setattr(tower, _STASH, None)
    if stash is None:
        return output
    places, sizes = stash
    return _repeated(output, places, sizes, sum(sizes))


def _repeated(value: Any, places: list[int], sizes: list[int], total: int) -> Any:
    """Rows of patches, or of patches merged into tokens, repeated picture by picture; also within containers."""
    if isinstance(value, torch.Tensor):
        if value.ndim == 0 or len(value) == 0 or total % len(value):
            raise ValueError(f"features of shape {tuple(value.shape)} can't be split by picture")
        merged = total // len(value)
        pieces = torch.split(value, [size // merged for size in sizes])
        return torch.cat([pieces[place] for place in places])
    if isinstance(value, dict):
        for name in list(value):
            value[name] = _repeated(value[name], places, sizes, total)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)([_repeated(entry, places, sizes, total) for entry in value])
    return value
