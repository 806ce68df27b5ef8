"""The grid task: what each visual token shows, read off the token itself by the words of the text model."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLVisionAttention, apply_rotary_pos_emb_vision

from nano.repaint import hues, never_seen
from nano.scenes import PretrainingScene
from reinforcesight.data_gen.rendering import RenderConfig
from reinforcesight.errors import ConfigError

# Scale and offset that bring centre, size (shares of the picture) and log depth to a spread of about one.
_CENTRE = (0.5, 0.27)
_SIZE = (0.22, 0.15)
_LOG_DEPTH = (1.25, 0.45)
_NOT_LEARNT = -100


class GridHeads(nn.Module):
    """Reads kind and colour of each visual token by the embeddings of their words, and place and depth by a layer.

    The words are the model's own, so a token that shows a red ball comes to resemble the words "red" and "ball", and
    the text model finds it by them. The layer for place and depth, and "nothing", are thrown away after pretraining.
    """

    def __init__(self, width: int, words: Sequence[int], options: RenderConfig, *, open_pairs: bool) -> None:
        super().__init__()
        assert options.kinds is not None
        self.options = options
        self.open_pairs = open_pairs
        self.kinds = len(options.kinds)
        self.words = list(words)
        # Words have about unit variance; as in attention this brings products to about one.
        self.scale = width**-0.5
        self.nothing = nn.Parameter(torch.randn(2, width) * self.scale)
        self.where = nn.Linear(width, 5)

    def loss(
        self, tokens: torch.Tensor, embeddings: torch.Tensor, scenes: Sequence[PretrainingScene]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss over all visual tokens of a batch, and its parts.

        Args:
            tokens: (B * N, D) what the vision tower hands to the text model.
            embeddings: (V, D) of the words.
            scenes: B scenes.
        """
        kind, colour, where, shown, unseen = (t.to(tokens.device) for t in _truth(scenes, self.options))
        words = embeddings[self.words] * self.scale
        of_kind = tokens @ torch.cat([self.nothing[:1], words[: self.kinds]]).T
        of_colour = tokens @ torch.cat([self.nothing[1:], words[self.kinds :]]).T
        of_known = of_kind.masked_fill(unseen, -torch.inf) if self.open_pairs else of_kind
        kind_loss = F.cross_entropy(of_known, kind)
        named = colour != _NOT_LEARNT
        colour_loss = F.cross_entropy(of_colour, colour, ignore_index=_NOT_LEARNT)
        missed = F.smooth_l1_loss(self.where(tokens), where, reduction="none", beta=0.2).mean(dim=-1)
        where_loss = (missed * shown).sum() / shown.sum().clamp(min=1)
        with torch.no_grad():
            seen = (shown > 0) & named
            right = (of_kind.argmax(1) == kind) & (of_colour.argmax(1) == colour)
            parts = {
                "grid_kind": float(kind_loss.detach()),
                "grid_colour": float(colour_loss.detach()),
                "grid_where": float(where_loss.detach()),
                "grid_named": float(right[seen].float().mean()) if bool(seen.any()) else 0.0,
            }
        return kind_loss + colour_loss + 2 * where_loss, parts


def word_ids(tokenizer: Any, words: Sequence[str]) -> list[int]:
    """The token of each word as it stands within a sentence.

    Raises:
        ConfigError: A word is more than one token, so that no visual token can resemble it.
    """
    found = []
    for word in words:
        ids = tokenizer.encode(f" {word}", add_special_tokens=False)
        if len(ids) != 1:
            raise ConfigError(
                f"the word {word!r} is {len(ids)} tokens",
                fix="raise architecture.vocabulary, or choose another kind",
            )
        found.append(int(ids[0]))
    return found


def unseen_after(words: Sequence[int], options: RenderConfig, vocabulary: int) -> torch.Tensor:
    """(V, V) whether a token is a kind that training never shows in the colour that the token before it names.

    Args:
        words: Tokens of the kinds, and after them of the colours.
        options: Their names.
        vocabulary: V, the size of the vocabulary.
    """
    assert options.kinds is not None
    assert options.colours is not None
    kinds, colours = words[: len(options.kinds)], words[len(options.kinds) :]
    unseen = torch.zeros(vocabulary, vocabulary, dtype=torch.bool)
    pairs = never_seen(options)[hues(np.arange(len(colours)), options)]
    unseen[torch.tensor(colours)[:, None], torch.tensor(kinds)] = torch.from_numpy(pairs)
    return unseen


def _truth(scenes: Sequence[PretrainingScene], options: RenderConfig) -> tuple[torch.Tensor, ...]:
    """What each visual token shows.

    Returns:
        Kind and colour (B * N,) with 0 for nothing and ``_NOT_LEARNT`` for a colour without a name; place and depth
        (B * N, 5); 1 where there is an object; and the kinds, after nothing, that training never shows in the object's
        colour (B * N, 1 + kinds).
    """
    height, width = scenes[0].picture.shape[:2]
    cells = np.stack([s.cells for s in scenes]).reshape(len(scenes), -1).astype(np.int64)
    shown = cells >= 0
    index = np.where(shown, cells, 0)
    kinds = np.take_along_axis(np.stack([s.kinds for s in scenes]), index, 1).astype(np.int64) + 1
    colours = np.take_along_axis(np.stack([s.colours for s in scenes]), index, 1).astype(np.int64)
    known = np.pad(never_seen(options), ((0, 1), (1, 0)))  # the last row is for no colour
    unseen = known[np.where(shown, hues(colours, options), -1)]
    colours = np.where(colours >= 0, colours + 1, _NOT_LEARNT)
    boxes = np.stack([s.boxes for s in scenes]) / np.array([width, height, width, height], np.float32)
    depths = np.log(np.maximum(np.stack([s.depths for s in scenes]), 0.3))
    x0, y0, x1, y1 = (np.take_along_axis(boxes[..., i], index, 1) for i in range(4))
    where = np.stack(
        [
            ((x0 + x1) / 2 - _CENTRE[0]) / _CENTRE[1],
            ((y0 + y1) / 2 - _CENTRE[0]) / _CENTRE[1],
            (x1 - x0 - _SIZE[0]) / _SIZE[1],
            (y1 - y0 - _SIZE[0]) / _SIZE[1],
            (np.take_along_axis(depths, index, 1) - _LOG_DEPTH[0]) / _LOG_DEPTH[1],
        ],
        axis=-1,
    )
    return (
        torch.from_numpy(np.where(shown, kinds, 0).reshape(-1)),
        torch.from_numpy(np.where(shown, colours, 0).reshape(-1)),
        torch.from_numpy(where.reshape(-1, 5).astype(np.float32)),
        torch.from_numpy(shown.reshape(-1).astype(np.float32)),
        torch.from_numpy(unseen.reshape(-1, unseen.shape[-1])),
    )


def batch_vision_attention(model: Any) -> None:
    """Let the vision tower attend within all pictures of a batch at once; they must be of one size.

    The stock code goes through the pictures one by one outside of flash attention. The result is the same.
    """
    for module in model.modules():
        if isinstance(module, Qwen2_5_VLVisionAttention):
            module.forward = types.MethodType(_attend, module)


def _attend(
    self: Any,
    hidden_states: torch.Tensor,
    cu_seqlens: torch.Tensor,
    position_embeddings: tuple[torch.Tensor, torch.Tensor],
    **_: object,
) -> torch.Tensor:
    total, count = hidden_states.shape[0], len(cu_seqlens) - 1
    shape = (total, 3, self.num_heads, -1)
    query, key, value = self.qkv(hidden_states).reshape(shape).permute(1, 0, 2, 3).unbind(0)
    query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
    query, key, value = (
        t.reshape(count, total // count, self.num_heads, -1).transpose(1, 2) for t in (query, key, value)
    )
    mixed = F.scaled_dot_product_attention(query, key, value, scale=self.scaling)
    projected: torch.Tensor = self.proj(mixed.transpose(1, 2).reshape(total, -1))
    return projected
