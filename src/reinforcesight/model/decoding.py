"""Decode faster on a CPU: a KV cache that is not copied at each step, and no work for completions that have ended.

transformers' ``DynamicCache`` copies all keys and values for each new token, and ``generate`` computes every row of a
batch until the longest completion ends. Tokens of ended rows are padding, whatever their logits are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from reinforcesight.model.repeated_pictures import inner_model, supported_part

_ROOM = 64  # tokens that a cache may grow before it is copied
# Attributes of a cache: which rows of the batch have not ended (B,), and the rows that it still holds.
_GOING, _KEPT = "_rows_going", "_rows_kept"
_LEAVE_OUT_BELOW = 0.8  # ended rows leave the cache when at most this share of its rows has not ended


_Layer: Any = DynamicLayer  # its class hooks are untyped


class RoomyLayer(_Layer):  # type: ignore[misc]
    """A layer of the KV cache with room for the next tokens; ``keys`` and ``values`` are views."""

    keys: torch.Tensor
    values: torch.Tensor
    _room: tuple[torch.Tensor, torch.Tensor] | None = None
    _shown: torch.Tensor | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values (B, H, T, D); return all of them."""
        start = self.get_seq_length()
        if not start:
            filled: tuple[torch.Tensor, torch.Tensor] = super().update(key_states, value_states)
            return filled
        end = start + key_states.shape[-2]
        # The base class replaces `keys` when it selects rows or crops.
        if self._room is None or self.keys is not self._shown or end > self._room[0].shape[-2]:
            pairs = ((self.keys, key_states), (self.values, value_states))
            rooms = [old.new_empty((*new.shape[:-2], end + _ROOM, new.shape[-1])) for old, new in pairs]
            for room, (old, _) in zip(rooms, pairs, strict=True):
                room[..., :start, :] = old
            self._room = (rooms[0], rooms[1])
        for room, new in zip(self._room, (key_states, value_states), strict=True):
            room[..., start:end, :] = new
        self.keys, self.values = (room[..., :end, :] for room in self._room)
        self._shown = self.keys
        return self.keys, self.values


def decode_faster(model: Any, ends: Sequence[int]) -> bool:
    """Add hooks that speed up ``generate`` on a CPU; a second call changes nothing.

    Args:
        model: A ``PreTrainedModel`` or a ``PeftModel`` around one. Weights and state dict are not changed.
        ends: Tokens that end a completion in all calls of ``generate``, which may have further ones.

    Returns:
        Whether the model's family is supported; other models are not changed.
    """
    language = supported_part(model, "language_model")
    if language is None:
        return False
    if _make_room not in language._forward_pre_hooks.values():

        def note_ended(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            cache = _decoding_cache(kwargs)
            ids = kwargs.get("input_ids")
            if cache is not None and ids is not None and ids.shape[1] == 1:
                _leave_out_ended(cache, torch.isin(ids[:, 0], torch.tensor(ends)))

        inner_model(model).register_forward_pre_hook(note_ended, with_kwargs=True)
        language.register_forward_pre_hook(_make_room, with_kwargs=True)
        language.register_forward_hook(_all_rows, with_kwargs=True)
    return True


def _decoding_cache(kwargs: dict[str, Any]) -> DynamicCache | None:
    """Return the cache of a decoding step on a CPU after the prefill."""
    cache = kwargs.get("past_key_values")
    if type(cache) is not DynamicCache or torch.is_grad_enabled() or not cache.get_seq_length():
        return None
    return cache if all(type(layer) is RoomyLayer for layer in cache.layers) else None


def _leave_out_ended(cache: DynamicCache, ended: torch.Tensor) -> None:
    """Note the rows (B,) that end now, and remove ended rows from the cache when they are many."""
    going: torch.Tensor = getattr(cache, _GOING, torch.ones_like(ended)) & ~ended
    setattr(cache, _GOING, going)
    rows: torch.Tensor = getattr(cache, _KEPT, torch.arange(len(ended)))
    left = going[rows]
    if 0 < int(left.sum()) <= _LEAVE_OUT_BELOW * len(rows):
        cache.batch_select_indices(left.nonzero()[:, 0])
        setattr(cache, _KEPT, rows[left])


def _make_room(language: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Before the language model, give a new cache room, and select the rows that are still in an old one."""
    cache, embedded = kwargs.get("past_key_values"), kwargs.get("inputs_embeds")
    if type(cache) is not DynamicCache or embedded is None or torch.is_grad_enabled():
        return None
    if not cache.get_seq_length():
        if embedded.device.type == "cpu" and all(type(layer) is DynamicLayer for layer in cache.layers):
            cache.layers = [RoomyLayer() for _ in cache.layers]
        return None
    rows = getattr(cache, _KEPT, None)
    if rows is None:
        return None
    count = len(embedded)

    def of(value: Any) -> Any:
        if isinstance(value, dict):  # attention masks by layer type
            return {name: of(entry) for name, entry in value.items()}
        return value[rows] if isinstance(value, torch.Tensor) and value.size(0) == count else value

    chosen = {name: of(kwargs.get(name)) for name in ("inputs_embeds", "attention_mask")}
    return args, {**kwargs, **chosen, "position_ids": kwargs["position_ids"][..., rows, :]}


def _all_rows(language: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    """After the language model, give rows that were left out hidden states of zero."""
    rows = getattr(kwargs.get("past_key_values"), _KEPT, None)
    if rows is not None and len(output.last_hidden_state) == len(rows):
        hidden = output.last_hidden_state
        whole = hidden.new_zeros((len(getattr(kwargs["past_key_values"], _GOING)), *hidden.shape[1:]))
        whole[rows] = hidden
        output.last_hidden_state = whole
    return output
