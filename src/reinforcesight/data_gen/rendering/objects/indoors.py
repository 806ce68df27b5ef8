"""Fixtures and furniture of rooms, made from primitives: sizes in metres as in ``real_kinds``, front towards -y."""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects.primitives import ShapeBuilder
from reinforcesight.data_gen.rendering.palette import METAL, PALE, RUBBER, WOOD, Rgb

_PANE: Rgb = (0.70, 0.82, 0.92)
_SCREEN: Rgb = (0.10, 0.12, 0.16)


def door(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.86, 0.05, 1.99), (0, 0.0, 0.995))
    for side in (-1, 1):
        b.box((0.07, 0.08, 2.06), (side * 0.465, 0, 1.03), b.paints.dark)
    b.box((1.0, 0.08, 0.07), (0, 0, 2.025), b.paints.dark)
    if rng.random() < 0.6:
        for low, high in ((0.15, 0.85), (1.05, 1.85)):
            for side in (-1, 1):
                b.box((0.28, 0.02, high - low), (side * 0.20, -0.025, (low + high) / 2), b.paints.light)
    else:
        b.box((0.40, 0.02, 0.75), (0, -0.025, 1.5), _PANE)
    side = -1 if rng.random() < 0.5 else 1
    b.rod((side * 0.36, -0.03, 1.03), (side * 0.36, -0.08, 1.03), 0.015, METAL)
    b.rod((side * 0.37, -0.08, 1.03), (side * 0.24, -0.08, 1.03), 0.013, METAL)


def window(b: ShapeBuilder, rng: Generator) -> None:
    b.box((1.14, 0.03, 1.14), (0, 0.01, 0.62), _PANE)
    for side in (-1, 1):
        b.box((0.07, 0.08, 1.20), (side * 0.565, 0, 0.62))
        b.box((1.20, 0.08, 0.07), (0, 0, 0.62 + side * 0.565))
    b.box((0.05, 0.06, 1.1), (0, 0, 0.62))
    if rng.random() < 0.5:
        b.box((1.1, 0.06, 0.04), (0, 0, 0.80))
    b.box((1.28, 0.12, 0.03), (0, -0.02, 0.015))


def curtain(b: ShapeBuilder, rng: Generator) -> None:
    folds = 7
    for fold in range(folds):
        x, radius = (fold - (folds - 1) / 2) * 0.095, rng.uniform(0.050, 0.060)
        paint = b.paints.dark if fold % 3 == 1 else None
        b.cylinder(radius, 2.15, (x, rng.uniform(-0.01, 0.01), 1.075), paint, sections=10)
    b.rod((-0.38, 0, 2.19), (0.38, 0, 2.19), 0.018, METAL)


def cabinet(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.80, 0.56, 0.78), (0, 0.0, 0.47))
    b.box((0.76, 0.50, 0.08), (0, 0.02, 0.04), RUBBER)
    b.box((0.82, 0.60, 0.04), (0, -0.005, 0.88), WOOD if b.paints.contrast == RUBBER else PALE)
    _fronts(b, 0.80, 0.10, 0.84, -0.29, columns=2, rows=1 if rng.random() < 0.5 else 3)


def dresser(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.90, 0.44, 0.76), (0, 0.01, 0.46))
    for side in (-1, 1):
        for y in (-0.17, 0.19):
            b.box((0.05, 0.05, 0.08), (side * 0.41, y, 0.04), b.paints.dark)
    b.box((0.94, 0.48, 0.03), (0, 0, 0.855), b.paints.dark)
    _fronts(b, 0.90, 0.10, 0.83, -0.22, columns=1 if rng.random() < 0.5 else 2, rows=3)


def nightstand(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.44, 0.38, 0.40), (0, 0, 0.31))
    for side in (-1, 1):
        for y in (-0.16, 0.16):
            b.box((0.04, 0.04, 0.12), (side * 0.19, y, 0.06), b.paints.dark)
    b.box((0.46, 0.40, 0.03), (0, 0, 0.525), b.paints.dark)
    _fronts(b, 0.44, 0.13, 0.50, -0.20, columns=1, rows=1 if rng.random() < 0.4 else 2)


def wardrobe(b: ShapeBuilder, rng: Generator) -> None:
    b.box((1.20, 0.56, 1.90), (0, 0.01, 1.03))
    b.box((1.16, 0.50, 0.08), (0, 0.02, 0.04), b.paints.dark)
    b.box((1.24, 0.60, 0.03), (0, 0, 1.985), b.paints.dark)
    _fronts(b, 1.20, 0.10, 1.96, -0.28, columns=2 if rng.random() < 0.6 else 3, rows=1)


def _fronts(b: ShapeBuilder, width: float, low: float, high: float, front: float, *, columns: int, rows: int) -> None:
    """Add doors or drawers with handles to the front of a body, between two heights."""
    wide, tall = width / columns, (high - low) / rows
    for column in range(columns):
        for row in range(rows):
            x, z = (column + 0.5) * wide - width / 2, low + (row + 0.5) * tall
            b.box((wide - 0.02, 0.02, tall - 0.02), (x, front, z), b.paints.light)
            if rows > 1:
                b.box((min(0.16, wide * 0.4), 0.025, 0.018), (x, front - 0.02, z + tall * 0.2), METAL)
            else:
                side = 1 if column < columns / 2 else -1
                height = z + (0.25 * tall if high < 1 else 0)
                b.box((0.018, 0.025, 0.14), (x + side * (wide / 2 - 0.06), front - 0.02, height), METAL)


def refrigerator(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.60, 0.60, 1.76), (0, 0.02, 0.92))
    b.box((0.56, 0.54, 0.05), (0, 0.03, 0.025), RUBBER)
    split = rng.uniform(0.55, 0.70) if rng.random() < 0.5 else rng.uniform(1.15, 1.30)
    for low, high in ((0.06, split), (split + 0.015, 1.79)):
        b.box((0.595, 0.05, high - low), (0, -0.295, (low + high) / 2), b.paints.light)
        grip = high - 0.2 if high < 1 else low + 0.2
        b.box((0.025, 0.035, 0.26), (0.24, -0.335, grip), METAL)


def oven(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.60, 0.56, 0.88), (0, 0.02, 0.45))
    b.box((0.52, 0.03, 0.36), (0, -0.265, 0.42), (0.14, 0.14, 0.16))
    b.box((0.46, 0.03, 0.025), (0, -0.30, 0.64), METAL)
    b.box((0.56, 0.02, 0.12), (0, -0.262, 0.13), b.paints.light)
    b.box((0.58, 0.03, 0.10), (0, -0.265, 0.79), b.paints.dark)
    for knob in range(5):
        b.cylinder(0.022, 0.03, (-0.22 + 0.11 * knob, -0.29, 0.79), METAL, turn=(90, 0, 0), sections=10)
    b.box((0.60, 0.58, 0.015), (0, 0.01, 0.895), RUBBER)
    for x in (-0.14, 0.14):
        for y in (-0.13, 0.15):
            b.torus(0.08, 0.012, (x, y, 0.905), METAL)


def microwave(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.48, 0.35, 0.27), (0, 0.01, 0.145))
    b.box((0.33, 0.02, 0.20), (-0.06, -0.17, 0.145), _SCREEN)
    b.box((0.10, 0.02, 0.22), (0.175, -0.17, 0.145), b.paints.dark)
    b.cylinder(0.025, 0.02, (0.175, -0.185, 0.10), METAL, turn=(90, 0, 0), sections=12)
    b.box((0.015, 0.03, 0.18), (0.115, -0.185, 0.145), METAL)


def sink(b: ShapeBuilder, rng: Generator) -> None:
    """Add a countertop basin with its tap."""
    outside = ((0.0, 0.0), (0.70, 0.0), (0.95, 0.75), (1.0, 1.0))
    inside = ((0.93, 1.0), (0.86, 0.75), (0.60, 0.15), (0.0, 0.15))
    b.lathe((*outside, *inside), (0, -0.03, 0), scale=(0.25, 0.18, 0.15), sections=24)
    b.cylinder(0.022, 0.26, (0, 0.18, 0.13), METAL, sections=10)
    b.rod((0, 0.18, 0.27), (0, 0.03, 0.29), 0.016, METAL)
    b.rod((0, 0.03, 0.29), (0, 0.03, 0.25), 0.014, METAL)
    b.rod((0, 0.18, 0.16), (0.07, 0.17, 0.20), 0.010, METAL)


def bed_frame(b: ShapeBuilder, rng: Generator) -> None:
    """Add a bed without pillows."""
    b.box((1.60, 2.0, 0.22), (0, 0, 0.19), WOOD)
    b.box((1.56, 1.94, 0.18), (0, 0.0, 0.39), PALE)
    b.box((1.62, 1.35, 0.22), (0, -0.31, 0.40))
    b.box((1.64, 0.25, 0.235), (0, 0.26, 0.40), b.paints.light)
    b.box((1.66, 0.07, 1.0), (0, 1.0, 0.5), b.paints.dark if rng.random() < 0.5 else WOOD)
    for side in (-1, 1):
        b.box((0.08, 0.08, 0.10), (side * 0.74, -0.93, 0.05), WOOD)


def pillow(b: ShapeBuilder, rng: Generator) -> None:
    b.sphere((0.32, 0.21, 0.075), (0, 0, 0.075))
    b.box((0.52, 0.33, 0.06), (0, 0, 0.075))
    b.sphere((0.22, 0.14, 0.02), (0, 0, 0.135), b.paints.light)


def desk(b: ShapeBuilder, rng: Generator) -> None:
    b.box((1.40, 0.70, 0.04), (0, 0, 0.72))
    drawers = -1 if rng.random() < 0.5 else 1
    b.box((0.42, 0.60, 0.58), (drawers * 0.45, 0.02, 0.41), b.paints.dark)
    for row in range(3):
        z = 0.22 + 0.19 * row
        b.box((0.38, 0.02, 0.17), (drawers * 0.45, -0.285, z), b.paints.light)
        b.box((0.14, 0.02, 0.018), (drawers * 0.45, -0.30, z), METAL)
    for x, y in ((-drawers, -1), (-drawers, 1), (drawers, -1), (drawers, 1)):
        tall = 0.70 if x == -drawers else 0.12
        b.box((0.05, 0.05, tall), (x * 0.655, y * 0.31, tall / 2), METAL)
    b.box((0.92, 0.02, 0.30), (-drawers * 0.22, 0.30, 0.53), b.paints.dark)


def wall_shelf(b: ShapeBuilder, rng: Generator) -> None:
    b.box((1.0, 0.26, 0.035), (0, 0, 0.1325))
    for side in (-1, 1):
        b.box((0.03, 0.03, 0.12), (side * 0.36, 0.115, 0.06), METAL)
        b.box((0.03, 0.20, 0.02), (side * 0.36, 0.02, 0.105), METAL)


def goods_shelf(b: ShapeBuilder, rng: Generator) -> None:
    """Add a shelf of a shop, with rows of packets."""
    for side in (-1, 1):
        b.box((0.04, 0.45, 1.70), (side * 0.60, 0, 0.85), b.paints.dark)
    b.box((1.20, 0.02, 1.66), (0, 0.21, 0.83), b.paints.light)
    paints: tuple[Rgb, ...] = ((0.80, 0.74, 0.60), (0.55, 0.62, 0.66), PALE, (0.62, 0.50, 0.40), (0.50, 0.56, 0.44))
    for board in range(5):
        foot = 0.05 + 0.40 * board
        b.box((1.18, 0.44, 0.04), (0, -0.005, foot))
        if board == 4:
            break
        x = -0.56
        while x < 0.42:
            wide, tall = rng.uniform(0.09, 0.2), rng.uniform(0.16, 0.32)
            b.box((wide - 0.015, 0.26, tall), (x + wide / 2, -0.03, foot + 0.02 + tall / 2), paints[rng.integers(5)])
            x += wide


def counter(b: ShapeBuilder, rng: Generator) -> None:
    b.box((1.70, 0.55, 0.92), (0, 0.03, 0.46))
    b.box((1.80, 0.65, 0.05), (0, 0, 0.975), WOOD if b.paints.contrast == RUBBER else PALE)
    for panel in range(3):
        b.box((0.50, 0.02, 0.74), (0.56 * (panel - 1), -0.25, 0.48), b.paints.dark)


def stool(b: ShapeBuilder, rng: Generator) -> None:
    b.cylinder(0.17, 0.05, (0, 0, 0.60), sections=20)
    for leg in range(4):
        angle = pi / 4 + pi / 2 * leg
        x, y = cos(angle), sin(angle)
        b.rod((0.12 * x, 0.12 * y, 0.58), (0.20 * x, 0.20 * y, 0.0), 0.018, b.paints.dark)
    b.torus(0.155, 0.012, (0, 0, 0.25), b.paints.dark)


def television(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.97, 0.05, 0.57), (0, 0, 0.345))
    b.box((0.93, 0.01, 0.53), (0, -0.026, 0.345), _SCREEN)
    for side in (-1, 1):
        b.box((0.04, 0.20, 0.02), (side * 0.30, 0, 0.01), b.paints.dark)
        b.rod((side * 0.30, 0, 0.01), (side * 0.30, 0, 0.08), 0.015, b.paints.dark)


def monitor(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.54, 0.04, 0.33), (0, -0.02, 0.265))
    screen: Rgb = ((0.30, 0.42, 0.55), (0.12, 0.14, 0.18), (0.62, 0.66, 0.70))[rng.integers(3)]
    b.box((0.51, 0.01, 0.29), (0, -0.041, 0.27), screen)
    b.box((0.05, 0.03, 0.22), (0, 0.02, 0.13), b.paints.dark)
    b.box((0.24, 0.18, 0.02), (0, 0.0, 0.01), b.paints.dark)


def keyboard(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.44, 0.14, 0.018), (0, 0, 0.009))
    for row in range(4):
        b.box((0.40, 0.022, 0.008), (0, -0.045 + 0.03 * row, 0.021), b.paints.contrast)


def laptop(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.34, 0.23, 0.018), (0, -0.02, 0.009))
    b.box((0.28, 0.10, 0.004), (0, 0.0, 0.02), RUBBER)
    b.box((0.34, 0.012, 0.22), (0, 0.125, 0.115), turn=(-14, 0, 0))
    b.box((0.31, 0.008, 0.19), (0, 0.116, 0.117), _SCREEN, turn=(-14, 0, 0))
