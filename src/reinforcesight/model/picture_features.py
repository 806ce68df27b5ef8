"""On a CPU, keep the features of pictures: a tower that does not change encodes each picture once.

SFT and GRPO show a picture several times, and an evaluation shows it to several models, whose towers are often equal.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from reinforcesight.model.repeated_pictures import inner_model, supported_part

_MOST_BYTES = 256 << 20


def keep_features(model: Any) -> bool:
    """Let the vision tower keep features, if the model's family is supported; a second call changes nothing.

    They are used while the tower's weights don't change, and on a CPU. Other uses of the tower are not changed.
    """
    tower = vision_tower(model)
    if tower is None or isinstance(getattr(tower.forward, "__self__", None), _Features):
        return tower is not None
    tower.forward = _Features(tower, tower.forward).encode
    return True


def share_vision(models: Sequence[Any]) -> int:
    """Let models use the first model's vision tower, with its features, if theirs is equal; return how many do."""
    towers = [tower for model in models if (tower := vision_tower(model)) is not None]
    shared = 0
    for model in models:
        tower = vision_tower(model)
        if tower is not None and tower is not towers[0] and _equal(tower, towers[0]):
            inner_model(model).model.visual = towers[0]
            shared += 1
    return shared


def vision_tower(model: Any) -> nn.Module | None:
    return supported_part(model, "visual")


def _equal(one: Any, other: Any) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return (
        one.config.to_dict() == other.config.to_dict()
        and a.keys() == b.keys()
        and all(a[n].dtype == b[n].dtype and a[n].device == b[n].device and torch.equal(a[n], b[n]) for n in a)
    )


class _Features:
    """The features of the pictures that a tower encoded last, by the hash of their patches."""

    def __init__(self, tower: nn.Module, forward: Callable[..., Any]) -> None:
        self._tower, self._forward = tower, forward
        self._known: OrderedDict[bytes, Any] = OrderedDict()
        self._bytes = 0
        self._version: tuple[int, torch.dtype | None] | None = None

    def encode(self, hidden_states: torch.Tensor, grid_thw: torch.Tensor, **kwargs: Any) -> Any:
        """Encode patches (N, D) of pictures with grids (P, 3): the tower's forward for the unknown pictures alone."""
        weights = list(self._tower.parameters())
        trained = torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)
        sizes = [math.prod(shape) for shape in grid_thw.tolist()]
        others = any(isinstance(value, torch.Tensor) for value in kwargs.values())
        if trained or others or hidden_states.device.type != "cpu":
            return self._forward(hidden_states, grid_thw=grid_thw, **kwargs)
        if hidden_states.requires_grad or sum(sizes) != len(hidden_states):
            return self._forward(hidden_states, grid_thw=grid_thw, **kwargs)
        mixed = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
        version = (sum(weight._version for weight in weights), mixed)
        if version != self._version:  # training has changed the weights
            self._known.clear()
            self._version, self._bytes = version, 0
        patches = torch.split(hidden_states, sizes)
        keys = [_key(piece, grid) for piece, grid in zip(patches, grid_thw.tolist(), strict=True)]
        found = {key: self._known[key] for key in keys if key in self._known}
        new = [at for at, key in enumerate(keys) if key not in found]
        if new:
            fewer = torch.cat([patches[at] for at in new])
            # Tensors of inference mode could not be used in training.
            with torch.inference_mode(False), torch.no_grad():
                output = self._forward(fewer.clone(), grid_thw=grid_thw[new].clone(), **kwargs)
            for at, piece in zip(new, _split(output, [sizes[at] for at in new]), strict=True):
                found[keys[at]] = self._known[keys[at]] = piece
                self._bytes += _bytes(piece)
        for key in keys:
            self._known.move_to_end(key)
        while self._bytes > _MOST_BYTES:
            self._bytes -= _bytes(self._known.popitem(last=False)[1])
        return _join([found[key] for key in keys])


def _key(patches: torch.Tensor, grid: Sequence[int]) -> bytes:
    digest = hashlib.blake2b(f"{grid} {patches.dtype}".encode(), digest_size=16)
    digest.update(patches.detach().contiguous().view(torch.uint8).numpy().data)
    return digest.digest()


def _split(value: Any, sizes: list[int]) -> list[Any]:
    """Split a tower's output (tensor, or lists and dicts of tensors) into one per picture."""
    if isinstance(value, torch.Tensor):
        merged = sum(sizes) // len(value)  # patches that become one token
        # Copies, so that a picture does not keep the features of its batch.
        return [piece.clone() for piece in torch.split(value, [size // merged for size in sizes])]
    if isinstance(value, dict):
        columns = {name: _split(entry, sizes) for name, entry in value.items()}
        return [type(value)(**{name: column[at] for name, column in columns.items()}) for at in range(len(sizes))]
    if isinstance(value, (list, tuple)):
        rows = [_split(entry, sizes) for entry in value]
        return [type(value)(row[at] for row in rows) for at in range(len(sizes))]
    return [value] * len(sizes)


def _join(pieces: list[Any]) -> Any:
    first = pieces[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(pieces)
    if isinstance(first, dict):
        return type(first)(**{name: _join([piece[name] for piece in pieces]) for name in first})
    if isinstance(first, (list, tuple)):
        return type(first)(_join([piece[at] for piece in pieces]) for at in range(len(first)))
    return first


def _bytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.nbytes
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return sum(_bytes(entry) for entry in entries)
