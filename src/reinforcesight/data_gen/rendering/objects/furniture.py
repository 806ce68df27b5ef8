"""Household objects, made from primitives: nominal sizes in metres, front towards -y."""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects.primitives import ShapeBuilder, extruded
from reinforcesight.data_gen.rendering.palette import METAL, PALE, RUBBER, WOOD


def chair(b: ShapeBuilder, rng: Generator) -> None:
    width, seat = rng.uniform(0.42, 0.50), rng.uniform(0.42, 0.48)
    half = width / 2 - 0.025
    for x in (-half, half):
        b.box((0.05, 0.05, seat), (x, -half, seat / 2), b.paints.dark)
        b.box((0.05, 0.05, 0.92), (x, half, 0.46), b.paints.dark)
    b.box((width, width, 0.06), (0, 0, seat))
    if rng.random() < 0.5:
        b.box((width - 0.1, 0.035, 0.34), (0, half, 0.75))
    else:
        for height in (0.60, 0.73, 0.86):
            b.box((width - 0.1, 0.03, 0.08), (0, half, height))


def table(b: ShapeBuilder, rng: Generator) -> None:
    width, depth, height = rng.uniform(1.1, 1.5), rng.uniform(0.7, 0.9), rng.uniform(0.68, 0.78)
    b.box((width, depth, 0.06), (0, 0, height - 0.03))
    b.box((width - 0.16, depth - 0.16, 0.08), (0, 0, height - 0.10), b.paints.dark)
    for x in (-1, 1):
        for y in (-1, 1):
            at = (x * (width / 2 - 0.08), y * (depth / 2 - 0.08), (height - 0.06) / 2)
            b.box((0.08, 0.08, height - 0.06), at, b.paints.dark)


def sofa(b: ShapeBuilder, rng: Generator) -> None:
    width = rng.uniform(1.6, 2.0)
    b.box((width, 0.80, 0.22), (0, 0, 0.23), b.paints.dark)
    b.box((width, 0.22, 0.82), (0, 0.32, 0.43), b.paints.dark)
    for side in (-1, 1):
        b.box((0.20, 0.84, 0.52), (side * (width / 2 - 0.10), -0.02, 0.34))
        b.cylinder(0.115, 0.84, (side * (width / 2 - 0.10), -0.02, 0.60), turn=(90, 0, 0))
        b.box((width / 2 - 0.23, 0.60, 0.14), (side * (width / 4 - 0.10), -0.10, 0.41))
        b.box((width / 2 - 0.23, 0.14, 0.40), (side * (width / 4 - 0.10), 0.17, 0.66), turn=(-10, 0, 0))
        for y in (-0.34, 0.34):
            b.box((0.06, 0.06, 0.13), (side * (width / 2 - 0.08), y, 0.065), WOOD)


def bed(b: ShapeBuilder, rng: Generator) -> None:
    width, length = rng.uniform(1.0, 1.4), rng.uniform(1.8, 2.0)
    b.box((width, length, 0.18), (0, 0, 0.25), b.paints.dark)
    b.box((width - 0.06, length - 0.06, 0.16), (0, 0, 0.42), PALE)
    b.box((width + 0.02, length * 0.70, 0.20), (0, -length * 0.15, 0.42))
    b.box((width + 0.04, 0.08, 0.95), (0, length / 2, 0.475), b.paints.dark)
    b.box((width + 0.04, 0.06, 0.46), (0, -length / 2, 0.23), b.paints.dark)
    b.sphere((width * 0.34, 0.20, 0.09), (0, length / 2 - 0.30, 0.55), (0.98, 0.98, 0.98))


def bookshelf(b: ShapeBuilder, rng: Generator) -> None:
    width, boards = rng.uniform(0.8, 1.1), int(rng.integers(4, 6))
    depth, height = 0.32, 0.40 * boards
    for side in (-1, 1):
        b.box((0.05, depth, height), (side * (width / 2 - 0.025), 0, height / 2))
    b.box((width - 0.04, 0.03, height - 0.02), (0, depth / 2 - 0.02, height / 2), b.paints.dark)
    for board in range(boards + 1):
        b.box((width, depth + 0.01, 0.045), (0, -0.005, 0.0225 + board * (height - 0.045) / boards))
    for board in range(boards):
        x = -width / 2 + 0.09
        foot = 0.045 + board * (height - 0.045) / boards
        while x < width / 2 - 0.25 and rng.random() < 0.8:
            thick, tall = rng.uniform(0.05, 0.09), rng.uniform(0.18, 0.28)
            paint = (PALE, WOOD, RUBBER, METAL)[int(rng.integers(4))]
            b.box((thick - 0.008, 0.20, tall), (x + thick / 2, 0.0, foot + tall / 2), paint)
            x += thick


def lamp(b: ShapeBuilder, rng: Generator) -> None:
    height, radius = rng.uniform(1.2, 1.5), rng.uniform(0.26, 0.34)
    b.cylinder(0.17, 0.04, (0, 0, 0.02), METAL)
    b.cylinder(0.022, height - 0.2, (0, 0, height / 2 - 0.1), METAL, sections=8)
    b.cylinder(radius, 0.44, (0, 0, height - 0.24), top=0.52, sections=24)
    b.cylinder(radius * 1.01, 0.03, (0, 0, height - 0.455), b.paints.dark, sections=24)
    b.sphere(0.03, (0, 0, height), METAL, sections=8)


def bench(b: ShapeBuilder, rng: Generator) -> None:
    width = rng.uniform(1.3, 1.7)
    for slat in range(3):
        b.box((width, 0.115, 0.04), (0, -0.20 + 0.145 * slat, 0.44))
        b.box((width, 0.035, 0.105), (0, 0.215 + 0.02 * slat, 0.56 + 0.14 * slat))
    for side in (-1, 1):
        x = side * (width / 2 - 0.15)
        b.box((0.05, 0.05, 0.42), (x, -0.20, 0.21), RUBBER)
        b.box((0.05, 0.05, 0.90), (x, 0.27, 0.45), RUBBER)
        b.box((0.05, 0.48, 0.04), (x, 0.03, 0.405), RUBBER)
        b.box((0.05, 0.46, 0.04), (x, 0.03, 0.62), RUBBER)
        b.box((0.05, 0.05, 0.20), (x, -0.20, 0.53), RUBBER)


def painting(b: ShapeBuilder, rng: Generator) -> None:
    width, height = rng.uniform(0.7, 0.95), rng.uniform(0.52, 0.66)
    frame = b.paints.contrast
    for side in (-1, 1):
        b.box((0.05, 0.05, height), (side * (width / 2 - 0.025), 0, height / 2), frame)
        b.box((width, 0.05, 0.05), (0, 0, height / 2 + side * (height / 2 - 0.025)), frame)
    b.box((width - 0.06, 0.02, height - 0.06), (0, 0.012, height / 2))
    hill = extruded(((-0.5, 0), (0.5, 0), (0.0, 1)))
    b.hull(hill, (-width * 0.16, -0.012, 0.05), b.paints.dark, (width * 0.52, 0.012, height * 0.52))
    b.hull(hill, (width * 0.20, -0.014, 0.05), frame, (width * 0.40, 0.012, height * 0.34))
    b.cylinder(0.065, 0.014, (width * 0.24, -0.006, height * 0.72), frame, turn=(90, 0, 0))


def clock(b: ShapeBuilder, rng: Generator) -> None:
    radius = rng.uniform(0.20, 0.25)
    mark = b.paints.contrast
    b.cylinder(radius, 0.06, (0, 0.01, radius), turn=(90, 0, 0), sections=28)
    b.torus(radius, radius * 0.12, (0, -0.01, radius), mark, turn=(90, 0, 0))
    for hour in range(12):
        size = (0.012 + 0.012 * (hour % 3 == 0), 0.01, radius * 0.16)
        b.box(size, _dial(radius, 0.74, hour / 12), mark, turn=(0, 30.0 * hour, 0))
    time, minute = rng.uniform(0, 1), rng.uniform(0, 1)
    b.box((0.026, 0.012, radius * 0.46), _dial(radius, 0.22, time), mark, turn=(0, 360 * time, 0))
    b.box((0.018, 0.012, radius * 0.66), _dial(radius, 0.32, minute), mark, turn=(0, 360 * minute, 0))
    b.sphere(0.022, (0, -0.022, radius), mark, sections=8)


def _dial(radius: float, share: float, turn: float) -> tuple[float, float, float]:
    """Return a point on a clock's dial, at ``turn`` of a full circle clockwise from the top."""
    return (radius * share * sin(2 * pi * turn), -0.025, radius + radius * share * cos(2 * pi * turn))


def ladder(b: ShapeBuilder, rng: Generator) -> None:
    height, width = rng.uniform(1.4, 1.8), rng.uniform(0.46, 0.54)
    rungs = 5
    spread = 0.20 * height
    for side in (-1, 1):
        x = side * width / 2
        b.rod((x, -spread, 0.0), (x * 0.8, 0, height), 0.036)
        b.rod((x, spread, 0.0), (x * 0.8, 0.02, height), 0.030, b.paints.dark)
    for rung in range(1, rungs + 1):
        share = rung / (rungs + 1)
        b.box((width * (1 - 0.2 * share), 0.11, 0.045), (0, -spread * (1 - share), height * share))
    y, z = spread * 0.7, height * 0.3
    b.rod((-width * 0.45, y, z), (width * 0.45, y, z), 0.02, b.paints.dark)
    b.box((width * 0.92, 0.18, 0.05), (0, 0, height))
