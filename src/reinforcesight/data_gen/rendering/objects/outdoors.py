"""Objects of streets, gardens and yards, made from primitives: nominal sizes in metres, front towards -y."""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects.primitives import ShapeBuilder, extruded
from reinforcesight.data_gen.rendering.palette import GLASS, METAL, PALE, RUBBER, WOOD


def tree(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(2.2, 2.8)
    if rng.random() < 0.5:
        b.cylinder(0.12, height * 0.5, (0, 0, height * 0.25), WOOD, top=0.8)
        b.sphere((0.62, 0.62, 0.58), (0, 0, height * 0.72))
        for i in range(5):
            angle = 2 * pi * i / 5 + rng.uniform(-0.3, 0.3)
            at = (0.42 * cos(angle), 0.42 * sin(angle), height * 0.62)
            b.sphere(rng.uniform(0.34, 0.42), at, b.paints.dark if i % 2 else None)
        b.sphere(0.38, (0.1, -0.05, height * 0.9), b.paints.light)
    else:
        b.cylinder(0.11, height * 0.3, (0, 0, height * 0.15), WOOD)
        for i, share in enumerate((0.32, 0.55, 0.78)):
            paint = b.paints.dark if i == 1 else None
            b.cylinder(0.74 - 0.19 * i, height * 0.34, (0, 0, height * (share + 0.05)), paint, top=0.0)


def cactus(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.85, 1.05)
    b.cylinder(0.17, 0.22, (0, 0, 0.11), (0.66, 0.40, 0.28), top=1.25)
    b.cylinder(0.22, 0.05, (0, 0, 0.225), (0.60, 0.36, 0.25))
    b.cylinder(0.10, height - 0.32, (0, 0, height / 2 + 0.06), sections=14)
    b.sphere(0.10, (0, 0, height - 0.10), sections=14)
    for i in range(8):
        angle = 2 * pi * i / 8
        x, y = 0.097 * cos(angle), 0.097 * sin(angle)
        b.rod((x, y, 0.24), (x, y, height - 0.1), 0.017, b.paints.dark, sections=5)
    for side, low in ((-1, rng.uniform(0.44, 0.52)), (1, rng.uniform(0.50, 0.60))):
        b.rod((0, 0, low), (side * 0.24, 0, low), 0.058, sections=12)
        b.sphere(0.058, (side * 0.24, 0, low), sections=12)
        b.rod((side * 0.24, 0, low), (side * 0.24, 0, low + 0.22), 0.058, sections=12)
        b.sphere(0.058, (side * 0.24, 0, low + 0.22), sections=12)


def car(b: ShapeBuilder, rng: Generator) -> None:
    """Add a small car: body, cabin with dark windows, four wheels and lights; the front faces -x."""
    length = rng.uniform(2.7, 3.2)
    half = length / 2
    sill = ((-1, -1, 0.0), (-1, 1, 0.0), (1, -1, 0.0), (1, 1, 0.0))
    bonnet = ((-0.98, -0.96, 0.8), (-0.98, 0.96, 0.8), (0.98, -0.96, 1.0), (0.98, 0.96, 1.0))
    b.hull((*sill, *bonnet), (0, 0, 0.26), scale=(half, 0.70, 0.50))
    cabin = ((-0.62, -0.95, 0), (-0.62, 0.95, 0), (0.78, -0.95, 0), (0.78, 0.95, 0))
    roof = ((-0.28, -0.78, 1), (-0.28, 0.78, 1), (0.55, -0.78, 1), (0.55, 0.78, 1))
    b.hull((*cabin, *roof), (0, 0, 0.74), GLASS, (half * 0.98, 0.70, 0.42))
    b.box((half * 0.84, 1.10, 0.05), (half * 0.13, 0, 1.175))
    for share, lean in ((-0.28, -0.30), (0.13, 0.0), (0.55, 0.20)):
        for side in (-1, 1):
            foot, head = (half * (share + lean), side * 0.672, 0.75), (half * share, side * 0.55, 1.17)
            b.rod(foot, head, 0.035, sections=6)
    for x in (-0.62, 0.62):
        for side in (-1, 1):
            b.cylinder(0.26, 0.16, (half * x, side * 0.64, 0.26), RUBBER, turn=(90, 0, 0))
            b.cylinder(0.13, 0.18, (half * x, side * 0.64, 0.26), METAL, turn=(90, 0, 0), sections=12)
    for side in (-1, 1):
        b.sphere((0.05, 0.12, 0.09), (-half * 0.98, side * 0.48, 0.52), PALE, sections=10)
        b.box((0.04, 0.18, 0.10), (half * 0.99, side * 0.48, 0.58), (0.55, 0.06, 0.06))
    b.box((0.08, 1.36, 0.10), (-half, 0, 0.32), METAL)
    b.box((0.08, 1.36, 0.10), (half, 0, 0.32), METAL)


def bicycle(b: ShapeBuilder, rng: Generator) -> None:
    base = rng.uniform(1.0, 1.1)
    wheel = 0.33
    rear, front = (base / 2, 0.0, wheel), (-base / 2, 0.0, wheel)
    crank, seat, head = (0.08, 0.0, 0.30), (0.20, 0.0, 0.78), (-0.34, 0.0, 0.80)
    for x in (rear[0], front[0]):
        b.torus(wheel - 0.035, 0.035, (x, 0, wheel), RUBBER, turn=(90, 0, 0))
        for i in range(4):
            angle = pi * i / 4
            dx, dz = (wheel - 0.05) * cos(angle), (wheel - 0.05) * sin(angle)
            b.rod((x - dx, 0, wheel - dz), (x + dx, 0, wheel + dz), 0.006, METAL, sections=4)
    tubes = ((crank, seat), (crank, head), (seat, head), (seat, rear), (crank, rear), (head, front))
    for start, end in tubes:
        b.rod(start, end, 0.038)
    b.rod(seat, (0.23, 0, 0.92), 0.022, METAL)
    b.sphere((0.14, 0.075, 0.04), (0.23, 0, 0.94), b.paints.dark)
    b.rod(head, (-0.37, 0, 0.98), 0.026)
    b.rod((-0.37, -0.26, 0.98), (-0.37, 0.26, 0.98), 0.022, RUBBER)
    for x in (rear[0], front[0]):
        b.torus(wheel + 0.03, 0.03, (x, 0, wheel), turn=(90, 0 if x > 0 else 60, 0), arc=130)
    b.cylinder(0.09, 0.03, crank, METAL, turn=(90, 0, 0), sections=12)


def umbrella(b: ShapeBuilder, rng: Generator) -> None:
    height, radius = rng.uniform(1.8, 2.1), rng.uniform(0.95, 1.15)
    b.cylinder(0.24, 0.07, (0, 0, 0.035), RUBBER)
    b.cylinder(0.03, height, (0, 0, height / 2), PALE, sections=8)
    b.lathe(
        ((0.0, 0.0), (0.35, -0.07), (0.72, -0.25), (1.0, -0.50), (0.98, -0.52), (0.70, -0.28), (0.0, -0.03)),
        (0, 0, height),
        scale=(radius, radius, 0.85),
        sections=8,
    )
    for i in range(8):
        angle = 2 * pi * i / 8
        x, y = radius * cos(angle), radius * sin(angle)
        bend = (x * 0.72, y * 0.72, height - 0.205)
        b.rod((0, 0, height + 0.005), bend, 0.02, b.paints.dark, sections=4)
        b.rod(bend, (x, y, height - 0.42), 0.02, b.paints.dark, sections=4)
    b.sphere(0.05, (0, 0, height + 0.03), PALE, sections=8)


def tent(b: ShapeBuilder, rng: Generator) -> None:
    width, length, height = rng.uniform(1.8, 2.2), rng.uniform(1.9, 2.4), rng.uniform(1.2, 1.45)
    prism = extruded(((-0.5, 0), (0.5, 0), (0.0, 1)), -0.5, 0.5)
    b.hull(prism, scale=(width, length, height))
    b.hull(prism, (0, -length / 2, 0.005), RUBBER, (width * 0.42, 0.02, height * 0.70))
    flap = extruded(((0, 0), (1, 0), (0, 1)), -0.5, 0.5)
    for side in (-1, 1):
        at, scale = (
            (side * width * 0.20, -length / 2 - 0.02, 0.005),
            (side * width * 0.12, 0.04, height * 0.50),
        )
        b.hull(flap, at, b.paints.light, scale)
    b.rod((0, -length / 2 - 0.05, height), (0, length / 2 + 0.05, height), 0.03, b.paints.dark)
    b.rod((0, -length / 2 - 0.03, 0), (0, -length / 2 - 0.03, height + 0.1), 0.022, WOOD)


def fence(b: ShapeBuilder, rng: Generator) -> None:
    pickets = int(rng.integers(7, 10))
    pitch, height = 0.21, rng.uniform(0.85, 1.05)
    post = tuple((x, y, z) for z in (0, 0.86) for y in (-0.5, 0.5) for x in (-0.5, 0.5))
    tip = ((0.0, -0.5, 1.0), (0.0, 0.5, 1.0))
    for i in range(pickets):
        b.hull((*post, *tip), ((i - (pickets - 1) / 2) * pitch, -0.03, 0), scale=(0.13, 0.03, height))
    for share in (0.28, 0.70):
        b.box((pickets * pitch, 0.035, 0.09), (0, 0.005, height * share), b.paints.dark)


def mailbox(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.95, 1.15)
    b.box((0.09, 0.09, height - 0.2), (0, 0, height / 2 - 0.1), WOOD)
    b.box((0.34, 0.52, 0.20), (0, 0, height - 0.10))
    b.cylinder(0.17, 0.52, (0, 0, height), turn=(90, 0, 0))
    b.box((0.30, 0.02, 0.17), (0, -0.265, height - 0.10), b.paints.light)
    b.box((0.20, 0.02, 0.03), (0, -0.275, height - 0.05), RUBBER)
    b.box((0.02, 0.05, 0.28), (0.19, 0.02, height + 0.08), PALE)
    b.box((0.02, 0.16, 0.10), (0.19, -0.05, height + 0.19), PALE)


def fire_hydrant(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.68, 0.80)
    b.cylinder(0.20, 0.06, (0, 0, 0.03), b.paints.dark)
    b.cylinder(0.135, height - 0.16, (0, 0, height / 2 - 0.04))
    b.cylinder(0.185, 0.05, (0, 0, height - 0.16), b.paints.dark)
    b.sphere((0.15, 0.15, 0.13), (0, 0, height - 0.13))
    b.cylinder(0.04, 0.07, (0, 0, height), b.paints.dark, sections=6)
    for side in (-1, 1):
        b.cylinder(0.07, 0.16, (side * 0.17, 0, height * 0.60), turn=(0, 90, 0), sections=14)
        b.cylinder(0.085, 0.05, (side * 0.25, 0, height * 0.60), METAL, turn=(0, 90, 0), sections=8)
    b.cylinder(0.085, 0.14, (0, -0.16, height * 0.52), turn=(90, 0, 0), sections=14)
    b.cylinder(0.10, 0.05, (0, -0.23, height * 0.52), METAL, turn=(90, 0, 0), sections=8)


def traffic_cone(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.60, 0.72)
    b.box((0.46, 0.46, 0.045), (0, 0, 0.0225), b.paints.dark)
    b.cylinder(0.18, height, (0, 0, height / 2), top=0.14, sections=20)
    band = b.paints.contrast if min(b.paints.main) > 0.8 else PALE
    for low, high in ((0.34, 0.50), (0.66, 0.78)):
        lower, upper = 0.18 * (1 - 0.86 * low) + 0.004, 0.18 * (1 - 0.86 * high) + 0.004
        at, top = (0, 0, height * (low + high) / 2), round(upper / lower, 3)
        b.cylinder(lower, height * (high - low), at, band, top=top, sections=20)


def barrel(b: ShapeBuilder, rng: Generator) -> None:
    radius, height = rng.uniform(0.28, 0.33), rng.uniform(0.80, 0.95)
    outside = ((0.0, 0.0), (0.82, 0.0), (0.94, 0.22), (1.0, 0.5), (0.94, 0.78), (0.82, 1.0))
    lid = ((0.76, 1.0), (0.74, 0.96), (0.0, 0.96))
    b.lathe((*outside, *lid), scale=(radius, radius, height), sections=20)
    hoop = METAL if min(b.paints.main) < 0.4 else RUBBER
    for share, wide in ((0.14, 0.915), (0.86, 0.915), (0.36, 0.99), (0.64, 0.99)):
        b.cylinder(radius * wide, 0.05, (0, 0, height * share), hoop, sections=20)


def bucket(b: ShapeBuilder, rng: Generator) -> None:
    height = rng.uniform(0.32, 0.38)
    outside = ((0.0, 0.0), (0.70, 0.0), (1.0, 1.0), (1.06, 1.0), (1.06, 0.94))
    inside = ((1.0, 0.96), (0.92, 0.96), (0.64, 0.06), (0.0, 0.06))
    b.lathe((*outside, *inside), scale=(0.18, 0.18, height), sections=20)
    b.torus(0.185, 0.009, (0, 0, height * 0.95), METAL, turn=(90 - rng.uniform(0, 25), 0, 0), arc=180)
    for side in (-1, 1):
        b.sphere(0.022, (side * 0.19, 0, height * 0.94), METAL, sections=8)


def snowman(b: ShapeBuilder, rng: Generator) -> None:
    b.sphere((0.40, 0.40, 0.38), (0, 0, 0.34))
    b.sphere(0.29, (0, 0, 0.86))
    b.sphere(0.20, (0, 0, 1.26))
    mark = b.paints.contrast
    b.cylinder(0.23, 0.03, (0, 0, 1.41), mark)
    b.cylinder(0.145, 0.20, (0, 0, 1.52), mark)
    b.rod((0, -0.17, 1.25), (0, -0.26, 1.24), 0.035, (0.95, 0.48, 0.10), sections=8)
    b.cylinder(0.038, 0.22, (0, -0.28, 1.25), (0.95, 0.48, 0.10), turn=(90, 0, 0), top=0.0, sections=10)
    for side in (-1, 1):
        b.sphere(0.03, (side * 0.075, -0.18, 1.32), mark, sections=8)
        b.rod((side * 0.24, 0, 0.94), (side * 0.60, -0.05, rng.uniform(1.05, 1.25)), 0.018, WOOD)
    for height in (0.76, 0.90, 1.02):
        b.sphere(0.028, (0, -0.285 if height < 1 else -0.245, height), mark, sections=8)
