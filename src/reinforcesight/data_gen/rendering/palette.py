"""Colour names of rendered objects, and their paints.

Colours are sRGB (display values in [0, 1]); shading works on linear light. The albedos are chosen so that, with the
ambient light of ``shading``, a colour in full shadow is still nearest to its own name: brown is darker than orange in
shadow, grey is darker than white in shadow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reinforcesight.arrays import Float32Array, FloatArray, Uint8Array

Rgb = tuple[float, float, float]

_ALBEDOS: dict[str, Rgb] = {
    "red": (0.84, 0.07, 0.08),
    "orange": (1.00, 0.50, 0.04),
    "yellow": (0.98, 0.88, 0.10),
    "green": (0.10, 0.58, 0.16),
    "turquoise": (0.10, 0.80, 0.76),
    "blue": (0.10, 0.24, 0.86),
    "purple": (0.46, 0.12, 0.64),
    "pink": (1.00, 0.54, 0.74),
    "brown": (0.40, 0.22, 0.09),
    "black": (0.07, 0.07, 0.08),
    "white": (0.97, 0.97, 0.97),
    "grey": (0.45, 0.46, 0.47),
}

COLOURS: tuple[str, ...] = tuple(_ALBEDOS)
"""The names of all colours."""

# Neutral paints for parts that do not have the object's named colour.
WOOD: Rgb = (0.50, 0.34, 0.20)
METAL: Rgb = (0.62, 0.63, 0.65)
RUBBER: Rgb = (0.13, 0.13, 0.14)
PALE: Rgb = (0.93, 0.92, 0.88)
LEAF: Rgb = (0.22, 0.46, 0.16)
GLASS: Rgb = (0.36, 0.44, 0.50)


@dataclass(frozen=True)
class Paints:
    """Three shades of an object's named colour, which all look like that colour."""

    main: Rgb
    dark: Rgb
    light: Rgb

    @property
    def contrast(self) -> Rgb:
        """Return a neutral paint that contrasts with the named colour: pale on dark colours, dark on light ones."""
        return RUBBER if 0.3 * self.main[0] + 0.6 * self.main[1] + 0.1 * self.main[2] > 0.55 else PALE


def albedo_of(colour: str) -> Rgb:
    return _ALBEDOS[colour]


def paints_for(colour: str, jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Paints:
    """Return the paints of a named colour; ``jitter``: small sRGB offsets, so that two red objects differ slightly."""
    red, green, blue = albedo_of(colour)
    main = (_clip(red + jitter[0]), _clip(green + jitter[1]), _clip(blue + jitter[2]))
    if colour == "black":
        return Paints(main, _scale(main, 0.5), _mix(main, 0.10))
    if colour == "white":
        return Paints(main, _scale(main, 0.90), main)
    return Paints(main, _scale(main, 0.80), _mix(main, 0.14))


def to_linear(srgb: FloatArray) -> FloatArray:
    """Convert sRGB display values to linear light (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_display(linear: Float32Array) -> Uint8Array:
    """Convert linear light to 8-bit sRGB with a table (IEC 61966-2-1); values above 1 are clipped."""
    steps = _ENCODED.size - 1
    index = (linear * np.float32(steps) + np.float32(0.5)).astype(np.int32)
    np.clip(index, 0, steps, out=index)
    return _ENCODED[index]


def _encode_table(steps: int) -> Uint8Array:
    linear = np.linspace(0.0, 1.0, steps + 1)
    display = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * display).astype(np.uint8)


_ENCODED = _encode_table(8192)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def _scale(colour: Rgb, factor: float) -> Rgb:
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)


def _mix(colour: Rgb, share: float) -> Rgb:
    red, green, blue = colour
    return (red + (1 - red) * share, green + (1 - green) * share, blue + (1 - blue) * share)
