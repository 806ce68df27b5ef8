"""Procedural textures of floors, grounds and walls: reflectance as a function of the position on the surface."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from reinforcesight.arrays import BoolArray, Float32Array, IntArray
from reinforcesight.data_gen.rendering.palette import to_linear
from reinforcesight.data_gen.rendering.surroundings import Surface


def reflectance(surface: Surface, u: Float32Array, v: Float32Array, pixel: Float32Array) -> Float32Array:
    """Return the linear reflectance (N, 3) of points at u and v metres along and up a surface, (N,).

    ``pixel``: metres that one pixel covers at the point, (N,); smaller details fade to their mean.
    """
    first = to_linear(np.array(surface.first)).astype(np.float32)
    second = to_linear(np.array(surface.second)).astype(np.float32)
    if surface.pattern == "plain":
        colour = np.broadcast_to(first, (u.size, 3)).copy()
    else:
        share = _PATTERNS[surface.pattern](u, v, pixel)
        colour = blend(first, second, share)
    for (u0, v0, u1, v1), kind, tone in surface.panels:
        inside = np.flatnonzero((u >= u0) & (u < u1) & (v >= v0) & (v < v1))
        if inside.size:
            base = to_linear(np.array(tone)).astype(np.float32)
            s, t = (u[inside] - u0) / (u1 - u0), (v[inside] - v0) / (v1 - v0)
            colour[inside] = base * _panel(kind, s, t, u1 - u0, v1 - v0)[:, None]
    return colour


def blend(first: Float32Array, second: Float32Array, share: Float32Array) -> Float32Array:
    """Mix two colours (3,): return (N, 3) colours, with the fraction ``share`` (N,) of the second one."""
    blended = np.empty((len(share), 3), dtype=np.float32)
    for axis in range(3):  # numpy is slow with an inner loop of three
        np.multiply(share, second[axis] - first[axis], out=blended[:, axis])
        blended[:, axis] += first[axis]
    return blended


def _panel(kind: str, s: Float32Array, t: Float32Array, wide: float, tall: float) -> Float32Array:
    """Return the brightness of a door, window or rug at positions (s, t) in its unit square."""
    edge = np.minimum(np.minimum(s, 1 - s) * wide, np.minimum(t, 1 - t) * tall)
    light = np.ones_like(s)
    if kind == "window":
        frame = (edge < 0.06) | (np.abs(s - 0.5) * wide < 0.025) | (np.abs(t - 0.5) * tall < 0.025)
        light = np.where(frame, 1.25, 0.85 + 0.2 * t)
    elif kind == "door":
        groove = (np.abs(edge - 0.14) < 0.015) | ((np.abs(t - 0.5) * tall < 0.015) & (edge > 0.14))
        knob = (np.abs(s - 0.9) * wide < 0.03) & (np.abs(t - 0.48) * tall < 0.03)
        light = np.where(edge < 0.05, 0.75, np.where(groove | knob, 0.6, 1.0))
    elif kind == "rug":
        light = np.where((edge > 0.08) & (edge < 0.16), 0.55, 0.78)
    return light.astype(np.float32)


def _noise(i: IntArray, j: IntArray) -> Float32Array:
    """Return a fixed pseudo-random value in [0, 1) for each cell of a grid (integer mixing with large odd factors)."""
    x = (i * 374761393 + j * 668265263) & 0xFFFFFFFF
    x = ((x ^ (x >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((x ^ (x >> 16)) & 0xFFFF).astype(np.float32) / np.float32(65536)


def _cell(x: Float32Array, size: float) -> IntArray:
    return np.asarray(np.floor(x / size), dtype=np.int64)


def _fade(pixel: Float32Array, size: float) -> Float32Array:
    """Return 1 if a detail of this size spans several pixels, falling to 0 if one pixel covers it."""
    return np.asarray(np.clip(1.5 - pixel * np.float32(2.0 / size), 0, 1), dtype=np.float32)


def _joint(x: Float32Array, size: float, width: float) -> BoolArray:
    joint: BoolArray = np.mod(x, size) < width
    return joint


def _planks(u: Float32Array, v: Float32Array, pixel: Float32Array) -> Float32Array:
    row = _cell(v, 0.16)
    shift = u + _noise(row, row + 7) * 1.3
    tone = 0.8 * _noise(row, _cell(shift, 1.3))
    line = _joint(v, 0.16, 0.008) | _joint(shift, 1.3, 0.008)
    return np.asarray(0.4 + (tone - 0.4) * _fade(pixel, 0.16) + line * 1.2 * _fade(pixel, 0.02), dtype=np.float32)


def _tiles(u: Float32Array, v: Float32Array, pixel: Float32Array) -> Float32Array:
    size = 0.45
    check = ((_cell(u, size) + _cell(v, size)) % 2).astype(np.float32)
    line = _joint(u, size, 0.012) | _joint(v, size, 0.012)
    return np.asarray(0.5 + (check - 0.5) * _fade(pixel, size) + line * 0.7 * _fade(pixel, 0.03), dtype=np.float32)


def _paving(u: Float32Array, v: Float32Array, pixel: Float32Array) -> Float32Array:
    size = 0.6
    row = _cell(v, size)
    shift = u + (row % 2) * 0.3
    tone = _noise(row, _cell(shift, size))
    line = _joint(shift, size, 0.025) | _joint(v, size, 0.025)
    return np.asarray(0.5 + (tone - 0.5) * _fade(pixel, size) + line * 1.1 * _fade(pixel, 0.06), dtype=np.float32)


def _brick(u: Float32Array, v: Float32Array, pixel: Float32Array) -> Float32Array:
    row = _cell(v, 0.11)
    shift = u + (row % 2) * 0.14
    tone = 0.25 * _noise(row, _cell(shift, 0.28))
    line = _joint(shift, 0.28, 0.018) | _joint(v, 0.11, 0.018)
    fade = _fade(pixel, 0.05)
    return np.where(line, 0.3 + 0.7 * fade, tone * fade + 0.3 * (1 - fade)).astype(np.float32)


def _houses(u: Float32Array, v: Float32Array, pixel: Float32Array) -> Float32Array:
    """Return 1 in rows of windows, 0 on the wall around them."""
    row = np.mod(v, 3.0)
    inside = (np.abs(np.mod(u, 2.4) - 1.2) < 0.5) & (row > 0.95) & (row < 2.4)
    return np.asarray(0.2 + (inside - np.float32(0.2)) * _fade(pixel, 0.5), dtype=np.float32)


def _grain(u: Float32Array, v: Float32Array, pixel: Float32Array, fine: float, coarse: float) -> Float32Array:
    small = _noise(_cell(u, fine), _cell(v, fine)) - np.float32(0.5)
    large = _noise(_cell(u, coarse), _cell(v, coarse)) - np.float32(0.5)
    return np.asarray(0.5 + 0.9 * small * _fade(pixel, fine) + 0.5 * large * _fade(pixel, coarse), dtype=np.float32)


_PATTERNS: dict[str, Callable[[Float32Array, Float32Array, Float32Array], Float32Array]] = {
    "planks": _planks,
    "tiles": _tiles,
    "paving": _paving,
    "brick": _brick,
    "houses": _houses,
    "grass": partial(_grain, fine=0.025, coarse=0.11),
    "sand": partial(_grain, fine=0.02, coarse=0.3),
    "carpet": partial(_grain, fine=0.012, coarse=0.05),
}
