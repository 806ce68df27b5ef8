"""Scene background that questions never ask about: floor, walls and ceiling, or ground and sky, and furnishing.

Shelves, pedestals and brick walls carry objects above the floor, so that higher in the picture does not always mean
farther away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from reinforcesight.arrays import FloatArray
from reinforcesight.data_gen.rendering.boxes import UprightBox
from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.objects.primitives import Shape, ShapeBuilder
from reinforcesight.data_gen.rendering.palette import METAL, Paints, Rgb

Rect = tuple[float, float, float, float]

_LARGEST_SOLID = 0.17  # maximum fraction of the frame that one piece of furnishing may cover

_WALL_TONES: tuple[Rgb, ...] = (
    (0.86, 0.82, 0.74),
    (0.78, 0.83, 0.86),
    (0.80, 0.85, 0.77),
    (0.88, 0.80, 0.78),
    (0.82, 0.80, 0.86),
    (0.90, 0.88, 0.84),
)
_FLOORS: tuple[tuple[str, Rgb, Rgb], ...] = (
    ("planks", (0.66, 0.50, 0.35), (0.58, 0.42, 0.28)),
    ("planks", (0.80, 0.69, 0.54), (0.74, 0.62, 0.46)),
    ("tiles", (0.82, 0.80, 0.76), (0.68, 0.66, 0.63)),
    ("tiles", (0.72, 0.76, 0.78), (0.56, 0.61, 0.64)),
    ("carpet", (0.62, 0.60, 0.62), (0.58, 0.56, 0.58)),
)
_GROUNDS: tuple[tuple[str, Rgb, Rgb], ...] = (
    ("grass", (0.42, 0.55, 0.27), (0.34, 0.47, 0.21)),
    ("grass", (0.55, 0.60, 0.34), (0.46, 0.52, 0.27)),
    ("sand", (0.86, 0.77, 0.58), (0.80, 0.70, 0.51)),
    ("paving", (0.66, 0.65, 0.63), (0.57, 0.56, 0.55)),
)
_SKIES: tuple[tuple[Rgb, Rgb], ...] = (
    ((0.80, 0.88, 0.95), (0.42, 0.63, 0.90)),
    ((0.90, 0.90, 0.90), (0.66, 0.74, 0.82)),
    ((0.97, 0.86, 0.74), (0.55, 0.66, 0.86)),
)


@dataclass(frozen=True)
class Surface:
    """Rectangle with a pattern: origin + u * along + v * up, 0 <= u <= width, 0 <= v <= height (metres)."""

    origin: FloatArray
    along: FloatArray
    up: FloatArray
    width: float
    height: float
    pattern: str
    first: Rgb
    second: Rgb
    panels: tuple[tuple[Rect, str, Rgb], ...] = ()

    def corners(self) -> FloatArray:
        """Return the world corners (4, 3) in order around the rectangle."""
        a, b = self.width * self.along, self.height * self.up
        return np.stack([self.origin, self.origin + a, self.origin + a + b, self.origin + b])


@dataclass(frozen=True)
class Solid:
    """Piece of furnishing and the box that it fills."""

    shape: Shape
    box: UprightBox


@dataclass(frozen=True)
class Support:
    """Flat top for objects: centre, half extents along its axes, and their rotation in radians."""

    x: float
    y: float
    z: float
    half_x: float
    half_y: float
    turn: float


@dataclass(frozen=True)
class Wall:
    """Wall of a room, the rotation of objects on it (radians), and its doors and windows (u0, v0, u1, v1)."""

    surface: Surface
    turn: float
    taken: tuple[Rect, ...]

    def is_free(self, rect: Rect) -> bool:
        u0, v0, u1, v1 = rect
        return not any(u0 < t[2] and t[0] < u1 and v0 < t[3] and t[1] < v1 for t in self.taken)


@dataclass
class Surroundings:
    """Background and furnishing of a scene.

    Attributes:
        turn: Rotation of the room's axes relative to the camera's heading, radians.
        limits: Room limits (x0, x1, y0, y1) along its axes, or None outdoors.
        reach: Maximum depth at which objects are placed, metres.
        lamp: Lamp position in the world, or None outdoors.
        sun: Direction to the sun, or None indoors.
    """

    setting: str
    surfaces: list[Surface]
    turn: float
    limits: tuple[float, float, float, float] | None
    ceiling: float
    reach: float
    lamp: FloatArray | None
    sun: FloatArray | None
    sky: tuple[Rgb, Rgb]
    walls: list[Wall] = field(default_factory=list)
    solids: list[Solid] = field(default_factory=list)
    supports: list[Support] = field(default_factory=list)


def _pick(rng: Generator, count: int) -> int:
    return int(rng.integers(count))


def make_room(
    rng: Generator,
    camera: PinholeCamera,
    wall_fills_view: bool,
    *,
    deep: tuple[float, float] = (4.0, 8.0),
    beside: tuple[float, float] = (1.8, 4.5),
    openings: bool = True,
) -> Surroundings:
    """Make a rectangular room around the camera, sometimes with a rug.

    Args:
        wall_fills_view: Whether the front wall is so near that neither the floor nor other walls are visible.
        deep: Minimum and maximum distance to the front wall, metres.
        beside: The same for each side wall.
        openings: Whether to paint doors and windows that are no objects on some walls.
    """
    camera_height = camera.metres_above_floor
    if wall_fills_view:
        turn = math.radians(rng.uniform(-8, 8))
        front = min(rng.uniform(2.8, 3.4), 0.85 * _floor_distance(camera))
        left, right = rng.uniform(3.0, 5.0), rng.uniform(3.0, 5.0)
        ceiling = camera_height + rng.uniform(1.9, 2.3)
    else:
        turn = math.radians(rng.uniform(-32, 32))
        front, left, right = rng.uniform(*deep), rng.uniform(*beside), rng.uniform(*beside)
        ceiling = max(2.4, camera_height + 0.4) + rng.uniform(0.0, 0.6)
    back = rng.uniform(0.8, 1.6)
    c, s = math.cos(turn), math.sin(turn)
    x_axis, y_axis, z_axis = np.array([c, s, 0.0]), np.array([-s, c, 0.0]), np.array([0.0, 0.0, 1.0])

    def at(x: float, y: float, z: float = 0.0) -> FloatArray:
        return np.asarray(x * x_axis + y * y_axis + z * z_axis)

    kind, first, second = _FLOORS[_pick(rng, len(_FLOORS))]
    tone = _WALL_TONES[_pick(rng, len(_WALL_TONES))]
    brick = rng.random() < 0.2
    rug: tuple[tuple[Rect, str, Rgb], ...] = ()
    if rng.random() < 0.35:
        u, v = rng.uniform(0.2, 0.5) * (left + right), back + rng.uniform(0.3, 0.55) * front
        rug = (((u, v, u + rng.uniform(1.4, 2.4), v + rng.uniform(1.0, 1.8)), "rug", _WALL_TONES[_pick(rng, 6)]),)
    wide, length = left + right, back + front
    white = (0.94, 0.94, 0.93)
    surfaces = [
        Surface(at(-left, -back), x_axis, y_axis, wide, length, kind, first, second, rug),
        Surface(at(-left, -back, ceiling), x_axis, y_axis, wide, length, "plain", white, white),
    ]
    walls = []
    plan = (
        (at(-left, front), x_axis, wide, 0.0),
        (at(-left, -back), y_axis, length, math.pi / 2),
        (at(right, front), -y_axis, length, -math.pi / 2),
        (at(right, -back), -x_axis, wide, math.pi),
    )
    for index, (origin, along, width, inward) in enumerate(plan):
        shade = tuple(float(np.clip(v * rng.uniform(0.96, 1.02), 0, 1)) for v in tone)
        panels = _panels(rng, width, ceiling) if openings and index < 3 and rng.random() < 0.4 else ()
        pattern = "brick" if brick and index == 0 else "plain"
        base: Rgb = (0.70, 0.52, 0.44) if pattern == "brick" else (shade[0], shade[1], shade[2])
        surface = Surface(origin, along, z_axis, width, ceiling, pattern, base, (0.82, 0.79, 0.75), panels)
        surfaces.append(surface)
        if index < 3:
            walls.append(Wall(surface, turn + inward, tuple(rect for rect, _, _ in panels)))
    if wall_fills_view:
        walls = walls[:1]
    lamp = at(rng.uniform(-0.5, 0.5) * min(left, right), rng.uniform(0.15, 0.6) * front, ceiling - 0.15)
    limits = (-left, right, -back, front)
    reach = front / max(c, 0.8) + 0.5
    return Surroundings("room", surfaces, turn, limits, ceiling, reach, lamp, None, _SKIES[0], walls)


def _floor_distance(camera: PinholeCamera) -> float:
    """Return the distance along the ground to the nearest floor in the frame, metres."""
    corners = np.array([[x, y] for x in (0, camera.width) for y in (0, camera.height)], dtype=np.float64)
    rays = camera.directions(corners[:, 0], corners[:, 1]) @ camera.rotation.T
    steepest = float((-rays[:, 2] / np.maximum(rays[:, 1], 1e-3)).max())
    return camera.metres_above_floor / max(steepest, 1e-3)


def _panels(rng: Generator, width: float, ceiling: float) -> tuple[tuple[Rect, str, Rgb], ...]:
    """Place a door or a window on a wall."""
    if width < 2.0:
        return ()
    if rng.random() < 0.5:
        u = rng.uniform(0.3, width - 1.2)
        return (((u, 0.0, u + 0.9, min(2.05, ceiling - 0.1)), "door", (0.70, 0.60, 0.48)),)
    u, wide = rng.uniform(0.3, width - 1.6), rng.uniform(0.9, 1.4)
    return (((u, 0.9, u + wide, min(2.0, ceiling - 0.2)), "window", (0.72, 0.85, 0.94)),)


def make_ground(rng: Generator) -> Surroundings:
    kind, first, second = _GROUNDS[_pick(rng, len(_GROUNDS))]
    turn = rng.uniform(0, math.pi / 2)
    c, s = math.cos(turn), math.sin(turn)
    along, up = np.array([c, s, 0.0]), np.array([-s, c, 0.0])
    extent = 400.0
    ground = Surface(-extent * (along + up), along, up, 2 * extent, 2 * extent, kind, first, second)
    sun, sky = daylight(rng)
    return Surroundings("ground", [ground], turn, None, 6.0, rng.uniform(6.0, 10.0), None, sun, sky)


def daylight(rng: Generator) -> tuple[FloatArray, tuple[Rgb, Rgb]]:
    """Return the direction to a sun behind or beside the camera, so that the visible sides are lit, and a sky."""
    bearing = math.radians(rng.uniform(-110, 110)) - math.pi / 2
    elevation = math.radians(rng.uniform(35, 65))
    level = math.cos(elevation)
    sun = np.array([math.cos(bearing) * level, math.sin(bearing) * level, math.sin(elevation)])
    return sun, _SKIES[_pick(rng, len(_SKIES))]


def furnish(
    surroundings: Surroundings, camera: PinholeCamera, rng: Generator, extra: int, most: int | None = None
) -> None:
    """Add shelves, pedestals and brick walls: ``extra`` raises the number of each sort, ``most`` limits it."""
    bound = 8 if most is None else most
    if surroundings.setting == "room":
        # If a wall fills the view, almost nothing on the floor is visible.
        near_wall = len(surroundings.walls) == 1
        for _ in range(min(bound, 8 if near_wall else _pick(rng, 3) + extra)):
            _add_shelf(surroundings, camera, rng, in_view=near_wall)
    wanted = min(bound, 1 + _pick(rng, 3) + extra)
    built = False
    for _ in range(wanted * 4):
        if wanted == 0:
            break
        masonry = surroundings.setting == "ground" and not built and rng.random() < 0.4
        shape = _masonry(rng) if masonry else _pedestal(rng)
        # A brick wall near the camera would hide most of the scene.
        nearest = 2.6 if masonry else 1.6
        depth = math.exp(rng.uniform(math.log(nearest), math.log(max(nearest, surroundings.reach * 0.8))))
        spot = camera.world_point(rng.uniform(0.05, 0.95) * camera.width, depth, shape.size[2])
        turn = surroundings.turn if not masonry else rng.uniform(-0.6, 0.6)
        if _add_solid(surroundings, shape, float(spot[0]), float(spot[1]), 0.0, turn, camera):
            wanted -= 1
            built = built or masonry


def _add_solid(
    s: Surroundings, shape: Shape, x: float, y: float, z: float, turn: float, camera: PinholeCamera
) -> bool:
    box = UprightBox(x, y, float(shape.size[0]) / 2, float(shape.size[1]) / 2, turn, z, z + float(shape.size[2]))
    if s.limits is not None and not box.inside(s.turn, s.limits):
        return False
    if any(box.overlaps(other.box, 0.05) for other in s.solids):
        return False
    corners = camera.to_camera(box.corners())
    if corners[:, 2].min() > 0.2:
        frame = np.array([camera.width, camera.height])
        pixels = np.clip(camera.project(corners), 0, frame)
        if np.prod(pixels.max(axis=0) - pixels.min(axis=0)) > _LARGEST_SOLID * np.prod(frame):
            return False
    s.solids.append(Solid(shape, box))
    s.supports.append(Support(x, y, box.high, box.half_x * 0.94, box.half_y * 0.94, turn))
    return True


def _add_shelf(s: Surroundings, camera: PinholeCamera, rng: Generator, in_view: bool) -> None:
    wall = s.walls[_pick(rng, len(s.walls))]
    width, depth = rng.uniform(0.8, 1.6), rng.uniform(0.28, 0.36)
    height = rng.uniform(0.6, min(1.9, s.ceiling - 0.6))
    u = rng.uniform(width / 2 + 0.05, max(width / 2 + 0.06, wall.surface.width - width / 2 - 0.05))
    if in_view:
        middle = wall.surface.width / 2 + rng.uniform(-1.2, 1.2)
        centre_u = float((camera.position - wall.surface.origin) @ wall.surface.along)
        u, width = centre_u + middle - wall.surface.width / 2, min(width, 1.0)
        height = min(max(0.4, camera.metres_above_floor + rng.uniform(-0.8, 0.6)), s.ceiling - 0.6)
    rect = (u - width / 2, height - 0.2, u + width / 2, height + 0.4)
    if not wall.is_free(rect):
        return
    builder = ShapeBuilder(Paints((0.74, 0.62, 0.48), METAL, METAL))
    builder.box((width, depth, 0.045), (0, 0, 0.13))
    for side in (-1, 1):
        builder.box((0.03, 0.03, 0.12), (side * width * 0.36, depth / 2 - 0.015, 0.06), METAL)
        builder.box((0.03, depth * 0.7, 0.02), (side * width * 0.36, depth * 0.13, 0.10), METAL)
    inward = np.cross(wall.surface.along, wall.surface.up)
    spot = wall.surface.origin + u * wall.surface.along + inward * (depth / 2 + 0.002)
    _add_solid(s, builder.finish(), float(spot[0]), float(spot[1]), height - 0.15, wall.turn, camera)


def _pedestal(rng: Generator) -> Shape:
    width, height = rng.uniform(0.42, 0.60), rng.uniform(0.5, 1.6)
    stone: Rgb = ((0.80, 0.79, 0.76), (0.74, 0.70, 0.64))[_pick(rng, 2)]
    builder = ShapeBuilder(Paints(stone, stone, stone))
    builder.box((width, width, 0.07), (0, 0, 0.035))
    builder.box((width * 0.86, width * 0.86, 0.05), (0, 0, 0.095))
    builder.cylinder(width * 0.33, height - 0.12, (0, 0, height / 2), top=0.9, sections=20)
    builder.box((width * 0.86, width * 0.86, 0.05), (0, 0, height - 0.085))
    builder.box((width, width, 0.06), (0, 0, height - 0.03))
    return builder.finish()


def _masonry(rng: Generator) -> Shape:
    """Build a short brick wall under a slab."""
    courses, length = int(rng.integers(4, 11)), rng.uniform(0.9, 2.0)
    brick, depth = 0.105, 0.36
    mortar: Rgb = (0.72, 0.70, 0.67)
    builder = ShapeBuilder(Paints(mortar, mortar, mortar))
    builder.box((length - 0.02, depth - 0.02, courses * brick), (0, 0, courses * brick / 2))
    for course in range(courses):
        edges = np.arange(-length / 2 - (0.14 if course % 2 else 0.0), length / 2, 0.28)
        for edge in edges:
            low, high = max(float(edge), -length / 2), min(float(edge) + 0.27, length / 2)
            if high - low < 0.05:
                continue
            tone = rng.uniform(0.92, 1.06)
            paint: Rgb = (0.62 * tone, 0.47 * tone, 0.41 * tone)
            at = ((low + high) / 2, 0, (course + 0.5) * brick)
            builder.box((high - low, depth, brick - 0.014), at, paint)
    builder.box((length + 0.04, depth + 0.04, 0.06), (0, 0, courses * brick + 0.03), (0.74, 0.72, 0.69))
    return builder.finish()
