"""Layout of a scene to render, as the two worlds draw it."""

from __future__ import annotations

from dataclasses import dataclass

from reinforcesight.arrays import FloatArray
from reinforcesight.data_gen.rendering.boxes import UprightBox
from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.objects.primitives import Shape
from reinforcesight.data_gen.rendering.surroundings import Surroundings
from reinforcesight.pictures.drawing import Box


@dataclass(frozen=True)
class Placed:
    """Named object in the world: its shape, scaled by ``scale``, fills ``box``."""

    kind: str
    colour: str
    shape: Shape
    scale: float
    box: UprightBox


@dataclass(frozen=True)
class SceneLayout:
    """Scene to render."""

    setting: str
    camera: PinholeCamera
    surroundings: Surroundings
    objects: tuple[Placed, ...]


def extent(pixels: FloatArray) -> Box:
    """Return the box around points (N, 2)."""
    (x0, y0), (x1, y1) = pixels.min(axis=0), pixels.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
