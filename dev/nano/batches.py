"""Conversations to tensors: token ids with their positions, what is to be learnt, and the pictures' patches."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nano.scenes import PretrainingScene
from nano.tasks import Turn
from reinforcesight.pictures.drawing import BOX_COLOURS

# Share of pictures with drawn boxes, as half of CV-Bench's have.
_BOXED = 0.4


@dataclass(frozen=True)
class TextBatch:
    """Padded conversations; pictures come first in each, at the same place.

    Attributes:
        ids: (B, T) token ids.
        positions: (3, B, T) rotary positions over time, height and width, as Qwen2.5-VL counts them.
        targets: (B, T) ids to predict at each place, -100 where nothing is to be learnt.
        image_start: Where the first visual token stands, or ``None`` without pictures.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor
    image_start: int | None

    @property
    def learnt(self) -> int:
        """How many tokens are to be predicted."""
        return int((self.targets != -100).sum())


class Encoder:
    """Turns conversations into ids in the chat format that the processor's template writes.

    Args:
        processor: The model's own.
        grid: Visual tokens down and across a picture.
    """

    def __init__(self, processor: Any, grid: tuple[int, int]) -> None:
        self.tokenizer = processor.tokenizer
        self.grid = grid
        pad = self.tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self._before = self._ids("<|im_start|>user\n<|vision_start|>")
        self._picture = [pad] * (grid[0] * grid[1])
        self._pad = self.tokenizer.pad_token_id

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def encode(self, conversations: Sequence[Sequence[Turn]], *, pictures: bool) -> TextBatch:
        """Ids, positions and targets; only what the model says is to be learnt."""
        pieces: list[str] = []
        for turns in conversations:
            for index, (user, answer) in enumerate(turns):
                opening = "<|vision_end|>" if pictures and index == 0 else "<|im_start|>user\n"
                closing = "" if index == 0 else "\n"
                pieces += [
                    f"{closing}{opening}{user}<|im_end|>\n<|im_start|>assistant\n",
                    f"{answer}<|im_end|>",
                ]
        encoded = iter(self.tokenizer(pieces, add_special_tokens=False)["input_ids"])
        start = [*self._before, *self._picture] if pictures else []
        rows: list[tuple[list[int], list[int]]] = []
        for turns in conversations:
            ids, learnt = list(start), [-100] * len(start)
            for _ in turns:
                user, answer = next(encoded), next(encoded)
                ids += [*user, *answer]
                learnt += [*([-100] * len(user)), *answer]
            rows.append((ids, learnt))
        length = max(len(ids) for ids, _ in rows)
        padded = np.full((len(rows), length), self._pad, np.int64)
        targets = np.full((len(rows), length), -100, np.int64)
        for row, (ids, learnt) in enumerate(rows):
            padded[row, : len(ids)] = ids
            targets[row, : len(ids) - 1] = learnt[1:]
        positions = torch.from_numpy(self._positions(length, pictures=pictures))
        return TextBatch(
            torch.from_numpy(padded),
            positions[:, None].expand(-1, len(rows), -1),
            torch.from_numpy(targets),
            len(self._before) if pictures else None,
        )

    def _positions(self, length: int, *, pictures: bool) -> NDArray[np.int64]:
        """(3, T): text counts on in all three; a visual token has its row and column, and the time of its picture."""
        if not pictures:
            return np.tile(np.arange(length), (3, 1))
        down, across = self.grid
        first = len(self._before)
        last = first + down * across
        positions = np.zeros((3, length), np.int64)
        positions[:, :first] = np.arange(first)
        positions[0, first:last] = first
        positions[1, first:last] = first + np.repeat(np.arange(down), across)
        positions[2, first:last] = first + np.tile(np.arange(across), down)
        positions[:, last:] = first + max(down, across) + np.arange(length - last)
        return positions


def patches(pictures: NDArray[np.uint8], patch: int, merge: int, mean: Any, std: Any) -> torch.Tensor:
    """Normalised patches (B * N, 3 * patch * patch) in the order of Qwen's picture processor.

    Args:
        pictures: (B, H, W, 3).
        patch: Pixels along a patch.
        merge: Patches along a visual token; those of one token follow one another.
        mean: Of each channel, in [0, 1].
        std: Likewise.
    """
    count, height, width, _ = pictures.shape
    scaled = torch.from_numpy(np.ascontiguousarray(pictures)).float() / 255.0
    scaled = (scaled - torch.tensor(mean)) / torch.tensor(std)
    side = patch * merge
    blocks = scaled.reshape(count, height // side, merge, patch, width // side, merge, patch, 3)
    return blocks.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(-1, 3 * patch * patch)


def mirrored(scene: PretrainingScene) -> PretrainingScene:
    """The scene seen in a mirror."""
    boxes = scene.boxes.copy()
    width = scene.picture.shape[1]
    boxes[:, 0], boxes[:, 2] = width - scene.boxes[:, 2], width - scene.boxes[:, 0]
    return dataclasses.replace(
        scene,
        picture=scene.picture[:, ::-1],
        boxes=boxes,
        instances=scene.instances[:, ::-1],
        cells=scene.cells[:, ::-1],
    )


def varied(
    picture: NDArray[np.uint8], scene: PretrainingScene, rng: random.Random
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """A copy with other brightness and tint, and at times with boxes drawn as CV-Bench draws them.

    Returns:
        The picture, and the colours of the drawn boxes by the object's row.
    """
    gain = np.array([rng.uniform(0.88, 1.12) * rng.uniform(0.97, 1.03) for _ in range(3)], np.float32)
    result: NDArray[np.uint8] = np.clip(picture * gain, 0, 255).astype(np.uint8)
    drawn: dict[int, str] = {}
    count = int((scene.kinds >= 0).sum())
    if count and rng.random() < _BOXED:
        chosen = rng.sample(range(count), min(count, rng.choice((1, 2, 3))))
        drawn = dict(zip(chosen, rng.sample(list(BOX_COLOURS), len(chosen)), strict=True))
        for row, colour in drawn.items():
            x0, y0, x1, y1 = (int(v) for v in scene.boxes[row])
            result[y0:y1, [x0, x1 - 1]] = BOX_COLOURS[colour]
            result[[y0, y1 - 1], x0:x1] = BOX_COLOURS[colour]
    return result, drawn
