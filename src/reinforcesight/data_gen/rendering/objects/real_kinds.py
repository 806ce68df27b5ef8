"""Catalogue of the things of rooms and streets: real size with its source, colours, and where each belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.random import Generator

from reinforcesight.data_gen.rendering.objects import belongings, furniture, indoors, outdoors, streets, things
from reinforcesight.data_gen.rendering.objects.primitives import Shape, ShapeBuilder
from reinforcesight.data_gen.rendering.palette import paints_for


class Spot(StrEnum):
    """Where objects of a kind are placed."""

    WALL_SIDE = "on the floor, with its back to a wall"
    FLOOR = "on the floor, free"
    TOP = "on top of another thing"
    WALL = "on a wall"
    LANE = "on a lane of the road"
    KERB = "on the pavement, at the kerb"
    PAVEMENT = "on the pavement"


@dataclass(frozen=True)
class RealKind:
    """Kind of thing.

    Attributes:
        name: English noun; some kinds share one, such as floor lamps and table lamps.
        build: Function that adds the parts of a random shape of this kind to a builder.
        size: Usual width, depth and height, metres.
        spread: Largest relative deviation from the usual size; things that are made to a standard vary less.
        source: Origin of the size.
        spot: Where it belongs.
        colours: Usual colours; the last one (of six or more the last two) is shown only in shifted scenes.
        on: Kinds that carry it (TOP).
        zone: Part of the carrier's depth where it may stand: -1 is the front edge, 1 the back edge.
        hang: Minimum and maximum height of its lower edge, metres (WALL).
        beside: Kinds next to which it is placed if there is one.
        only_beside: Whether it occurs only next to one of these.
        turn: Maximum angle (degrees) between its front and the direction to the camera, or the carrier's front.
        top: Fraction of the footprint that is a flat top for other things.
        deck: Height of this top, as a fraction of the whole height.
        told_apart: Whether names may tell objects of this kind apart by colour ("the white chair").
    """

    name: str
    build: Callable[[ShapeBuilder, Generator], None]
    size: tuple[float, float, float]
    spread: float
    source: str
    spot: Spot
    colours: tuple[str, ...]
    on: tuple[str, ...] = ()
    zone: tuple[float, float] = (-1.0, 1.0)
    hang: tuple[float, float] = (0.0, 0.0)
    beside: tuple[str, ...] = ()
    only_beside: bool = False
    turn: float = 40.0
    top: float = 0.0
    deck: float = 1.0
    told_apart: bool = True

    def palette(self, *, shifted: bool) -> tuple[str, ...]:
        """Return the colours of training scenes, or those that only shifted scenes show."""
        reserved = 2 if len(self.colours) >= 6 else 1
        return self.colours[-reserved:] if shifted else self.colours[:-reserved]


_USUAL = "usual product size"
_WOODEN = ("brown", "white", "grey", "black")
_CLOTH = ("grey", "brown", "blue", "green", "white", "red", "yellow", "purple")
_CHINA = ("white", "blue", "yellow", "grey", "green", "red", "black")
_PAINTED = ("white", "white", "brown", "grey", "black", "blue", "green", "red")
_TABLES = ("table", "desk", "coffee table", "cabinet", "counter", "dresser", "nightstand", "shelf")
_KITCHEN_TOPS = ("table", "cabinet", "counter", "coffee table", "shelf", "desk")

REAL_KINDS: dict[str, RealKind] = {
    # Rooms: fixtures.
    "door": RealKind(
        "door", indoors.door, (1.0, 0.08, 2.06), 0.06, "leaf of 86 x 199 cm: DIN 18101", Spot.WALL,
        ("white", "brown", "grey", "green"), told_apart=False,
    ),
    "window": RealKind(
        "window", indoors.window, (1.28, 0.12, 1.2), 0.25, "usual casement; sill at 80 to 100 cm", Spot.WALL,
        ("white", "brown", "black"), hang=(0.8, 1.0), told_apart=False,
    ),
    "curtain": RealKind(
        "curtain", indoors.curtain, (0.72, 0.12, 2.2), 0.1, "ends a hand above the floor", Spot.WALL,
        ("grey", "white", "yellow", "green", "blue", "pink", "brown"), hang=(0.06, 0.15), beside=("window",),
        only_beside=True,
    ),
    "painting": RealKind(
        "painting", furniture.painting, (0.75, 0.05, 0.55), 0.25, "common frames, 50 x 70 cm", Spot.WALL,
        ("blue", "green", "yellow", "brown", "red", "purple"), hang=(1.15, 1.6), told_apart=False,
    ),
    "clock": RealKind(
        "clock", furniture.clock, (0.32, 0.07, 0.32), 0.2, _USUAL, Spot.WALL, ("white", "black", "red"),
        hang=(1.5, 1.95), told_apart=False,
    ),
    "shelf": RealKind(
        "shelf", indoors.wall_shelf, (1.0, 0.26, 0.16), 0.2, "IKEA LACK wall shelf: 110 x 26 cm", Spot.WALL,
        ("brown", "white", "black"), hang=(1.05, 1.5), top=0.94,
    ),
    # Rooms: furniture.
    "cabinet": RealKind(
        "cabinet", indoors.cabinet, (0.8, 0.6, 0.9), 0.08, "kitchen units: 60 cm deep, top at 85 to 92 cm (EN 1116)",
        Spot.WALL_SIDE, _PAINTED, beside=("cabinet", "oven", "refrigerator"), top=0.94,
    ),
    "refrigerator": RealKind(
        "refrigerator", indoors.refrigerator, (0.6, 0.66, 1.8), 0.12, "60 cm appliances (EN 1116)", Spot.WALL_SIDE,
        ("white", "grey", "black", "red"), beside=("cabinet", "oven"),
    ),
    "oven": RealKind(
        "oven", indoors.oven, (0.6, 0.6, 0.9), 0.05, "60 cm appliances (EN 1116)", Spot.WALL_SIDE,
        ("white", "grey", "black"), beside=("cabinet", "refrigerator"), told_apart=False,
    ),
    "counter": RealKind(
        "counter", indoors.counter, (1.8, 0.65, 1.0), 0.15, "shop counters: 90 to 110 cm high", Spot.FLOOR,
        ("brown", "white", "grey", "blue"), turn=25, top=0.9,
    ),
    "goods shelf": RealKind(
        "shelf", indoors.goods_shelf, (1.24, 0.45, 1.7), 0.12, "shop gondolas: bays of 1 to 1.33 m", Spot.WALL_SIDE,
        ("white", "grey", "brown", "black"), beside=("goods shelf",), told_apart=False,
    ),
    "bookcase": RealKind(
        "bookcase", furniture.bookshelf, (0.8, 0.3, 1.9), 0.2, "IKEA BILLY: 80 x 28 x 202 cm", Spot.WALL_SIDE, _WOODEN,
        beside=("bookcase", "desk"),
    ),
    "wardrobe": RealKind(
        "wardrobe", indoors.wardrobe, (1.24, 0.6, 2.0), 0.12, "IKEA PAX: 60 x 201 cm, wings of 50 to 100 cm",
        Spot.WALL_SIDE, _WOODEN,
    ),
    "dresser": RealKind(
        "dresser", indoors.dresser, (0.9, 0.48, 0.85), 0.15, "IKEA MALM: 80 x 48 x 78 cm", Spot.WALL_SIDE,
        (*_WOODEN, "blue"), top=0.94,
    ),
    "nightstand": RealKind(
        "nightstand", indoors.nightstand, (0.46, 0.42, 0.54), 0.15, "IKEA MALM: 40 x 48 x 55 cm", Spot.WALL_SIDE,
        _WOODEN, beside=("bed",), only_beside=True, top=0.94,
    ),
    "bed": RealKind(
        "bed", indoors.bed_frame, (1.66, 2.08, 1.0), 0.12, "mattress of 90 to 180 x 200 cm; IKEA MALM: 176 x 209 x 100",
        Spot.WALL_SIDE, _CLOTH, top=0.9, deck=0.482,
    ),
    "desk": RealKind(
        "desk", indoors.desk, (1.4, 0.7, 0.74), 0.1, "office desks: 74 cm high (EN 527-1)", Spot.WALL_SIDE, _WOODEN,
        top=0.94,
    ),
    "table": RealKind(
        "table", furniture.table, (1.4, 0.85, 0.75), 0.12, "dining tables: 72 to 76 cm high", Spot.FLOOR, _WOODEN,
        turn=45, top=0.92,
    ),
    "coffee table": RealKind(
        "coffee table", furniture.table, (0.95, 0.56, 0.45), 0.15, "IKEA LACK: 90 x 55 x 45 cm", Spot.FLOOR, _WOODEN,
        beside=("sofa",), turn=45, top=0.92,
    ),
    "chair": RealKind(
        "chair", furniture.chair, (0.45, 0.48, 0.9), 0.12, "seat at 43 to 46 cm (EN 1335, EN 1729)", Spot.FLOOR,
        ("brown", "white", "black", "grey", "yellow", "blue", "red", "green"), beside=("table", "desk"), turn=180,
    ),
    "stool": RealKind(
        "stool", indoors.stool, (0.36, 0.36, 0.64), 0.2, "seat at 45 to 75 cm", Spot.FLOOR,
        ("brown", "white", "black", "yellow", "red"), beside=("counter", "table", "cabinet"), turn=180,
    ),
    "sofa": RealKind(
        "sofa", furniture.sofa, (1.9, 0.86, 0.84), 0.15, "two to three seats; IKEA KLIPPAN: 180 x 88 cm",
        Spot.WALL_SIDE, _CLOTH, top=0.75, deck=0.572,
    ),
    "lamp": RealKind(
        "lamp", furniture.lamp, (0.42, 0.42, 1.5), 0.15, _USUAL, Spot.FLOOR, ("white", "yellow", "grey", "orange"),
        told_apart=False,
    ),
    # Rooms: devices.
    "television": RealKind(
        "television", indoors.television, (0.97, 0.2, 0.63), 0.25, "43 inches, 16:9: 95 x 54 cm", Spot.TOP,
        ("black", "grey"), on=("cabinet", "dresser"), zone=(-0.2, 0.6), turn=12, told_apart=False,
    ),
    "monitor": RealKind(
        "monitor", indoors.monitor, (0.54, 0.18, 0.43), 0.15, "24 inches, 16:9: 53 x 30 cm", Spot.TOP,
        ("black", "grey", "white"), on=("desk", "counter"), zone=(0.2, 0.8), turn=25, told_apart=False,
    ),
    "keyboard": RealKind(
        "keyboard", indoors.keyboard, (0.44, 0.14, 0.027), 0.1, "104 keys at a pitch of 19 mm", Spot.TOP,
        ("black", "white", "grey"), on=("desk",), zone=(-0.8, -0.3), turn=12, told_apart=False,
    ),
    "laptop": RealKind(
        "laptop", indoors.laptop, (0.34, 0.27, 0.22), 0.12, "15 inches: 34 x 24 cm, open", Spot.TOP,
        ("grey", "black", "white"), on=("desk", "table", "counter", "coffee table"), zone=(-0.8, 0.4), turn=35,
        told_apart=False,
    ),
    "microwave": RealKind(
        "microwave", indoors.microwave, (0.48, 0.38, 0.28), 0.12, "20 litres", Spot.TOP, ("white", "grey", "black"),
        on=("cabinet", "counter"), zone=(-0.3, 0.8), turn=8, told_apart=False,
    ),
    "sink": RealKind(
        "sink", indoors.sink, (0.5, 0.42, 0.3), 0.12, "countertop basin with its tap", Spot.TOP, ("white", "grey"),
        on=("cabinet",), turn=4, told_apart=False,
    ),
    # Rooms: belongings.
    "pillow": RealKind(
        "pillow", indoors.pillow, (0.62, 0.42, 0.15), 0.25, "40 x 60 to 50 x 70 cm", Spot.TOP,
        ("white", "grey", "yellow", "blue", "pink", "green", "purple"), on=("bed",), zone=(0.5, 0.85), turn=15,
    ),
    "cushion": RealKind(
        "pillow", indoors.pillow, (0.45, 0.4, 0.14), 0.2, "sofa cushions: 40 x 40 to 50 x 50 cm", Spot.TOP,
        ("white", "grey", "yellow", "blue", "pink", "green", "purple"), on=("sofa",), zone=(-0.5, -0.3), turn=15,
    ),
    "table lamp": RealKind(
        "lamp", belongings.table_lamp, (0.3, 0.3, 0.48), 0.2, _USUAL, Spot.TOP, ("white", "yellow", "orange"),
        on=("nightstand", "desk", "dresser", "table", "cabinet"), told_apart=False,
    ),
    "books": RealKind(
        "books", belongings.books, (0.27, 0.19, 0.17), 0.25, "stack of A5 books: 21 x 15 cm (ISO 216)", Spot.TOP,
        ("brown", "blue", "grey", "red", "green"), on=_TABLES, turn=60, told_apart=False,
    ),
    "cup": RealKind(
        "cup", things.mug, (0.125, 0.09, 0.1), 0.2, "0.3 litres: 8 to 9 cm across", Spot.TOP, _CHINA, on=_TABLES,
        turn=60,
    ),
    "plate": RealKind(
        "plate", belongings.plate, (0.26, 0.26, 0.028), 0.2, "dinner plates: 24 to 28 cm", Spot.TOP, _CHINA,
        on=("table", "counter", "cabinet"),
    ),
    "plates": RealKind(
        "plates", belongings.plates, (0.26, 0.26, 0.1), 0.2, "stack of dinner plates", Spot.TOP, _CHINA,
        on=_KITCHEN_TOPS, told_apart=False,
    ),
    "bowl": RealKind(
        "bowl", belongings.bowl, (0.2, 0.2, 0.085), 0.25, "15 to 25 cm across", Spot.TOP, _CHINA, on=_KITCHEN_TOPS,
    ),
    "apples": RealKind(
        "apples", belongings.fruit, (0.23, 0.23, 0.14), 0.15, "heap; an apple is 7 to 8 cm across", Spot.TOP,
        ("red", "yellow", "green"), on=_KITCHEN_TOPS, told_apart=False,
    ),
    "oranges": RealKind(
        "oranges", belongings.fruit, (0.23, 0.23, 0.14), 0.15, "heap; an orange is 7 to 8 cm across", Spot.TOP,
        ("orange", "orange"), on=_KITCHEN_TOPS, told_apart=False,
    ),
    "bottle": RealKind(
        "bottle", things.bottle, (0.076, 0.076, 0.3), 0.15, "wine bottle of 0.75 litres: 7.5 x 30 cm", Spot.TOP,
        ("green", "white", "brown", "blue", "black", "red", "yellow"), on=_TABLES,
    ),
    "vase": RealKind(
        "vase", things.vase, (0.24, 0.24, 0.46), 0.25, "with flowers", Spot.TOP, _CHINA, on=_TABLES,
    ),
    "teapot": RealKind(
        "teapot", things.teapot, (0.25, 0.17, 0.17), 0.2, "1.2 litres", Spot.TOP, _CHINA, on=_KITCHEN_TOPS, turn=60,
    ),
    "small plant": RealKind(
        "potted plant", belongings.potted_plant, (0.26, 0.26, 0.36), 0.25, "pot of 12 to 15 cm", Spot.TOP,
        ("brown", "white", "grey", "orange"), on=_TABLES, told_apart=False,
    ),
    "potted plant": RealKind(
        "potted plant", belongings.potted_plant, (0.48, 0.48, 0.95), 0.25, "floor plant, pot of 28 to 32 cm",
        Spot.FLOOR, ("brown", "white", "grey", "orange"), told_apart=False,
    ),
    "bin": RealKind(
        "bin", belongings.bin_with_rim, (0.29, 0.29, 0.4), 0.2, "15 to 25 litres", Spot.FLOOR,
        ("grey", "black", "white", "blue", "green"), beside=("desk", "cabinet"),
    ),
    "shoes": RealKind(
        "shoes", belongings.shoes, (0.23, 0.29, 0.12), 0.15, "EU 42: 27 to 30 cm long", Spot.FLOOR,
        ("brown", "black", "white", "grey", "blue"), turn=180, told_apart=False,
    ),
    "backpack": RealKind(
        "backpack", belongings.backpack, (0.31, 0.25, 0.48), 0.15, "20 to 25 litres", Spot.FLOOR,
        ("grey", "black", "blue", "green", "yellow", "red"), turn=70,
    ),
    "suitcase": RealKind(
        "suitcase", things.suitcase, (0.46, 0.28, 0.98), 0.12, "medium trolley: 67 cm, handle out", Spot.FLOOR,
        ("black", "grey", "blue", "yellow", "green", "red"), turn=75,
    ),
    "basket": RealKind(
        "basket", belongings.basket, (0.4, 0.3, 0.36), 0.2, "shopping basket: 40 x 30 cm", Spot.FLOOR,
        ("brown", "grey", "yellow", "green", "red"), beside=("counter", "goods shelf"), turn=60,
    ),
    "teddy bear": RealKind(
        "teddy bear", things.teddy_bear, (0.36, 0.32, 0.5), 0.25, _USUAL, Spot.TOP,
        ("brown", "white", "grey", "pink"), on=("bed", "dresser", "shelf", "counter", "nightstand"), turn=50,
        told_apart=False,
    ),
    "person": RealKind(
        "person", belongings.person, (0.52, 0.32, 1.68), 0.1, "adult means: 159 and 171 cm (NCD-RisC 2016)", Spot.FLOOR,
        ("blue", "grey", "white", "green", "red", "black", "yellow", "purple"), turn=180, told_apart=False,
    ),
    # Streets.
    "car": RealKind(
        "car", streets.saloon, (4.3, 1.8, 1.47), 0.1, "VW Golf VIII: 4.28 x 1.79 x 1.46 m", Spot.LANE,
        ("grey", "white", "black", "yellow", "blue", "brown", "red", "green"),
    ),
    "bus": RealKind(
        "bus", streets.bus, (10.5, 2.5, 3.05), 0.12, "2.55 m wide at most (96/53/EC); midibus", Spot.LANE,
        ("white", "yellow", "orange", "red", "blue"),
    ),
    "truck": RealKind(
        "truck", streets.truck, (6.3, 2.25, 2.9), 0.12, "box truck of 7.5 t", Spot.LANE,
        ("white", "grey", "yellow", "blue", "green"),
    ),
    "bicycle": RealKind(
        "bicycle", outdoors.bicycle, (1.75, 0.56, 1.04), 0.08, "622 mm rims (ISO 5775), 28 inches", Spot.KERB,
        ("black", "white", "yellow", "blue", "green", "red"),
    ),
    "traffic light": RealKind(
        "traffic light", streets.traffic_light, (0.32, 0.4, 3.2), 0.08, "lenses of 200 mm (EN 12368), post of 3 m",
        Spot.KERB, ("black", "green", "yellow"), turn=30, told_apart=False,
    ),
    "sign": RealKind(
        "sign", streets.sign, (0.66, 0.1, 2.62), 0.1, "discs of 600 mm, lower edge at 2 m (German StVO)", Spot.KERB,
        ("red", "blue", "yellow"), turn=35, told_apart=False,
    ),
    "tree": RealKind(
        "tree", streets.street_tree, (2.6, 2.6, 4.6), 0.25, "young street tree", Spot.KERB,
        ("green", "green", "green", "yellow", "orange"), told_apart=False,
    ),
    "fire hydrant": RealKind(
        "fire hydrant", outdoors.fire_hydrant, (0.46, 0.42, 0.76), 0.12, "North American barrel hydrants", Spot.KERB,
        ("red", "yellow", "white"), told_apart=False,
    ),
    "traffic cone": RealKind(
        "traffic cone", outdoors.traffic_cone, (0.38, 0.38, 0.71), 0.15, "28 inches (MUTCD)", Spot.LANE,
        ("orange", "orange"), told_apart=False,
    ),
    "mailbox": RealKind(
        "mailbox", outdoors.mailbox, (0.36, 0.55, 1.3), 0.1, "box at 41 to 45 inches (USPS)", Spot.KERB,
        ("grey", "white", "yellow", "blue", "red"), turn=60, told_apart=False,
    ),
    "street bin": RealKind(
        "bin", streets.street_bin, (0.47, 0.47, 0.98), 0.15, "50 to 70 litres", Spot.PAVEMENT,
        ("grey", "black", "orange", "green"), turn=60,
    ),
    "bench": RealKind(
        "bench", furniture.bench, (1.6, 0.62, 0.85), 0.15, "two to three seats at 43 to 46 cm", Spot.PAVEMENT,
        ("brown", "grey", "white", "green"), turn=180,
    ),
    "planter": RealKind(
        "potted plant", streets.planter, (0.72, 0.72, 1.1), 0.2, "concrete tub of 60 cm", Spot.PAVEMENT,
        ("grey", "brown", "white"), told_apart=False,
    ),
    "pedestrian": RealKind(
        "person", belongings.person, (0.52, 0.4, 1.68), 0.1, "adult means: 159 and 171 cm (NCD-RisC 2016)",
        Spot.PAVEMENT, ("blue", "grey", "white", "green", "red", "black", "yellow", "purple"), turn=180,
        told_apart=False,
    ),
}  # fmt: skip


def build_real(kind: RealKind, colour: str, rng: Generator, spread: float) -> Shape:
    """Build a random shape of a kind, up to ``spread`` (a fraction) larger or smaller than usual."""
    shift = rng.uniform(-0.02, 0.02, size=3)
    builder = ShapeBuilder(paints_for(colour, (float(shift[0]), float(shift[1]), float(shift[2]))))
    kind.build(builder, rng)
    shape = builder.finish()
    most = min(kind.spread, spread)
    overall = rng.uniform(-0.8, 0.8) * most
    level, upright = overall + rng.uniform(-0.2, 0.2) * most, overall + rng.uniform(-0.2, 0.2) * most
    size = np.array(kind.size) * (1 + np.array([level, level, upright]))
    factor = size / shape.size
    normals = shape.corner_normals / factor
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return replace(shape, vertices=shape.vertices * factor, corner_normals=normals, size=size)
