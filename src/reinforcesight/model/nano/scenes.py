"""Rendered scenes for pretraining: the picture, what each visual token shows, and where each object is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinforcesight.data_gen.sources.rendering import Distribution, RenderConfig, render_picture

MAX_OBJECTS = 8
# A cell is said to show an object that covers this share of it.
_LEAST_COVER = 0.12
# What is named in words must be seen: this many pixels of a 128 x 96 picture, and this share of the object.
_LEAST_PIXELS = 40
_LEAST_VISIBLE = 0.4


@dataclass(frozen=True)
class PretrainingScene:
    """One rendered picture with its truth, in arrays that can be stacked.

    Attributes:
        picture: (H, W, 3) uint8 sRGB.
        kinds: (MAX_OBJECTS,) int8, index into ``RenderConfig.kinds``; -1 where there is no object.
        colours: (MAX_OBJECTS,) int8, index into ``RenderConfig.colours``.
        boxes: (MAX_OBJECTS, 4) float32, picture boxes of the visible parts, pixels, xyxy half-open.
        depths: (MAX_OBJECTS,) float32, median depth of the visible pixels, metres.
        cells: (H / cell, W / cell) int8, the object that each visual token shows, or -1.
    """

    picture: NDArray[np.uint8]
    kinds: NDArray[np.int8]
    colours: NDArray[np.int8]
    boxes: NDArray[np.float32]
    depths: NDArray[np.float32]
    cells: NDArray[np.int8]


def render_scene(
    seed: int, index: int, distribution: Distribution, size: tuple[int, int], cell: int, options: RenderConfig
) -> PretrainingScene:
    """Scene ``index`` of a sequence, which depends on the seed and the index alone.

    Args:
        seed: Number of the sequence.
        index: Number within it.
        distribution: Training scenes, or held-out ones for the score.
        size: Picture width and height, pixels; multiples of ``cell``.
        cell: Pixels along a visual token.
        options: Contents; kinds and colours must be listed.
    """
    assert options.kinds is not None
    assert options.colours is not None
    rendered = render_picture(seed, index, distribution, size, options)
    height, width = rendered.instances.shape
    kinds = np.full(MAX_OBJECTS, -1, np.int8)
    colours = np.full(MAX_OBJECTS, -1, np.int8)
    boxes = np.zeros((MAX_OBJECTS, 4), np.float32)
    depths = np.zeros(MAX_OBJECTS, np.float32)
    row_of: dict[int, int] = {}
    least = _LEAST_PIXELS * width * height / (128 * 96)
    for item in rendered.objects:
        if item.visible_pixels < least or item.visible_fraction < _LEAST_VISIBLE:
            continue
        if len(row_of) == MAX_OBJECTS:
            break
        row = len(row_of)
        mask = rendered.instances == item.id
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        kinds[row], colours[row] = options.kinds.index(item.kind), options.colours.index(item.colour)
        boxes[row] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        depths[row] = np.median(rendered.depth[mask])
        row_of[item.id] = row
    cells = np.full((height // cell, width // cell), -1, np.int8)
    for a in range(cells.shape[0]):
        for b in range(cells.shape[1]):
            seen = rendered.instances[a * cell : (a + 1) * cell, b * cell : (b + 1) * cell].reshape(-1)
            counts = np.bincount(seen[seen >= 0], minlength=1)
            best = int(counts.argmax())
            if best in row_of and counts[best] >= _LEAST_COVER * cell * cell:
                cells[a, b] = row_of[best]
    return PretrainingScene(rendered.picture, kinds, colours, boxes, depths, cells)
