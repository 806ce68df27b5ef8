"""Check masks with the depth inside them: does a mask cover two objects, and how much of an object is hidden?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np
from scipy import ndimage

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reinforcesight.data_gen.perception.nearest import percentiles
from reinforcesight.pictures.boxes import box_of, shared_area

_LAYER_SHARE = 0.15  # of the pixels, in each of two layers
_LAYER_GAP = 0.1  # logarithm of far over near, between the layers ...
_LAYER_CLEARNESS = 0.35  # ... and as a share of the whole range: one long thing has no gap
_LAYER_BETWEEN = 0.03  # largest share of pixels between the layers: a lamp's foot and shade are joined by its post
_LAYER_PIECE = 0.8  # share of a layer in its largest piece: bars and leaves are many pieces of one thing
_LAYER_SOLID = 0.3  # share of a layer that is not its rim: a blurred outline is no layer
_HELD = 0.8  # share of an outline that lies inside another one, from which that holds it ...
_HELD_SIZE = 0.1  # ... and its least size, as a share of the holding one
_JUMP = 0.05  # relative depth step over an edge from which the nearer side hides the other
_REACH = 3  # pixels on both sides of an edge, where depth maps are blurred
# How much one end may hide, as a share of the visible side. Two hidden ends make too little visible, one does not.
# A foot behind a nearer edge mostly stands on that thing.
_HIDDEN_END, _HIDDEN_FOOT = 0.4, 0.25
_EXTREME = 0.15  # part of a box, along one axis, that counts as its end


def inner_pixels(mask: BoolArray) -> BoolArray:
    """Return the pixels of a mask (h, w) whose four neighbours are in it too; none is at the border."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[1:-1, 1:-1]
    core = inner[1:-1, 1:-1]
    for neighbours in (mask[:-2, 1:-1], mask[2:, 1:-1], mask[1:-1, :-2], mask[1:-1, 2:]):
        core &= neighbours
    return inner


def rim_pixels(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """Return rows and columns of a mask's pixels that have a neighbour outside it, in raster order."""
    if not mask.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    left, top, right, bottom = (int(v) for v in box_of(mask))
    crop = mask[top:bottom, left:right]
    rows, columns = np.nonzero(crop & ~inner_pixels(crop))
    return rows + top, columns + left


def otsu(values: FloatArray) -> float:
    """Return Otsu's threshold over 64 bins: the cut with the largest variance between the two classes."""
    counts, edges = np.histogram(values, bins=64)
    middles = (edges[:-1] + edges[1:]) / 2.0
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[int(np.nanargmax(between[:-1])) + 1])


def two_layers(core: BoolArray, whole: BoolArray, depth: Float32Array) -> bool:
    """Return whether the depths in a mask form two connected layers with a gap between them.

    Such a mask probably covers two objects: a single object is connected, so its depths rarely have a gap.

    Args:
        core: Mask without its border, where depth maps mix object and background, (h, w).
        whole: Whole mask, (h, w); its thin parts may connect the layers.
        depth: z, (h, w). The masks leave out pixels without valid depth.
    """
    if not core.any():
        return False
    values = np.log(depth[core].astype(np.float64))
    low, high = percentiles(values, 5, 95)
    if high - low < _LAYER_GAP:
        return False
    near = values <= otsu(values)
    if not _LAYER_SHARE <= np.count_nonzero(near) / near.size <= 1 - _LAYER_SHARE:
        return False
    start, stop = percentiles(values[near], 90)[0], percentiles(values[~near], 10)[0]
    if stop - start < max(_LAYER_GAP, _LAYER_CLEARNESS * (high - low)):
        return False
    margin = 0.1 * (stop - start)
    every = np.log(depth[whole].astype(np.float64))
    if ((every > start + margin) & (every < stop - margin)).mean() > _LAYER_BETWEEN:
        return False
    for layer in (near, ~near):
        pieces = np.zeros(core.shape, dtype=bool)
        pieces[core] = layer
        if ndimage.binary_erosion(pieces).sum() < _LAYER_SOLID * layer.sum():
            return False
        labels, _ = ndimage.label(pieces, structure=np.ones((3, 3)))
        if np.bincount(labels[pieces]).max() < _LAYER_PIECE * layer.sum():
            return False
    return True


def holding_others(masks: Mapping[int, BoolArray], depth: Float32Array) -> set[int]:
    """Find objects whose outline (H, W) holds another's, which is nearer or farther than all the rest; z is (H, W).

    A part, or a thing on a table, lies within the depths of the rest. Of two equal outlines one is wrong: both count.
    """
    sizes = {number: np.count_nonzero(mask) for number, mask in masks.items()}
    boxes = {number: box_of(mask) for number, mask in masks.items() if sizes[number]}
    found = set()
    for one, other in permutations(boxes, 2):
        if sizes[other] < _HELD_SIZE * sizes[one] or not shared_area(boxes[one], boxes[other]):
            continue
        both = masks[one] & masks[other]
        if np.count_nonzero(both) < _HELD * sizes[other]:
            continue
        rest = masks[one] & ~masks[other]
        held, own = depth[both & (depth > 0)], depth[rest & (depth > 0)]
        if not rest.any():
            if sizes[one] == sizes[other]:
                found.add(one)
        elif held.size and own.size:
            low, high = np.percentile(own, (5, 95))
            if not (1 - _JUMP) * low <= np.median(held) <= (1 + _JUMP) * high:
                found.add(one)
    return found


def visible_shares(masks: Mapping[int, BoolArray], depth: Float32Array) -> dict[int, float]:
    """Estimate the visible fraction of partly occluded objects from masks (H, W) and z (H, W).

    An object is occluded where its mask ends at the edge of a nearer object with a step in depth. The hidden part
    reaches at most to the other side of the nearer object; half of that is assumed, up to a limit. Objects that are
    not occluded are not in the result.
    """
    owner = np.full(depth.shape, -1, dtype=np.int64)
    for number, mask in masks.items():
        owner[mask] = number
    boxes = {number: np.array(box_of(mask)) for number, mask in masks.items() if mask.any()}
    shares = {}
    for number, box in boxes.items():
        sides, hidden = box[2:] - box[:2], [0.0, 0.0]
        for axis in (0, 1):
            for end in (0, 1):
                other = _hidden_behind(number, box, owner, depth, axis, end)
                if other is not None:
                    beyond = float(boxes[other][axis + 2 * end] - box[axis + 2 * end]) * (1 if end else -1)
                    most = _HIDDEN_FOOT if (axis, end) == (1, 1) else _HIDDEN_END
                    hidden[axis] += min(max(0.0, beyond / 2.0), most * float(sides[axis]))
        if any(hidden):
            shares[number] = float((sides / (sides + hidden)).prod())
    return shares


def _hidden_behind(
    number: int, box: FloatArray, owner: IntArray, depth: Float32Array, axis: int, end: int
) -> int | None:
    """Return the object that occludes one end of another; ``axis``: 0 columns, 1 rows; ``end``: 0 low, 1 high."""
    x0, y0, x1, y1 = (int(v) for v in box)
    mask = owner[y0:y1, x0:x1] == number
    lines = mask.T if axis == 1 else mask  # one row for each line across the end
    lines = lines[:, ::-1] if end else lines
    used = np.flatnonzero(lines.any(axis=1))
    if not used.size:
        return None
    first = lines[used].argmax(axis=1)
    at_end = first <= _EXTREME * lines.shape[1]
    used, first = used[at_end], first[at_end]
    step = -1 if end else 1
    edge = (x1, y1)[axis] - 1 - first if end else (x0, y0)[axis] + first
    across = used + (y0 if axis == 0 else x0)
    if axis == 0:
        owner, depth = owner.T, depth.T
    limit = owner.shape[0]

    def closeness(shift: int) -> FloatArray:
        z = depth[np.clip(edge + shift * step, 0, limit - 1), across]
        return np.where(z > 0, 1.0 / np.where(z > 0, z, 1.0), np.nan)

    outside = edge - _REACH * step
    there = owner[np.clip(outside, 0, limit - 1), across]
    other = (outside >= 0) & (outside < limit) & (there >= 0) & (there != number)
    # On a plane 1/z is linear: a table that something stands on rises to its foot without a step.
    at_edge = 2.0 * closeness(-_REACH) - closeness(-2 * _REACH)
    hides = other & np.isfinite(at_edge) & ((1.0 - _JUMP) * at_edge > closeness(_REACH))
    if not hides.any() or hides.mean() < 0.5:
        return None
    return int(np.bincount(there[hides]).argmax())
