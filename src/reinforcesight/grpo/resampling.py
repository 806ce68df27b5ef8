"""Replace groups with zero reward std, which give no gradient, by groups of other questions.

TRL counts these groups and keeps them. Here they are replaced in a limited number of further generation batches. DAPO
(arXiv:2503.14476) does the same without a limit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

_LEFT_PADDED = {"prompt_ids", "prompt_mask"}
_OVER_PROMPT_AND_COMPLETION = {"token_type_ids", "mm_token_type_ids"}
# Rewards are sums of a few weights; smaller differences are rounding errors.
_SAME = 1e-6


def groups_without_spread(rewards: torch.Tensor, size: int) -> list[int]:
    """Return the indices of groups (``size`` consecutive rewards each) with zero reward std or without a score."""
    groups = rewards.detach().float().cpu().view(-1, size)
    flat = []
    for position, group in enumerate(groups):
        known = group[~torch.isnan(group)]
        if known.numel() < 2 or float(known.max() - known.min()) <= _SAME:
            flat.append(position)
    return flat


def draw_questions(total: int, count: int, *, used: Collection[int], key: Sequence[int]) -> list[int]:
    """Return the indices of ``count`` unused questions, all different if there are enough.

    The same ``key`` gives the same questions on every process and after resuming.
    """
    order = [int(i) for i in np.random.default_rng(list(key)).permutation(total)]
    fresh = [i for i in order if i not in used] or order
    return [fresh[i % len(fresh)] for i in range(count)]


def exchange_groups(
    batch: Mapping[str, Any],
    fresh: Mapping[str, Any],
    exchanges: Mapping[int, int],
    *,
    size: int,
    pad_token_id: int,
) -> dict[str, Any]:
    """Replace groups of a batch by groups of a newly generated batch.

    Args:
        batch: TRL's output for a generation batch: tensors with one row per completion.
        fresh: TRL's output for another generation batch, whose number of rows and lengths may differ.
        exchanges: Index of a group in ``batch`` to the index of its replacement in ``fresh``.
        size: Number of completions per group.
        pad_token_id: Padding of prompts and completions.

    Returns:
        The batch; ``num_items_in_batch`` is still that of the first generation batch.
    """
    rows = batch["prompt_ids"].size(0)
    order = list(range(rows))
    for old, new in exchanges.items():
        order[old * size : (old + 1) * size] = range(rows + new * size, rows + (new + 1) * size)
    first: dict[str, Any] = split_pixel_values_by_grid(dict(batch))
    second: dict[str, Any] = split_pixel_values_by_grid(dict(fresh))
    prompt = max(first["prompt_ids"].size(1), second["prompt_ids"].size(1))
    completion = max(first["completion_ids"].size(1), second["completion_ids"].size(1))
    merged: dict[str, Any] = {}
    for name, value in first.items():
        other = second[name]
        if isinstance(value, list):
            together = [*value, *other]
            merged[name] = [together[i] for i in order]
        elif value is None or value.ndim == 0:
            merged[name] = value
        else:
            fill = pad_token_id if name in {"prompt_ids", "completion_ids"} else 0
            parts = [
                _align(name, part[name], part["prompt_ids"].size(1), prompt=prompt, completion=completion, fill=fill)
                for part in (first, second)
            ]
            merged[name] = torch.cat(parts)[order]
    return dict(unsplit_pixel_values_by_grid(merged))


def _align(
    name: str, value: torch.Tensor, own_prompt: int, *, prompt: int, completion: int, fill: int
) -> torch.Tensor:
    """Pad a tensor of tokens (B, T) to common lengths; tensors with one value per completion are unchanged."""
    if value.ndim != 2 or value.size(1) == 1:
        return value
    if name in _LEFT_PADDED:
        return _pad(value, prompt - value.size(1), 0, fill)
    if name in _OVER_PROMPT_AND_COMPLETION:
        return _pad(value, prompt - own_prompt, completion - (value.size(1) - own_prompt), fill)
    return _pad(value, 0, completion - value.size(1), fill)


def _pad(value: torch.Tensor, left: int, right: int, fill: int) -> torch.Tensor:
    return torch.nn.functional.pad(value, (left, right), value=fill)
