"""Catalogue of the toys' kinds: their builders, sizes and possible places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto

from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects import furniture, outdoors, things
from reinforcesight.data_gen.rendering.objects.primitives import Shape, ShapeBuilder
from reinforcesight.data_gen.rendering.palette import paints_for


class Seat(Flag):
    """Place that can carry an object."""

    FLOOR = auto()
    SUPPORT = auto()
    WALL = auto()
    AIR = auto()


class Home(Flag):
    """Setting in which a kind occurs."""

    ROOM = auto()
    GROUND = auto()
    BOTH = ROOM | GROUND


@dataclass(frozen=True)
class Kind:
    """Kind of object.

    Attributes:
        build: Function that adds the parts of a random shape of this kind, at nominal size, to a builder.
        scale: Minimum and maximum factor on the nominal size.
        turn: Maximum angle (degrees) between the front and the direction to the camera; 180 allows all.
        seats: Places that can carry the object.
        home: Settings in which the kind occurs.
        top: Fraction of the footprint that is a flat top for other objects; 0: no flat top.
    """

    name: str
    build: Callable[[ShapeBuilder, Generator], None]
    scale: tuple[float, float]
    turn: float = 180.0
    seats: Seat = Seat.FLOOR
    home: Home = Home.BOTH
    top: float = 0.0


_SMALL = Seat.FLOOR | Seat.SUPPORT
_HANGING = _SMALL | Seat.WALL

_CATALOGUE = (
    Kind("chair", furniture.chair, (0.7, 1.3)),
    Kind("ball", things.ball, (0.6, 1.9), seats=_SMALL),
    Kind("tree", outdoors.tree, (0.32, 1.3), home=Home.GROUND),
    Kind("table", furniture.table, (0.65, 1.2), top=0.9),
    Kind("lamp", furniture.lamp, (0.35, 1.2), seats=_SMALL, home=Home.ROOM),
    Kind("box", things.box, (0.5, 1.8), seats=_SMALL, top=0.9),
    Kind("traffic cone", outdoors.traffic_cone, (0.5, 1.7), seats=_SMALL, home=Home.GROUND),
    Kind("mug", things.mug, (0.9, 2.0), turn=60, seats=_SMALL),
    Kind("sofa", furniture.sofa, (0.6, 1.15), turn=100, home=Home.ROOM),
    Kind("bed", furniture.bed, (0.6, 1.05), home=Home.ROOM),
    Kind("bookshelf", furniture.bookshelf, (0.5, 1.2), turn=60, home=Home.ROOM, top=0.9),
    Kind("bench", furniture.bench, (0.6, 1.2), turn=110),
    Kind("painting", furniture.painting, (0.55, 1.4), turn=55, seats=_HANGING, home=Home.ROOM),
    Kind("clock", furniture.clock, (0.7, 1.7), turn=50, seats=_HANGING, home=Home.ROOM),
    Kind("ladder", furniture.ladder, (0.5, 1.3), turn=70),
    Kind("suitcase", things.suitcase, (0.6, 1.5), turn=75, seats=_SMALL),
    Kind("car", outdoors.car, (0.3, 1.15), home=Home.GROUND),
    Kind("bicycle", outdoors.bicycle, (0.6, 1.2), turn=50, home=Home.GROUND),
    Kind("cactus", outdoors.cactus, (0.45, 1.6), turn=50, seats=_SMALL),
    Kind("umbrella", outdoors.umbrella, (0.32, 1.1)),
    Kind("tent", outdoors.tent, (0.45, 1.15), turn=75, home=Home.GROUND),
    Kind("fence", outdoors.fence, (0.6, 1.4), turn=60, home=Home.GROUND),
    Kind("mailbox", outdoors.mailbox, (0.6, 1.3), turn=90, home=Home.GROUND),
    Kind("fire hydrant", outdoors.fire_hydrant, (0.6, 1.5), turn=90, home=Home.GROUND),
    Kind("barrel", outdoors.barrel, (0.5, 1.3), top=0.6),
    Kind("bucket", outdoors.bucket, (0.7, 2.0), seats=_SMALL),
    Kind("snowman", outdoors.snowman, (0.4, 1.25), turn=70, home=Home.GROUND),
    Kind("teddy bear", things.teddy_bear, (0.55, 1.7), turn=65, seats=_SMALL),
    Kind("robot", things.robot, (0.4, 1.5), turn=65, seats=_SMALL),
    Kind("guitar", things.guitar, (0.6, 1.4), turn=55, home=Home.ROOM),
    Kind("teapot", things.teapot, (0.8, 2.0), turn=60, seats=_SMALL),
    Kind("bottle", things.bottle, (0.7, 1.8), seats=_SMALL),
    Kind("vase", things.vase, (0.6, 1.7), seats=_SMALL),
    Kind("book", things.book, (0.8, 1.9), turn=60, seats=_SMALL),
    Kind("rubber duck", things.rubber_duck, (0.7, 2.0), turn=75, seats=_SMALL),
    Kind("hat", things.hat, (0.8, 2.0), seats=_SMALL),
    Kind("balloon", things.balloon, (0.6, 1.5), seats=_SMALL | Seat.AIR),
    Kind("kite", things.kite, (0.5, 1.4), turn=50, seats=Seat.AIR | Seat.FLOOR),
    Kind("airplane", things.airplane, (0.5, 1.8), turn=70, seats=_SMALL | Seat.AIR),
    Kind("sailboat", things.sailboat, (0.5, 1.6), turn=55, seats=_SMALL),
    Kind("mushroom", things.mushroom, (0.6, 2.0), seats=_SMALL),
    Kind("rocket", things.rocket, (0.4, 1.6), seats=_SMALL),
)

CATALOGUE: dict[str, Kind] = {kind.name: kind for kind in _CATALOGUE}

KINDS: tuple[str, ...] = tuple(CATALOGUE)
"""The names of all kinds."""


def build_shape(kind: str, colour: str, rng: Generator) -> Shape:
    """Build a random shape of a kind at its nominal size."""
    shift = rng.uniform(-0.02, 0.02, size=3)
    paints = paints_for(colour, (float(shift[0]), float(shift[1]), float(shift[2])))
    builder = ShapeBuilder(paints)
    CATALOGUE[kind].build(builder, rng)
    return builder.finish()


def uniform(rng: Generator, span: tuple[float, float]) -> float:
    return float(rng.uniform(span[0], span[1])) if span[1] > span[0] else span[0]
