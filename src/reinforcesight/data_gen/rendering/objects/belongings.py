"""Small things that stand on furniture or lie about, made from primitives: sizes in metres as in ``real_kinds``."""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects.primitives import ShapeBuilder
from reinforcesight.data_gen.rendering.palette import LEAF, METAL, PALE, RUBBER, WOOD, Rgb

_PLATE = ((0.0, 0.0), (0.55, 0.0), (0.70, 0.40), (1.0, 1.0), (0.98, 1.0), (0.66, 0.55), (0.0, 0.30))


def plate(b: ShapeBuilder, rng: Generator) -> None:
    b.lathe(_PLATE, scale=(0.13, 0.13, 0.025), sections=28)


def plates(b: ShapeBuilder, rng: Generator) -> None:
    for number in range(6):
        b.lathe(
            _PLATE, (0, 0, 0.014 * number), None if number % 2 else b.paints.dark, (0.13, 0.13, 0.025), sections=24
        )


def bowl(b: ShapeBuilder, rng: Generator) -> None:
    outside = ((0.0, 0.0), (0.45, 0.0), (0.50, 0.08), (0.88, 0.55), (1.0, 1.0))
    inside = ((0.94, 1.0), (0.80, 0.55), (0.40, 0.15), (0.0, 0.12))
    b.lathe((*outside, *inside), scale=(0.09, 0.09, 0.08), sections=24)


def fruit(b: ShapeBuilder, rng: Generator) -> None:
    """Add a heap of round fruit."""
    for number in range(6):
        angle = pi / 3 * number + rng.uniform(-0.1, 0.1)
        at = (0.075 * cos(angle), 0.075 * sin(angle), 0.038)
        b.sphere(0.038, at, b.paints.dark if number % 3 == 1 else None, sections=14)
    b.sphere(0.038, (0, 0, 0.04), sections=14)
    for number in range(3):
        angle = 2 * pi / 3 * number + 0.5
        b.sphere(0.038, (0.042 * cos(angle), 0.042 * sin(angle), 0.098), b.paints.light, sections=14)


def books(b: ShapeBuilder, rng: Generator) -> None:
    paints: tuple[Rgb, ...] = ((0.32, 0.34, 0.42), (0.62, 0.54, 0.42), (0.46, 0.30, 0.26), (0.34, 0.42, 0.36))
    height = 0.0
    for number in range(5):
        thick, wide, deep = rng.uniform(0.025, 0.045), rng.uniform(0.23, 0.28), rng.uniform(0.16, 0.19)
        lean = (0.0, 0.0, rng.uniform(-8, 8))
        paint = b.paints.main if number % 2 == 0 else paints[rng.integers(4)]
        b.box((wide, deep, thick), (0, 0, height + thick / 2), paint, lean)
        b.box((wide - 0.02, deep + 0.004, thick - 0.010), (0.012, 0, height + thick / 2), (0.94, 0.92, 0.86), lean)
        height += thick


def shoes(b: ShapeBuilder, rng: Generator) -> None:
    for side in (-1, 1):
        x, y = side * 0.065, rng.uniform(-0.015, 0.015)
        b.box((0.085, 0.26, 0.02), (x, y, 0.01), b.paints.contrast)
        b.sphere((0.045, 0.08, 0.05), (x, y - 0.05, 0.035), sections=14)
        b.box((0.08, 0.13, 0.075), (x, y + 0.055, 0.055))
        b.box((0.05, 0.08, 0.01), (x, y + 0.06, 0.094), RUBBER)


def potted_plant(b: ShapeBuilder, rng: Generator) -> None:
    """Add a plant in a pot of the object's colour."""
    b.cylinder(0.13, 0.28, (0, 0, 0.14), top=1.3, sections=20)
    b.cylinder(0.16, 0.02, (0, 0, 0.275), (0.24, 0.17, 0.12), sections=20)
    for number in range(9):
        angle, reach = 2 * pi * number / 9 + rng.uniform(-0.2, 0.2), rng.uniform(0.10, 0.22)
        top = rng.uniform(0.5, 0.9)
        x, y = reach * cos(angle), reach * sin(angle)
        b.rod((0, 0, 0.27), (x, y, top - 0.06), 0.010, LEAF, sections=5)
        leaf: Rgb = (LEAF[0] + rng.uniform(-0.05, 0.08), LEAF[1] + rng.uniform(-0.06, 0.1), LEAF[2])
        tilt = (rng.uniform(-30, 30), rng.uniform(-30, 30), 0.0)
        b.sphere((0.095, 0.095, 0.075), (x, y, top - 0.06), leaf, tilt, sections=10)


def bin_with_rim(b: ShapeBuilder, rng: Generator) -> None:
    outside = ((0.0, 0.0), (0.80, 0.0), (1.0, 1.0), (1.03, 1.0))
    inside = ((0.94, 1.0), (0.76, 0.06), (0.0, 0.06))
    b.lathe((*outside, *inside), scale=(0.14, 0.14, 0.40), sections=20)
    b.torus(0.142, 0.008, (0, 0, 0.395), b.paints.dark)


def table_lamp(b: ShapeBuilder, rng: Generator) -> None:
    b.cylinder(0.08, 0.025, (0, 0, 0.0125), METAL)
    b.sphere((0.06, 0.06, 0.09), (0, 0, 0.11), b.paints.dark)
    b.cylinder(0.012, 0.14, (0, 0, 0.25), METAL, sections=8)
    b.cylinder(0.15, 0.20, (0, 0, 0.38), top=0.62, sections=22)


def backpack(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.30, 0.15, 0.34), (0, 0.01, 0.18))
    b.sphere((0.15, 0.085, 0.11), (0, 0.01, 0.345))
    b.box((0.22, 0.06, 0.17), (0, -0.09, 0.12), b.paints.dark)
    b.box((0.20, 0.02, 0.02), (0, -0.125, 0.19), b.paints.light)
    b.torus(0.035, 0.009, (0, 0.03, 0.455), RUBBER, turn=(90, 0, 0), arc=180)
    for side in (-1, 1):
        b.torus(0.13, 0.016, (side * 0.09, 0.085, 0.22), b.paints.dark, turn=(90, 0, 90), arc=180)


def basket(b: ShapeBuilder, rng: Generator) -> None:
    outside = ((0.0, 0.0), (0.82, 0.0), (1.0, 1.0), (1.05, 1.0))
    inside = ((0.95, 1.0), (0.78, 0.08), (0.0, 0.08))
    b.lathe((*outside, *inside), scale=(0.19, 0.14, 0.20), sections=22)
    for low in (0.05, 0.10, 0.15):
        b.lathe(((0.88, -0.04), (0.99, 0.0), (0.88, 0.04)), (0, 0, low), b.paints.dark, (0.19, 0.14, 0.1), sections=22)
    b.torus(0.17, 0.010, (0, 0, 0.19), WOOD, turn=(90, 0, 0), arc=180)


def person(b: ShapeBuilder, rng: Generator) -> None:
    """Add a standing person: trousers, a top of the object's colour, head and hair."""
    skin: Rgb = ((0.87, 0.67, 0.54), (0.72, 0.52, 0.38), (0.48, 0.32, 0.22))[rng.integers(3)]
    hair: Rgb = ((0.16, 0.11, 0.08), (0.36, 0.24, 0.14), (0.62, 0.48, 0.28), (0.45, 0.44, 0.43))[rng.integers(4)]
    trousers: Rgb = ((0.20, 0.24, 0.34), (0.28, 0.27, 0.26), (0.44, 0.38, 0.30))[rng.integers(3)]
    stride = rng.uniform(-0.10, 0.10)
    for side in (-1, 1):
        y = side * stride
        b.rod((side * 0.09, 0, 0.86), (side * 0.10, y, 0.08), 0.075, trousers, sections=12)
        b.sphere((0.05, 0.12, 0.05), (side * 0.10, y - 0.05, 0.045), RUBBER, sections=12)
        b.rod((side * 0.19, 0, 1.38), (side * 0.25, -y * 0.8, 1.10), 0.048, sections=10)
        b.rod((side * 0.25, -y * 0.8, 1.10), (side * 0.24, -y - 0.05, 0.88), 0.040, b.paints.dark, sections=10)
        b.sphere(0.05, (side * 0.24, -y - 0.06, 0.84), skin, sections=10)
        b.sphere(0.065, (side * 0.185, 0, 1.39), sections=12)
    b.sphere((0.16, 0.12, 0.14), (0, 0, 0.90), trousers, sections=14)
    b.lathe(
        ((0.0, 0.0), (0.85, 0.0), (0.82, 0.3), (1.0, 0.8), (0.75, 1.0), (0.0, 1.05)),
        (0, 0, 0.92),
        None,
        (0.19, 0.12, 0.53),
        sections=18,
    )
    b.cylinder(0.05, 0.10, (0, 0, 1.49), skin, sections=12)
    b.sphere((0.085, 0.10, 0.12), (0, -0.01, 1.61), skin, sections=16)
    b.sphere((0.095, 0.105, 0.11), (0, 0.02, 1.645), hair, sections=14)
    if rng.random() < 0.4:
        b.sphere((0.09, 0.05, 0.15), (0, 0.07, 1.55), hair, sections=12)
    for side in (-1, 1):
        b.sphere(0.012, (side * 0.035, -0.10, 1.62), RUBBER, sections=6)
    b.box((0.05, 0.02, 0.012), (0, -0.105, 1.555), (0.62, 0.32, 0.28) if skin[0] > 0.6 else (0.36, 0.18, 0.16))
    if rng.random() < 0.25:
        b.box((0.26, 0.14, 0.34), (0, 0.17, 1.22), PALE if b.paints.contrast == PALE else RUBBER)
