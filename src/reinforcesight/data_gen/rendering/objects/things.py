"""Small objects, toys and flying objects, made from primitives: nominal sizes in metres, front towards -y."""

from __future__ import annotations

from itertools import pairwise
from math import cos, pi, sin

from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects.primitives import ShapeBuilder, extruded
from reinforcesight.data_gen.rendering.palette import LEAF, METAL, PALE, RUBBER, WOOD

_BEAK = (0.96, 0.55, 0.10)


def ball(b: ShapeBuilder, rng: Generator) -> None:
    b.sphere(0.20, (0, 0, 0.20), sections=24)
    tilt = rng.uniform(20, 70)
    b.cylinder(0.2012, 0.05, (0, 0, 0.20), b.paints.contrast, turn=(tilt, 0, rng.uniform(0, 180)), sections=28)


def box(b: ShapeBuilder, rng: Generator) -> None:
    width, depth, height = rng.uniform(0.48, 0.62), rng.uniform(0.40, 0.52), rng.uniform(0.36, 0.50)
    b.box((width, depth, height), (0, 0, height / 2))
    b.box((width + 0.012, depth + 0.012, 0.018), (0, 0, height * 0.80), b.paints.dark)
    tape = b.paints.contrast
    b.box((0.07, depth + 0.016, 0.012), (0, 0, height), tape)
    for side in (-1, 1):
        b.box((0.07, 0.012, height * 0.24), (0, side * depth / 2, height * 0.88), tape)


def suitcase(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.62, 0.72)
    b.box((0.46, 0.24, height - 0.08), (0, 0, height / 2 + 0.04))
    for x in (-0.15, -0.05, 0.05, 0.15):
        b.box((0.05, 0.28, height - 0.16), (x, 0, height / 2 + 0.04), b.paints.dark)
    for side in (-1, 1):
        b.sphere((0.035, 0.13, 0.06), (side * 0.22, 0, height - 0.03), b.paints.dark, sections=10)
        b.rod((side * 0.10, 0.06, height), (side * 0.10, 0.06, height + 0.30), 0.013, METAL)
        for y in (-0.09, 0.09):
            b.cylinder(0.045, 0.04, (side * 0.19, y, 0.045), RUBBER, turn=(0, 90, 0), sections=10)
    b.rod((-0.11, 0.06, height + 0.30), (0.11, 0.06, height + 0.30), 0.022, RUBBER)
    b.torus(0.07, 0.014, (0, 0, height - 0.01), RUBBER, turn=(90, 0, 0), arc=180)


def mug(b: ShapeBuilder, rng: Generator) -> None:
    b.lathe(
        ((0.0, 0.0), (0.94, 0.0), (1.0, 0.08), (1.0, 1.0), (0.90, 1.0), (0.88, 0.10), (0.0, 0.10)),
        scale=(0.085, 0.085, rng.uniform(0.18, 0.21)),
        sections=20,
    )
    b.torus(0.06, 0.016, (0.085, 0, 0.10), b.paints.dark, turn=(90, 0, 0))
    b.cylinder(0.077, 0.01, (0, 0, 0.155), WOOD)


def teapot(b: ShapeBuilder, rng: Generator) -> None:
    b.sphere((0.15, 0.15, 0.125), (0, 0, 0.125), sections=20)
    b.cylinder(0.09, 0.02, (0, 0, 0.01), b.paints.dark)
    b.sphere((0.08, 0.08, 0.035), (0, 0, 0.235), b.paints.dark)
    b.sphere(0.026, (0, 0, 0.28), sections=10)
    b.rod((-0.10, 0, 0.10), (-0.23, 0, 0.21), 0.032, sections=12)
    b.cylinder(0.034, 0.02, (-0.235, 0, 0.214), b.paints.dark, turn=(0, -50, 0), sections=12)
    b.torus(0.085, 0.018, (0.15, 0, 0.13), b.paints.dark, turn=(90, 0, 0))


def bottle(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.38, 0.44)
    b.lathe(
        ((0.0, 0.0), (1.0, 0.0), (1.0, 0.56), (0.86, 0.64), (0.40, 0.74), (0.36, 0.96), (0.0, 0.96)),
        scale=(0.07, 0.07, height),
        sections=18,
    )
    b.cylinder(0.0715, height * 0.20, (0, 0, height * 0.30), b.paints.contrast)
    b.cylinder(0.031, height * 0.07, (0, 0, height * 0.965), b.paints.contrast, sections=12)


def vase(b: ShapeBuilder, rng: Generator) -> None:
    outside = ((0.0, 0.0), (0.55, 0.0), (0.90, 0.22), (1.0, 0.42), (0.80, 0.70), (0.48, 0.86), (0.60, 1.0))
    inside = ((0.50, 1.0), (0.40, 0.88), (0.0, 0.86))
    b.lathe((*outside, *inside), scale=(0.16, 0.16, 0.38), sections=20)
    for i in range(5):
        angle = 2 * pi * i / 5 + rng.uniform(-0.3, 0.3)
        reach, top = rng.uniform(0.07, 0.14), rng.uniform(0.52, 0.62)
        b.rod((0, 0, 0.34), (reach * cos(angle), reach * sin(angle), top), 0.009, LEAF, sections=5)
        b.sphere((0.045, 0.045, 0.03), (reach * cos(angle), reach * sin(angle), top), PALE, sections=8)


def book(b: ShapeBuilder, rng: Generator) -> None:
    height, width, thick = rng.uniform(0.34, 0.40), rng.uniform(0.25, 0.29), rng.uniform(0.08, 0.10)
    for side in (-1, 1):
        b.box((width, 0.014, height), (0, side * thick / 2, height / 2))
    b.box((0.02, thick, height), (-width / 2 + 0.01, 0, height / 2), b.paints.dark)
    for share in (0.12, 0.32, 0.68, 0.88):
        b.box((0.012, thick + 0.008, 0.016), (-width / 2, 0, height * share), b.paints.contrast)
    b.box((width - 0.045, thick - 0.01, height - 0.05), (-0.012, 0, height / 2), (0.98, 0.96, 0.90))
    front = -thick / 2 - 0.008
    for side in (-1, 1):
        b.box((0.010, 0.006, height * 0.84), (side * width * 0.40, front, height / 2), b.paints.contrast)
        at = (0, front, height / 2 + side * height * 0.42)
        b.box((width * 0.80, 0.006, 0.010), at, b.paints.contrast)
    for share, wide in ((0.74, 0.50), (0.66, 0.36)):
        b.box((width * wide, 0.006, height * 0.035), (0, front, height * share), b.paints.contrast)


def rubber_duck(b: ShapeBuilder, rng: Generator) -> None:
    """Add a body with a raised tail, a round head and a beak; it looks towards -x."""
    b.sphere((0.20, 0.15, 0.12), (0, 0, 0.115), sections=20)
    b.sphere((0.09, 0.08, 0.05), (0.17, 0, 0.19), turn=(0, -40, 0), sections=12)
    b.sphere(0.105, (-0.10, 0, 0.29), sections=20)
    b.sphere((0.06, 0.055, 0.018), (-0.21, 0, 0.275), _BEAK, sections=12)
    for side in (-1, 1):
        b.sphere(0.02, (-0.175, side * 0.06, 0.325), b.paints.contrast, sections=8)
        b.sphere((0.10, 0.03, 0.06), (0.03, side * 0.135, 0.14), b.paints.dark, turn=(0, -15, 0), sections=12)


def hat(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.22, 0.27)
    b.cylinder(0.24, 0.022, (0, 0, 0.011), sections=24)
    b.cylinder(0.135, height, (0, 0, height / 2), top=1.12, sections=24)
    b.cylinder(0.142, 0.05, (0, 0, 0.05), b.paints.contrast, sections=24)


def teddy_bear(b: ShapeBuilder, rng: Generator) -> None:
    mark = b.paints.contrast
    b.sphere((0.19, 0.16, 0.21), (0, 0, 0.21))
    b.sphere((0.12, 0.04, 0.14), (0, -0.14, 0.21), b.paints.light)
    b.sphere((0.165, 0.15, 0.15), (0, 0, 0.52))
    b.sphere((0.075, 0.06, 0.06), (0, -0.135, 0.48), PALE if mark != PALE else b.paints.light, sections=12)
    b.sphere(0.024, (0, -0.195, 0.495), RUBBER, sections=8)
    for side in (-1, 1):
        b.sphere((0.065, 0.04, 0.065), (side * 0.13, 0, 0.65), sections=12)
        b.sphere((0.04, 0.03, 0.04), (side * 0.13, -0.03, 0.65), b.paints.light, sections=10)
        b.sphere(0.022, (side * 0.06, -0.14, 0.55), mark, sections=8)
        b.sphere((0.075, 0.075, 0.15), (side * 0.21, -0.06, 0.28), turn=(-35, side * -25, 0), sections=12)
        b.sphere((0.085, 0.16, 0.085), (side * 0.14, -0.18, 0.085), sections=12)
        b.sphere((0.07, 0.03, 0.075), (side * 0.14, -0.325, 0.09), b.paints.light, sections=10)


def robot(b: ShapeBuilder, rng: Generator) -> None:
    mark = b.paints.contrast
    b.box((0.36, 0.24, 0.34), (0, 0, 0.41))
    b.box((0.28, 0.22, 0.22), (0, 0, 0.72))
    b.cylinder(0.05, 0.06, (0, 0, 0.60), METAL, sections=10)
    b.box((0.20, 0.02, 0.15), (0, -0.125, 0.42), mark)
    b.rod((0, 0, 0.83), (0, 0, 0.93), 0.012, METAL)
    b.sphere(0.03, (0, 0, 0.95), b.paints.dark, sections=8)
    b.box((0.14, 0.02, 0.025), (0, -0.115, 0.655), mark)
    for side in (-1, 1):
        b.sphere(0.035, (side * 0.065, -0.11, 0.75), mark, sections=10)
        b.rod((side * 0.18, 0, 0.53), (side * 0.25, -0.02, 0.53), 0.04, METAL)
        b.rod((side * 0.25, 0, 0.55), (side * 0.27, -0.06, 0.30), 0.045, b.paints.dark, sections=12)
        b.sphere(0.06, (side * 0.27, -0.06, 0.27), METAL, sections=10)
        b.cylinder(0.055, 0.20, (side * 0.10, 0, 0.15), b.paints.dark, sections=12)
        b.box((0.13, 0.20, 0.08), (side * 0.10, -0.03, 0.04))


def guitar(b: ShapeBuilder, rng: Generator) -> None:
    b.cylinder(0.185, 0.09, (0, 0, 0.22), turn=(90, 0, 0), sections=24)
    b.cylinder(0.145, 0.09, (0, 0, 0.45), turn=(90, 0, 0), sections=24)
    b.box((0.23, 0.09, 0.16), (0, 0, 0.35))
    b.cylinder(0.062, 0.012, (0, -0.046, 0.40), RUBBER, turn=(90, 0, 0))
    b.box((0.13, 0.02, 0.03), (0, -0.05, 0.19), b.paints.contrast)
    b.box((0.055, 0.035, 0.58), (0, -0.035, 0.72), WOOD if b.paints.contrast == PALE else RUBBER)
    b.box((0.095, 0.03, 0.15), (0, -0.025, 1.05), b.paints.dark)
    b.box((0.012, 0.006, 0.80), (0, -0.056, 0.58), PALE)
    for side in (-1, 1):
        b.rod((side * 0.06, 0.05, 0.20), (side * 0.15, 0.20, 0.0), 0.012, RUBBER)
        b.rod((side * 0.10, 0.02, 0.12), (side * 0.13, -0.14, 0.0), 0.012, RUBBER)
        for peg in (1.01, 1.05, 1.09):
            b.sphere(0.014, (side * 0.058, -0.025, peg), METAL, sections=6)


def balloon(b: ShapeBuilder, rng: Generator) -> None:
    string = rng.uniform(0.25, 0.45)
    lower = ((0.0, 0.0), (0.16, 0.06), (0.62, 0.32), (0.93, 0.66))
    upper = ((1.0, 0.95), (0.88, 1.28), (0.50, 1.52), (0.0, 1.60))
    b.lathe((*lower, *upper), (0, 0, string), scale=(0.20, 0.20, 0.28), sections=22)
    b.cylinder(0.03, 0.03, (0, 0, string), b.paints.dark, top=0.3, sections=10)
    b.rod((0, 0, string), (0.02, 0, string / 2), 0.006, RUBBER, sections=4)
    b.rod((0.02, 0, string / 2), (-0.01, 0, 0), 0.006, RUBBER, sections=4)


def kite(b: ShapeBuilder, rng: Generator) -> None:
    tail = rng.uniform(0.45, 0.65)
    diamond = extruded(((0.0, 0.0), (0.5, 0.66), (0.0, 1.0), (-0.5, 0.66)), -0.5, 0.5)
    b.hull(diamond, (0, 0, tail), scale=(0.72, 0.02, 0.90))
    b.rod((0, -0.015, tail), (0, -0.015, tail + 0.9), 0.014, b.paints.contrast, sections=5)
    b.rod((-0.36, -0.015, tail + 0.594), (0.36, -0.015, tail + 0.594), 0.014, b.paints.contrast, sections=5)
    points = [(0.0, tail), (0.10, tail * 0.68), (-0.06, tail * 0.36), (0.05, 0.0)]
    for (x0, z0), (x1, z1) in pairwise(points):
        b.rod((x0, 0, z0), (x1, 0, z1), 0.010, b.paints.dark, sections=4)
        for side in (-1, 1):
            bow = extruded(((side, -0.5), (side, 0.5), (0, 0)))
            b.hull(bow, (x1, -0.01, z1 + 0.03), scale=(0.08, 0.02, 0.10))


def airplane(b: ShapeBuilder, rng: Generator) -> None:
    """Add a toy plane with a round body, wings, a tail, engines and wheels; the nose points to -x."""
    b.sphere((0.52, 0.085, 0.085), (0, 0, 0.20), sections=20)
    b.sphere((0.10, 0.055, 0.05), (-0.30, 0, 0.26), RUBBER, sections=12)
    for tip in (1, -1):
        plan = ((-0.14, 0), (0.12, 0), (0.16, tip), (0.04, tip))
        wing = tuple((x, y, z) for z in (0, 1) for x, y in plan)
        b.hull(wing, (-0.03, 0, 0.185), b.paints.dark, (1.0, 0.52, 0.022))
    tail = extruded(((0, 0), (0.13, 0), (0.12, 1), (0.20, 1)), -1, 1)
    b.hull(tail, (0.34, 0, 0.24), b.paints.dark, (1.0, 0.011, 0.18))
    b.box((0.10, 0.34, 0.018), (0.45, 0, 0.235), b.paints.dark)
    for side in (-1, 1):
        b.cylinder(0.042, 0.15, (-0.06, side * 0.22, 0.155), METAL, turn=(0, 90, 0), sections=12)
        b.rod((0.04, side * 0.06, 0.13), (0.04, side * 0.09, 0.03), 0.010, METAL)
        b.cylinder(0.034, 0.025, (0.04, side * 0.09, 0.034), RUBBER, turn=(90, 0, 0), sections=10)
    b.rod((-0.34, 0, 0.14), (-0.34, 0, 0.03), 0.010, METAL)
    b.cylinder(0.030, 0.025, (-0.34, 0, 0.030), RUBBER, turn=(90, 0, 0), sections=10)


def sailboat(b: ShapeBuilder, rng: Generator) -> None:
    deck = ((-1.0, 0, 1), (-0.6, -0.8, 1), (0.8, -0.9, 1), (0.8, 0.9, 1), (-0.6, 0.8, 1))
    keel = ((-0.6, 0, 0), (0.65, -0.5, 0), (0.65, 0.5, 0))
    b.hull((*deck, *keel), scale=(0.40, 0.16, 0.17))
    b.box((0.44, 0.22, 0.02), (0.06, 0, 0.172), WOOD)
    b.rod((-0.05, 0, 0.16), (-0.05, 0, 0.92), 0.014, WOOD)
    sail = extruded(((0, 0), (1, 0), (0, 1)), -1, 1)
    b.hull(sail, (-0.03, 0, 0.24), scale=(0.36, 0.007, 0.66))
    b.hull(sail, (-0.07, 0, 0.24), b.paints.contrast, (-0.26, 0.007, 0.48))


def mushroom(b: ShapeBuilder, rng: Generator) -> None:
    spot = b.paints.contrast
    b.cylinder(0.085, 0.26, (0, 0, 0.13), PALE, top=0.75)
    b.lathe(
        ((0.0, 0.0), (0.94, -0.06), (1.0, 0.02), (0.92, 0.36), (0.66, 0.72), (0.34, 0.92), (0.0, 1.0)),
        (0, 0, 0.22),
        scale=(0.25, 0.25, 0.22),
        sections=22,
    )
    for angle, share in ((0, 0.55), (1.2, 0.60), (2.3, 0.52), (3.4, 0.62), (4.4, 0.55), (5.4, 0.60)):
        reach, height = 0.25 * share * 1.28, 0.22 + 0.22 * (1.02 - 0.72 * share)
        b.sphere((0.038, 0.038, 0.024), (reach * cos(angle), reach * sin(angle), height), spot, sections=8)
    b.sphere((0.042, 0.042, 0.02), (0, 0, 0.435), spot, sections=8)


def rocket(b: ShapeBuilder, rng: Generator) -> None:
    b.lathe(
        ((0.0, 0.0), (0.62, 0.0), (0.95, 0.18), (1.0, 0.40), (0.88, 0.66), (0.50, 0.88), (0.0, 1.0)),
        (0, 0, 0.12),
        scale=(0.19, 0.19, 0.95),
        sections=20,
    )
    b.cylinder(0.10, 0.08, (0, 0, 0.10), METAL, top=0.8)
    fin = extruded(((0, 0.3), (0, 1.0), (1, 0.0), (1, 0.35)), -1, 1)
    for quarter in range(4):
        angle = pi / 2 * quarter + pi / 4
        at, turn = (0.14 * cos(angle), 0.14 * sin(angle), 0.0), (0, 0, angle * 180 / pi)
        b.hull(fin, at, b.paints.dark, (0.20, 0.016, 0.42), turn=turn)
    b.cylinder(0.085, 0.03, (0, -0.165, 0.62), METAL, turn=(80, 0, 0))
    b.cylinder(0.06, 0.04, (0, -0.17, 0.62), (0.30, 0.40, 0.48), turn=(80, 0, 0))
