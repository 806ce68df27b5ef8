"""Rooms and streets: which things each has, and its floor, walls, road and houses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from reinforcesight.arrays import FloatArray
from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.palette import Rgb
from reinforcesight.data_gen.rendering.surroundings import Rect, Surface, Surroundings, daylight

STREET = "street"
_EXTENT = 400.0  # metres of ground on each side of the camera
_REACH = 24.0  # maximum depth of things on a street, metres


@dataclass(frozen=True)
class Place:
    """Room or street and its objects.

    Attributes:
        first: Defining objects of the place, with the probability of each.
        more: Weights of all objects that occur.
    """

    first: Mapping[str, float]
    more: Mapping[str, float]


REAL_PLACES: dict[str, Place] = {
    "kitchen": Place(
        {"cabinet": 0.95, "table": 0.7, "refrigerator": 0.6, "oven": 0.6, "sink": 0.5, "window": 0.4},
        {
            "cabinet": 2, "refrigerator": 1, "oven": 1, "sink": 1, "table": 1.5, "chair": 4, "stool": 1,
            "microwave": 1.5, "cup": 3.5, "plate": 3, "plates": 1, "bowl": 2, "bottle": 3.5, "teapot": 1.2,
            "apples": 1.2, "oranges": 1.2, "vase": 0.8, "potted plant": 0.8, "small plant": 1, "clock": 1,
            "painting": 0.6, "window": 1, "curtain": 0.8, "door": 1, "shelf": 0.5, "bin": 1.2, "basket": 0.5,
            "person": 1,
        },
    ),
    "office": Place(
        {"desk": 0.95, "monitor": 0.75, "chair": 0.7, "keyboard": 0.5, "window": 0.35},
        {
            "desk": 1.5, "monitor": 2, "keyboard": 1.2, "laptop": 1.2, "chair": 3, "bookcase": 1.5, "cabinet": 1,
            "table": 0.6, "table lamp": 1, "books": 2, "cup": 2, "bottle": 1.5, "bin": 1.2, "shelf": 0.6,
            "potted plant": 1, "small plant": 0.8, "clock": 1, "painting": 1, "door": 1, "window": 1, "curtain": 0.6,
            "backpack": 1, "person": 1.2,
        },
    ),
    "bedroom": Place(
        {"bed": 0.95, "pillow": 0.8, "nightstand": 0.6, "window": 0.4, "wardrobe": 0.35},
        {
            "bed": 0.6, "pillow": 2.5, "nightstand": 1.2, "wardrobe": 0.8, "dresser": 1.2, "table lamp": 1.3,
            "lamp": 0.8, "curtain": 1.2, "painting": 1.2, "window": 1, "door": 1, "books": 1, "chair": 1.2, "shoes": 1,
            "teddy bear": 1, "suitcase": 0.8, "backpack": 0.8, "potted plant": 0.7, "small plant": 0.5, "clock": 0.6,
            "cup": 0.7, "vase": 0.6, "bottle": 0.5, "desk": 0.6, "television": 0.6, "bookcase": 0.5, "person": 0.8,
        },
    ),
    "living room": Place(
        {"sofa": 0.95, "coffee table": 0.6, "dresser": 0.45, "television": 0.45, "window": 0.35},
        {
            "sofa": 0.6, "cushion": 2, "coffee table": 1, "table": 0.8, "chair": 2, "dresser": 1, "television": 1,
            "bookcase": 1.2, "shelf": 0.7, "lamp": 1.2, "table lamp": 0.7, "painting": 1.4, "clock": 0.8, "window": 1,
            "curtain": 1, "door": 0.9, "books": 1.8, "cup": 1.5, "vase": 1.2, "bowl": 1, "apples": 0.8, "bottle": 1.2,
            "potted plant": 1.2, "small plant": 0.7, "laptop": 0.5, "teddy bear": 0.4, "shoes": 0.5, "backpack": 0.5,
            "person": 1.2,
        },
    ),
    "shop": Place(
        {"goods shelf": 0.9, "counter": 0.85, "monitor": 0.4, "basket": 0.4},
        {
            "goods shelf": 2, "counter": 0.8, "refrigerator": 0.8, "table": 1, "shelf": 0.8, "monitor": 0.8,
            "laptop": 0.4, "basket": 1.5, "bottle": 2, "apples": 1.2, "oranges": 1.2, "bowl": 0.8, "vase": 1,
            "teapot": 0.8, "plates": 0.8, "small plant": 0.8, "potted plant": 0.8, "teddy bear": 0.8, "shoes": 0.7,
            "suitcase": 0.5, "backpack": 0.8, "stool": 0.8, "bin": 0.8, "door": 0.9, "window": 0.9, "clock": 0.8,
            "painting": 0.4, "person": 2.5,
        },
    ),
    STREET: Place(
        {"car": 0.9, "pedestrian": 0.5, "tree": 0.4},
        {
            "car": 3.5, "bus": 0.7, "truck": 0.8, "bicycle": 1.3, "pedestrian": 3, "bench": 1, "tree": 1.2, "sign": 1.2,
            "traffic light": 1, "fire hydrant": 0.8, "traffic cone": 1, "street bin": 1, "planter": 1, "mailbox": 0.6,
        },
    ),
}  # fmt: skip

ROOMS = tuple(name for name in REAL_PLACES if name != STREET)

_HOUSES: tuple[tuple[Rgb, Rgb], ...] = (
    ((0.72, 0.48, 0.38), (0.30, 0.36, 0.42)),
    ((0.84, 0.80, 0.70), (0.34, 0.40, 0.46)),
    ((0.66, 0.64, 0.62), (0.28, 0.34, 0.40)),
    ((0.78, 0.66, 0.52), (0.32, 0.36, 0.40)),
    ((0.58, 0.40, 0.34), (0.36, 0.42, 0.46)),
    ((0.86, 0.84, 0.80), (0.38, 0.46, 0.52)),
)
_PAVINGS: tuple[tuple[Rgb, Rgb], ...] = (
    ((0.66, 0.65, 0.63), (0.57, 0.56, 0.55)),
    ((0.70, 0.66, 0.60), (0.60, 0.57, 0.52)),
)


@dataclass(frozen=True)
class Road:
    """Straight road through the world: axes in the plane of the ground, and distances across it in metres.

    Attributes:
        across: (2,) unit vector from one side to the other.
        along: (2,) unit vector of the road's direction.
        middle: Position of the road's middle, across.
        half: Half the width of the carriageway.
        pavement: Width of each pavement.
        crossing: Position along the road of the middle of a road that crosses it, as wide as this one.
    """

    across: FloatArray
    along: FloatArray
    middle: float
    half: float
    pavement: float
    crossing: float | None

    @property
    def turn(self) -> float:
        """Return the angle of ``along`` from the world's x axis, radians."""
        return math.atan2(float(self.along[1]), float(self.along[0]))


def make_street(rng: Generator, camera: PinholeCamera) -> tuple[Surroundings, Road]:
    """Make a road with pavements and rows of houses; the camera looks along it or across it."""
    half, pavement = rng.uniform(3.0, 4.2), rng.uniform(2.2, 4.2)
    edge, crossing = half + pavement, None
    if rng.random() < 0.6:
        turn, middle = math.radians(rng.uniform(-28, 28)), rng.uniform(-edge + 1.6, edge - 1.6)
        crossing = rng.uniform(7.0, 14.0)
    else:
        # From the pavement or the kerb, across the road.
        turn = math.radians(rng.uniform(50, 80)) * (1 if rng.random() < 0.5 else -1)
        middle = math.copysign(rng.uniform(half - 0.5, edge - 0.4), turn)
    c, s = math.cos(turn), math.sin(turn)
    across, along, up = np.array([c, s, 0.0]), np.array([-s, c, 0.0]), np.array([0.0, 0.0, 1.0])
    road = Road(across[:2], along[:2], middle, half, pavement, crossing)
    first, second = _PAVINGS[int(rng.integers(len(_PAVINGS)))]
    asphalt: Rgb = (0.34, 0.34, 0.36)
    stone: Rgb = (0.78, 0.77, 0.75)
    left, right = _EXTENT + middle - half, _EXTENT + middle + half
    panels: list[tuple[Rect, str, Rgb]] = [((left, _EXTENT - 80, right, _EXTENT + 120), "road", asphalt)]
    for side in (left - 0.15, right):
        panels.append(((side, _EXTENT - 80, side + 0.15, _EXTENT + 120), "kerb", stone))
    if crossing is not None:
        near, far = _EXTENT + crossing - half, _EXTENT + crossing + half
        panels.append(((_EXTENT - 80, near, _EXTENT + 80, far), "road", asphalt))
    phase = rng.uniform(0, 4)
    for dash in range(-4, 12):
        start = _EXTENT + phase + 4.0 * dash
        if crossing is not None and abs(phase + 4.0 * dash + 1.0 - crossing) < half + 2.0:
            continue
        centre = _EXTENT + middle
        panels.append(((centre - 0.06, start, centre + 0.06, start + 2.0), "line", (0.90, 0.90, 0.88)))
    ground = Surface(
        -_EXTENT * (across + along), across, along, 2 * _EXTENT, 2 * _EXTENT, "paving", first, second, tuple(panels)
    )
    surfaces = [ground]
    for side in (-1, 1):
        reach, open_end = -15.0, False
        while reach < 70.0:
            width, height = rng.uniform(8.0, 16.0), rng.uniform(6.5, 14.0)
            wall, pane = _HOUSES[int(rng.integers(len(_HOUSES)))]
            gap = rng.uniform(2.0, 5.0) if rng.random() < 0.25 else 0.0
            if crossing is not None and reach < crossing + edge and reach + width > crossing - edge:
                width = crossing - edge - reach
                if width < 2.0:
                    reach, open_end = crossing + edge, True
                    continue
                gap = 2 * edge
            origin = (middle + side * edge) * across + reach * along
            surfaces.append(Surface(origin, along, up, width, height, "houses", wall, pane))
            for corner in [origin] * open_end + [origin + width * along] * (gap > 0):
                surfaces.append(Surface(corner, side * across, up, 9.0, height, "houses", wall, pane))
            reach, open_end = reach + width + gap, gap > 0
    sun, sky = daylight(rng)
    place = Surroundings(STREET, surfaces, turn, None, 30.0, _REACH, None, sun, sky)
    return place, road
