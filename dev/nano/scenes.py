"""Rendered scenes for pretraining: the picture, what each visual token shows, and where each object is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reinforcesight.data_gen.rendering import Distribution, RenderConfig, render_picture

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
        visible: (MAX_OBJECTS,) float32, share of the object that can be seen, in [0, 1].
        instances: (H, W) int8, the row of the object that each pixel shows, -1 for none and MAX_OBJECTS for one
            that has no row.
        cells: (H / cell, W / cell) int8, the object that each visual token shows, or -1.
    """

    picture: NDArray[np.uint8]
    kinds: NDArray[np.int8]
    colours: NDArray[np.int8]
    boxes: NDArray[np.float32]
    depths: NDArray[np.float32]
    visible: NDArray[np.float32]
    instances: NDArray[np.int8]
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
    visible = np.zeros(MAX_OBJECTS, np.float32)
    instances = np.where(rendered.instances < 0, -1, MAX_OBJECTS).astype(np.int8)
    row = 0
    for item in rendered.objects:
        if not _can_be_named(item.visible_pixels, item.visible_fraction, width * height):
            continue
        if row == MAX_OBJECTS:
            break
        mask = rendered.instances == item.id
        instances[mask] = row
        kinds[row], colours[row] = options.kinds.index(item.kind), options.colours.index(item.colour)
        boxes[row], visible[row] = _box(mask), item.visible_fraction
        depths[row] = np.median(rendered.depth[mask])
        row += 1
    cells = _cells(instances, cell)
    return PretrainingScene(rendered.picture, kinds, colours, boxes, depths, visible, instances, cells)


def moved(scene: PretrainingScene, across: int, down: int) -> PretrainingScene:
    """The scene with its picture moved, as if the camera had turned a little; the margin repeats the edge.

    A visual token sees an object at one place within it. Moved pictures show it at others, for little work.

    Args:
        scene: The scene.
        across: Pixels to the right; negative to the left.
        down: Pixels down; negative up.
    """
    height, width = scene.instances.shape
    picture, before = _slide(scene.picture, across, down), _slide(scene.instances, across, down)
    whole, left = (np.bincount(i.reshape(-1) + 1, minlength=MAX_OBJECTS + 2) for i in (scene.instances, before))
    # What each row of before has become; the last entry stands for -1.
    becomes = np.full(MAX_OBJECTS + 2, MAX_OBJECTS, np.int8)
    becomes[-1] = -1
    kept: list[int] = []
    boxes, visible = np.zeros_like(scene.boxes), np.zeros_like(scene.visible)
    for row in np.flatnonzero(scene.kinds >= 0):
        pixels = int(left[row + 1])
        share = float(scene.visible[row]) * min(1.0, pixels / max(1, int(whole[row + 1])))
        if not _can_be_named(pixels, share, width * height):
            continue
        becomes[row] = len(kept)
        boxes[len(kept)], visible[len(kept)] = _box(before == row), share
        kept.append(int(row))
    instances = becomes[before]
    return PretrainingScene(
        picture,
        _rows(scene.kinds, kept, -1),
        _rows(scene.colours, kept, -1),
        boxes,
        _rows(scene.depths, kept, 0),
        visible,
        instances,
        _cells(instances, height // scene.cells.shape[0]),
    )


def _slide(values: NDArray[Any], across: int, down: int) -> NDArray[Any]:
    """(H, W, ...) values moved to the right and down; the margin repeats the edge."""
    height, width = values.shape[:2]
    result = np.empty_like(values)
    from_y, from_x = (
        slice(max(0, -down), height - max(0, down)),
        slice(max(0, -across), width - max(0, across)),
    )
    to_y, to_x = slice(max(0, down), height - max(0, -down)), slice(max(0, across), width - max(0, -across))
    result[to_y, to_x] = values[from_y, from_x]
    result[to_y, : to_x.start], result[to_y, to_x.stop :] = (
        result[to_y, to_x.start, None],
        result[to_y, to_x.stop - 1, None],
    )
    result[: to_y.start], result[to_y.stop :] = result[to_y.start], result[to_y.stop - 1]
    return result


def _can_be_named(pixels: int, visible: float, size: int) -> bool:
    """Whether an object can be told by what is seen of it, in a picture of so many pixels."""
    return pixels >= _LEAST_PIXELS * size / (128 * 96) and visible >= _LEAST_VISIBLE


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _rows(values: NDArray[Any], kept: list[int], nothing: int) -> NDArray[Any]:
    result = np.full_like(values, nothing)
    result[: len(kept)] = values[kept]
    return result


def _cells(instances: NDArray[np.int8], cell: int) -> NDArray[np.int8]:
    """(H / cell, W / cell) the object that covers most of each visual token, or -1."""
    height, width = instances.shape
    down, across = height // cell, width // cell
    places = np.repeat(np.arange(down), cell)[:, None] * across + np.repeat(np.arange(across), cell)
    counts = np.bincount(
        (places * (MAX_OBJECTS + 2) + instances + 1).reshape(-1), minlength=down * across * (MAX_OBJECTS + 2)
    )
    covered = counts.reshape(down, across, MAX_OBJECTS + 2)[..., 1:]
    best = covered.argmax(axis=-1)
    enough = covered.max(axis=-1) >= _LEAST_COVER * cell * cell
    return np.where((best < MAX_OBJECTS) & enough, best, -1).astype(np.int8)
