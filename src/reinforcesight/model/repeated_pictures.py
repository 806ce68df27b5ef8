"""Encode a picture that occurs several times in a batch only once.

GRPO samples about eight completions per question, and the difficulty rating four. Vision towers of the Qwen2-VL family
attend only within a picture, so skipping repeated pictures changes no value, and the gradients of all copies add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

# Families whose vision tower takes the patches of all pictures concatenated, and attends only within a picture.
FAMILIES = frozenset({"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"})
_STASH = "_repeated_pictures"


def inner_model(model: Any) -> Any:
    """Return the ``PreTrainedModel`` in a ``PeftModel``, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def supported_part(model: Any, name: str) -> nn.Module | None:
    """Return the part ``visual`` or ``language_model`` of a model of ``FAMILIES``; ``None`` for other models."""
    inner = inner_model(model)
    part = getattr(getattr(inner, "model", None), name, None)
    return part if inner.config.model_type in FAMILIES and isinstance(part, nn.Module) else None


def encode_repeated_once(model: Any) -> bool:
    """Add hooks to the vision tower that skip repeated pictures of a batch; a second call changes nothing.

    Weights and state dict are not changed. Returns whether the model's family is supported.
    """
    tower = supported_part(model, "visual")
    if tower is None:
        return False
    if _leave_out not in tower._forward_pre_hooks.values():
        tower.register_forward_pre_hook(_leave_out, with_kwargs=True)
        tower.register_forward_hook(_put_back)
    return True


def first_occurrences(patches: torch.Tensor, shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Return for each picture the index of the first identical picture in the batch.

    Args:
        patches: Patches of all pictures, concatenated (N, D).
        shapes: Number of patches of each picture along time, height and width; the products add up to N.
    """
    sizes = [math.prod(shape) for shape in shapes]
    pieces = torch.split(patches, sizes)
    # Only pictures with equal sums are compared in full. Apple's GPUs have no float64; if the sums of identical
    # pictures differ because of that, the picture is encoded twice.
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
    """Before the vision tower, keep one of each distinct picture, and store which of them each picture equals."""
    setattr(tower, _STASH, None)
    grid = kwargs.get("grid_thw", args[1] if len(args) > 1 else None)
    patches = args[0] if args else kwargs.get("hidden_states")
    others = any(isinstance(v, torch.Tensor) for k, v in kwargs.items() if k not in ("grid_thw", "hidden_states"))
    # Position ids or sequence lengths that the caller passes are those of the whole batch.
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
    """After the vision tower, copy each picture's features to every position of the batch with that picture."""
    stash = getattr(tower, _STASH, None)
    setattr(tower, _STASH, None)
    if stash is None:
        return output
    places, sizes = stash
    return _repeated(output, places, sizes, sum(sizes))


def _repeated(value: Any, places: list[int], sizes: list[int], total: int) -> Any:
    """Repeat each picture's rows (patches or merged tokens) for every occurrence, also in lists, tuples and dicts."""
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
