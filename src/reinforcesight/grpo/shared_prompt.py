"""Log-probabilities of a group's completions, with the shared prompt (picture and text) encoded once.

TRL encodes the prompt once per completion (huggingface/trl#2669). Here a batch row is a prompt followed by all of its
completions, each starting with a copy of the prompt's last token:

    [prompt without its last token] [last, completion 1] [last, completion 2] ...

A completion attends only to the prompt and itself, and its positions continue from the prompt, so values and gradients
equal TRL's up to rounding. All other layers work token by token. There is no KV cache, so gradient checkpointing
works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import eager_attention_forward
from trl.trainer.utils import split_pixel_values_by_grid, split_tensor_dict, unsplit_pixel_values_by_grid

from reinforcesight.model.repeated_pictures import FAMILIES, first_occurrences, inner_model

_NAME = "shared_prompt"


def attend_in_groups(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    shared_prompt: tuple[int, int] | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention with transformers' interface; rows that are not packed use ``sdpa``.

    Args:
        query: (groups, heads, tokens, head size); ``key`` and ``value`` may have fewer heads.
        attention_mask: For packed rows, which prompt tokens are not padding (groups, 1, 1, prompt).
        shared_prompt: Length of the prompt part and number of completions; ``None`` for rows that are not packed.

    Returns:
        (groups, tokens, heads, head size), and no attention weights.
    """
    if shared_prompt is None:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
        return found
    assert attention_mask is not None
    length, members = shared_prompt
    device = query.device
    # Padding attends to itself, since a softmax row without any token would be NaN.
    own = torch.eye(length, dtype=torch.bool, device=device)
    mask = (attention_mask & torch.ones_like(own).tril()) | own
    prompt = _attend(module, query[:, :, :length], key[:, :, :length], value[:, :, :length], mask, **kwargs)

    def completions(states: torch.Tensor) -> torch.Tensor:
        """Reshape (groups, heads, completions x tokens, size) to (groups x completions, heads, tokens, size)."""
        groups, heads, _, size = states.shape
        split = states[:, :, length:].reshape(groups, heads, members, -1, size)
        return split.transpose(1, 2).flatten(0, 1)

    def before(states: torch.Tensor) -> torch.Tensor:
        return states[:, :, :length].repeat_interleave(members, dim=0)

    tokens = (query.size(2) - length) // members
    causal = torch.ones(tokens, tokens, dtype=torch.bool, device=device).tril().expand(len(query) * members, 1, -1, -1)
    seen = attention_mask.repeat_interleave(members, dim=0).expand(-1, -1, tokens, -1)
    answers = _attend(
        module,
        completions(query),
        torch.cat([before(key), completions(key)], dim=2),
        torch.cat([before(value), completions(value)], dim=2),
        torch.cat([seen, causal], dim=3),
        **kwargs,
    )
    packed = answers.reshape(len(query), members * tokens, *answers.shape[2:])
    return torch.cat([prompt, packed], dim=1), None


def _attend(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, **kwargs: Any
) -> torch.Tensor:
    """Compute attention where ``mask`` is true; on a CPU with plain products, whose gradients take half the time."""
    if query.device.type == "cpu":
        bias = torch.zeros(mask.shape, dtype=query.dtype).masked_fill(~mask, torch.finfo(query.dtype).min)
        found: torch.Tensor = eager_attention_forward(module, query, key, value, bias, **kwargs)[0]
    else:
        found = sdpa_attention_forward(module, query, key, value, mask, **kwargs)[0]
    return found


def use_shared_prompts(model: Any) -> bool:
    """Let a language model accept packed rows.

    Returns:
        Whether it can: models of the Qwen2-VL or Qwen3-VL family with sdpa attention and no sliding window.
    """
    inner = _inner(model)
    text = inner.config.get_text_config()
    if text._attn_implementation == _NAME:
        return True
    windows = {"sliding_attention"} & set(getattr(text, "layer_types", None) or ())
    if inner.config.model_type not in FAMILIES or text._attn_implementation != "sdpa" or windows:
        return False
    AttentionInterface.register(_NAME, attend_in_groups)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    text._attn_implementation = _NAME
    return True


def _inner(model: Any) -> Any:
    return inner_model(getattr(model, "module", model))


def shared_log_probabilities(
    model: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    length: int,
    rows_together: int | None,
    pictures: Mapping[str, Any],
) -> tuple[torch.Tensor, torch.Tensor | None] | None:
    """Return log-probabilities and entropies of completions (B, T), as TRL computes them.

    Args:
        model: Model with TRL's fused head, after :func:`use_shared_prompts`.
        input_ids: Prompts, padded on the left, followed by completions, padded on the right (B, P + T).
        attention_mask: 1 for tokens, 0 for padding (B, P + T).
        length: T.
        rows_together: Number of rows per forward pass; all by default.
        pictures: TRL's picture fields: concatenated patches, shapes (B, 3), token types (B, P + T), and so on.

    Returns:
        ``None`` if a row does not have exactly one picture, or a forward pass would have groups of different sizes.
    """
    patches, shapes, types = (pictures.get(n) for n in ("pixel_values", "image_grid_thw", "mm_token_type_ids"))
    if patches is None or shapes is None or types is None or set(pictures.get("num_images") or ()) != {1}:
        return None
    count, end = len(input_ids), input_ids.size(1) - length
    size = rows_together or count
    pieces = torch.split(patches, shapes.prod(-1).tolist())
    which = first_occurrences(patches, [tuple(shape) for shape in shapes.tolist()])
    prompts = [*zip(input_ids[:, :end].tolist(), attention_mask[:, :end].tolist(), which, strict=True)]
    batches = [_groups(range(start, min(start + size, count)), prompts) for start in range(0, count, size)]
    if any(len({len(members) for members in groups}) != 1 or len(groups[0]) == 1 for groups in batches):
        return None
    found: dict[str, list[torch.Tensor]] = {"log_probs": [], "entropy": []}
    for groups in batches:
        first = [members[0] for members in groups]
        inputs = _packed(model, groups, input_ids, attention_mask, length, shapes[first], types[first, :end])
        output = model(**inputs, pixel_values=torch.cat([pieces[row] for row in first]), fused_lm_head=True)
        for name, parts in found.items():
            if (values := getattr(output, name)) is not None:
                parts.append(values[:, end - 1 :].reshape(-1, length))
    order = torch.tensor([row for groups in batches for members in groups for row in members])
    back = order.argsort().to(input_ids.device)
    entropy = torch.cat(found["entropy"])[back] if found["entropy"] else None
    return torch.cat(found["log_probs"])[back], entropy


def _groups(rows: Iterable[int], prompts: Sequence[Any]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(repr(prompts[row]), []).append(row)
    return list(found.values())


def _packed(
    model: Any,
    groups: Sequence[Sequence[int]],
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    length: int,
    shapes: torch.Tensor,
    types: torch.Tensor,
) -> dict[str, Any]:
    """Return the model's inputs, one row per group; ``shapes`` and ``types`` are those of the prompts."""
    first, rows = [members[0] for members in groups], [row for members in groups for row in members]
    end = input_ids.size(1) - length
    prompts, kept = input_ids[first, :end], attention_mask[first, :end]
    positions, _ = _inner(model).model.get_rope_index(
        prompts, mm_token_type_ids=types, image_grid_thw=shapes, attention_mask=kept
    )
    # Each completion starts with the prompt's last token and lacks its own last token, which predicts nothing.
    segments = input_ids[rows, end - 1 : -1].view(len(groups), -1)
    steps = torch.arange(length, device=input_ids.device).repeat(len(groups[0]))
    labels = input_ids[rows, end:].masked_fill(attention_mask[rows, end:] == 0, -100).view(len(groups), -1)
    return {
        "input_ids": torch.cat([prompts[:, :-1], segments], dim=1),
        "position_ids": torch.cat([positions[:, :, :-1], positions[:, :, -1:] + steps], dim=2),
        "attention_mask": kept[:, None, None, :-1].bool(),
        "image_grid_thw": shapes,
        "shift_labels": torch.cat([labels.new_full((len(groups), end - 1), -100), labels], dim=1),
        "shared_prompt": (end - 1, len(groups[0])),
    }


def groups_together(batches: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sort the rows of TRL's micro-batches, across a whole generation batch, by ``group``.

    TRL shuffles the completions, so completions of one prompt would rarely be in the same micro-batch.
    """
    parts: list[dict[str, Any]] = [split_pixel_values_by_grid(dict(batch)) for batch in batches]
    order = torch.cat([part["group"] for part in parts]).argsort(stable=True)
    whole: dict[str, Any] = {}
    for name, value in parts[0].items():
        if isinstance(value, list):
            together = [entry for part in parts for entry in part[name]]
            whole[name] = [together[at] for at in order.tolist()]
        elif isinstance(value, torch.Tensor) and value.ndim:
            whole[name] = torch.cat([part[name] for part in parts])[order]
        else:
            whole[name] = value
    split: list[Any] = split_tensor_dict(whole, len(batches))
    return [dict(unsplit_pixel_values_by_grid(part)) for part in split]
