"""Vehicles and furniture of streets, made from primitives: sizes in metres as in ``real_kinds``.

Vehicles drive towards -x; other fronts face -y.
"""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects.primitives import ShapeBuilder, extruded
from reinforcesight.data_gen.rendering.palette import GLASS, LEAF, METAL, PALE, RUBBER, WOOD, Rgb

_LAMP: Rgb = (0.96, 0.94, 0.84)
_REAR: Rgb = (0.55, 0.06, 0.06)


def _wheels(b: ShapeBuilder, places: tuple[float, ...], track: float, radius: float) -> None:
    for x in places:
        for side in (-1, 1):
            b.cylinder(radius, 0.22, (x, side * track, radius), RUBBER, turn=(90, 0, 0), sections=20)
            b.cylinder(radius * 0.58, 0.24, (x, side * track, radius), METAL, turn=(90, 0, 0), sections=14)


def saloon(b: ShapeBuilder, rng: Generator) -> None:
    """Add a car: body, cabin with windows, wheels and lights."""
    hatch = rng.random() < 0.5
    tail = 1.55 if hatch else 1.15
    body = tuple((x, y, z) for x, z in ((-2.13, 0.0), (2.13, 0.0), (2.13, 0.52), (-2.05, 0.38)) for y in (-0.86, 0.86))
    b.hull(body, (0, 0, 0.28))
    bonnet = tuple(
        (x, y, z) for x, z in ((-2.05, 0.66), (-0.85, 0.86), (2.1, 0.86), (2.1, 0.7)) for y in (-0.82, 0.82)
    )
    b.hull(bonnet)
    glass = tuple((x, 0.76 * side, 0.84) for x in (-1.0, tail + 0.42) for side in (-1, 1))
    top = tuple((x, 0.62 * side, 1.42) for x in (-0.25, tail) for side in (-1, 1))
    b.hull((*glass, *top), paint=GLASS)
    roof = tuple(
        (x, 0.64 * side, z)
        for x, z in ((-0.28, 1.41), (tail + 0.02, 1.41), (-0.1, 1.46), (tail - 0.2, 1.46))
        for side in (-1, 1)
    )
    b.hull(roof)
    for side in (-1, 1):
        for foot, head in ((-1.0, -0.27), (0.45, 0.45), (tail + 0.42, tail)):
            b.rod((foot, side * 0.765, 0.85), (head, side * 0.63, 1.42), 0.045, sections=6)
        b.box((0.10, 0.34, 0.12), (-2.08, side * 0.60, 0.64), _LAMP)
        b.box((0.06, 0.30, 0.16), (2.12, side * 0.62, 0.70), _REAR)
        b.box((0.12, 0.10, 0.12), (-0.78, side * 0.92, 0.92), b.paints.dark)
        for x in (0.0, 0.98):
            b.box((0.16, 0.02, 0.03), (x, side * 0.865, 0.76), METAL)
    b.box((0.06, 1.5, 0.16), (-2.12, 0, 0.38), RUBBER)
    b.box((0.06, 0.52, 0.11), (-2.14, 0, 0.46), PALE)
    b.box((0.04, 0.52, 0.11), (2.14, 0, 0.55), PALE)
    _wheels(b, (-1.32, 1.30), 0.78, 0.32)


def bus(b: ShapeBuilder, rng: Generator) -> None:
    b.box((10.4, 2.45, 1.25), (0, 0, 0.95))
    b.box((10.3, 2.40, 1.05), (0, 0, 2.05), GLASS)
    b.box((10.4, 2.45, 0.45), (0, 0, 2.80))
    for x in (-5.12, -3.4, -1.7, 0.0, 1.7, 3.4, 5.12):
        b.box((0.16, 2.46, 1.1), (x, 0, 2.05), b.paints.dark)
    b.box((0.06, 2.2, 1.25), (-5.2, 0, 1.95), GLASS)
    b.box((0.08, 1.5, 0.25), (-5.19, 0, 2.80), RUBBER)
    for side in (-1, 1):
        b.box((0.08, 0.34, 0.18), (-5.2, side * 0.95, 0.72), _LAMP)
        b.box((0.08, 0.22, 0.34), (5.2, side * 1.05, 0.85), _REAR)
        b.box((8.8, 0.02, 0.12), (0.3, side * 1.235, 1.30), b.paints.contrast)
    _wheels(b, (-3.1, 2.9), 1.12, 0.48)


def truck(b: ShapeBuilder, rng: Generator) -> None:
    b.box((4.4, 2.2, 2.1), (0.95, 0, 1.85))
    b.box((6.2, 1.0, 0.2), (0.05, 0, 0.70), RUBBER)
    cab = tuple(
        (x, y, z)
        for x, z in ((-3.1, 0.45), (-1.4, 0.45), (-1.4, 2.35), (-2.6, 2.35), (-3.05, 1.45))
        for y in (-1.02, 1.02)
    )
    b.hull(cab, paint=b.paints.dark)
    for side in (-1, 1):
        b.box((0.85, 0.04, 0.62), (-2.05, side * 1.02, 1.82), GLASS)
        b.box((0.08, 0.32, 0.2), (-3.1, side * 0.75, 0.72), _LAMP)
    b.hull(
        tuple((x, y, z) for x, z in ((-3.07, 1.48), (-2.68, 2.22), (-3.03, 1.44)) for y in (-0.9, 0.9)),
        (-0.03, 0, 0),
        GLASS,
    )
    b.box((0.06, 1.9, 0.3), (-3.12, 0, 0.5), RUBBER)
    _wheels(b, (-2.2, 1.7), 0.98, 0.44)


def traffic_light(b: ShapeBuilder, rng: Generator) -> None:
    b.cylinder(0.06, 3.0, (0, 0, 1.5), METAL, sections=12)
    b.cylinder(0.11, 0.15, (0, 0, 0.075), METAL, sections=12)
    b.box((0.32, 0.22, 0.92), (0, -0.10, 2.74))
    lit = int(rng.integers(3))
    bright: tuple[Rgb, ...] = ((0.20, 0.95, 0.40), (1.0, 0.75, 0.10), (1.0, 0.12, 0.10))
    for place in range(3):
        glow = bright[place]
        paint = glow if place == lit else (glow[0] * 0.3, glow[1] * 0.3, glow[2] * 0.3)
        z = 2.45 + 0.29 * place
        b.cylinder(0.10, 0.03, (0, -0.22, z), paint, turn=(90, 0, 0), sections=16)
        b.box((0.22, 0.12, 0.015), (0, -0.25, z + 0.115), b.paints.dark)


def sign(b: ShapeBuilder, rng: Generator) -> None:
    b.cylinder(0.035, 2.6, (0, 0.03, 1.3), METAL, sections=10)
    z, kind = 2.3, int(rng.integers(3))
    if kind == 0:
        b.cylinder(0.33, 0.03, (0, -0.02, z), turn=(90, 0, 0), sections=24)
        b.cylinder(0.24, 0.01, (0, -0.04, z), PALE, turn=(90, 0, 0), sections=24)
        b.box((0.30, 0.01, 0.07), (0, -0.05, z), RUBBER)
    elif kind == 1:
        eight = tuple((0.34 * cos(pi / 8 + pi / 4 * k), 0.34 * sin(pi / 8 + pi / 4 * k)) for k in range(8))
        b.hull(extruded(eight, -0.015, 0.015), (0, -0.02, z), PALE)
        inner = tuple((x * 0.9, y * 0.9) for x, y in eight)
        b.hull(extruded(inner, -0.01, 0.01), (0, -0.036, z))
        b.box((0.42, 0.01, 0.12), (0, -0.05, z), PALE)
    else:
        b.box((0.60, 0.03, 0.60), (0, -0.02, z))
        b.box((0.10, 0.01, 0.40), (-0.05, -0.04, z), PALE)
        b.torus(0.11, 0.035, (0.05, -0.04, z + 0.09), PALE, turn=(90, 0, 0))


def street_tree(b: ShapeBuilder, rng: Generator) -> None:
    b.cylinder(0.16, 2.2, (0, 0, 1.1), WOOD, top=0.7, sections=12)
    b.sphere((1.05, 1.05, 1.15), (0, 0, 3.2))
    for number in range(7):
        angle, lift = 2 * pi * number / 7 + rng.uniform(-0.3, 0.3), rng.uniform(2.6, 3.8)
        at = (0.68 * cos(angle), 0.68 * sin(angle), lift)
        b.sphere(rng.uniform(0.5, 0.68), at, b.paints.dark if number % 2 else None, sections=14)
    b.sphere(0.6, (rng.uniform(-0.2, 0.2), 0, 4.1), b.paints.light, sections=14)


def planter(b: ShapeBuilder, rng: Generator) -> None:
    b.box((0.62, 0.62, 0.50), (0, 0, 0.25))
    b.box((0.66, 0.66, 0.06), (0, 0, 0.49), b.paints.dark)
    b.cylinder(0.03, 0.3, (0, 0, 0.6), WOOD, sections=8)
    for number in range(6):
        angle = 2 * pi * number / 6 + rng.uniform(-0.2, 0.2)
        leaf: Rgb = (LEAF[0] + rng.uniform(-0.04, 0.06), LEAF[1] + rng.uniform(-0.05, 0.08), LEAF[2])
        b.sphere(0.22, (0.18 * cos(angle), 0.18 * sin(angle), rng.uniform(0.68, 0.85)), leaf, sections=12)
    b.sphere(0.24, (0, 0, 0.93), LEAF, sections=12)


def street_bin(b: ShapeBuilder, rng: Generator) -> None:
    b.cylinder(0.22, 0.80, (0, 0, 0.46), sections=20)
    b.cylinder(0.20, 0.06, (0, 0, 0.03), RUBBER, sections=16)
    b.lathe(
        ((1.0, 0.0), (0.95, 0.4), (0.6, 0.85), (0.0, 1.0)),
        (0, 0, 0.84),
        b.paints.dark,
        (0.235, 0.235, 0.14),
        sections=20,
    )
    b.box((0.24, 0.03, 0.10), (0, -0.21, 0.76), RUBBER)
    for low in (0.2, 0.62):
        b.cylinder(0.226, 0.03, (0, 0, low), b.paints.dark, sections=20)
