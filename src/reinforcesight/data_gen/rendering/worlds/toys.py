"""Layout of a toy scene: which objects, their sizes and places.

Depth and picture column are drawn before the kind and independently of it; the size is then chosen within the kind's
range to suit the place. So the names alone do not reveal which object is nearer or further left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.random import Generator

from reinforcesight.arrays import FloatArray
from reinforcesight.data_gen.rendering.boxes import UprightBox
from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.config import RenderConfig
from reinforcesight.data_gen.rendering.distribution import Distribution, pairs
from reinforcesight.data_gen.rendering.objects.kinds import CATALOGUE, KINDS, Home, Kind, Seat, build_shape, uniform
from reinforcesight.data_gen.rendering.objects.primitives import Shape
from reinforcesight.data_gen.rendering.palette import COLOURS
from reinforcesight.data_gen.rendering.surroundings import Support, Surroundings, furnish, make_ground, make_room
from reinforcesight.data_gen.rendering.worlds.composition import Placed, SceneLayout, extent
from reinforcesight.errors import ConfigError
from reinforcesight.pictures.boxes import box_area, shared_area
from reinforcesight.pictures.drawing import Box

_NEAREST = 1.3  # metres: minimum depth at which objects are placed
_GAP = 0.04  # metres between the boxes of neighbours
_TRIES = 24  # number of places tried for one object per kind of seat
_STRETCH = 1.6  # factor by which an object may exceed its kind's range of sizes to fit a place
_LARGEST = 0.62  # maximum extent of an object, as a fraction of the picture's width


@lru_cache(maxsize=32)
def _pool(distribution: Distribution, config: RenderConfig, setting: str) -> dict[str, tuple[str, ...]]:
    home = Home.ROOM if setting == "room" else Home.GROUND
    # Kinds that the user chose are used in both settings, other kinds only in the settings where they occur.
    kinds = config.kinds or tuple(kind for kind in KINDS if home in CATALOGUE[kind].home)
    if config.wall_fills_view and config.kinds is None:
        kinds = tuple(kind for kind in kinds if CATALOGUE[kind].seats != Seat.FLOOR)
    pool: dict[str, tuple[str, ...]] = {}
    for kind, colour in pairs(distribution, kinds, config.colours or COLOURS):
        pool[kind] = (*pool.get(kind, ()), colour)
    if not pool:
        raise ConfigError(
            f"no pair of the chosen kinds and colours belongs to the {distribution.value} distribution",
            where="kinds, colours",
            fix="choose more kinds or colours (about one pair in five is reserved for 'shifted')",
        )
    return pool


def draw_toys(
    rng: Generator,
    distribution: Distribution,
    camera: PinholeCamera,
    config: RenderConfig,
    *,
    indoors: bool,
    extra: int,
) -> SceneLayout:
    """Draw surroundings and objects in a room or on open ground; ``extra`` raises both limits of their number.

    Raises:
        ConfigError: No kind-colour pair is left to draw from.
    """
    shifted = distribution is Distribution.SHIFTED
    surroundings = make_room(rng, camera, config.wall_fills_view) if indoors else make_ground(rng)
    furnish(surroundings, camera, rng, extra=1 if shifted else 0, most=config.furnishing)
    count = int(rng.integers(config.objects_min + extra, config.objects_max + extra + 1))
    setting = "room" if indoors else "ground"
    pool = _pool(distribution, config, setting)
    placer = Placer(rng, camera, surroundings, config, crowding=0.8 if shifted else 0.6)
    names: list[tuple[str, str]] = []
    # Objects without a free place are replaced by others, for a few rounds.
    for _ in range(4):
        drawn = _draw_names(rng, pool, count - len(names), names, config)
        # Objects that can carry others are placed first, so that their tops can be used.
        for kind, colour in sorted(drawn, key=lambda name: CATALOGUE[name[0]].top == 0):
            if placer.place(CATALOGUE[kind], colour):
                names.append((kind, colour))
    order = rng.permutation(len(placer.placed))
    return SceneLayout(setting, camera, surroundings, tuple(placer.placed[int(i)] for i in order))


def _draw_names(
    rng: Generator,
    pool: dict[str, tuple[str, ...]],
    count: int,
    present: list[tuple[str, str]],
    config: RenderConfig,
) -> list[tuple[str, str]]:
    """Draw more kind-colour pairs: mostly new kinds, sometimes a kind in another colour, or the same pair again."""
    names = list(present)
    for _ in range(count):
        chance = rng.random()
        if names and chance < config.same_name:
            names.append(names[int(rng.integers(len(names)))])
            continue
        used = [kind for kind, _ in names]
        fresh = [kind for kind in pool if kind not in used]
        again = names and (chance < config.same_name + config.same_kind or not fresh)
        choice = used if again else fresh
        kind = choice[int(rng.integers(len(choice)))]
        colours = [colour for colour in pool[kind] if (kind, colour) not in names]
        if colours:
            names.append((kind, colours[int(rng.integers(len(colours)))]))
    return names[len(present) :]


@dataclass
class Placer:
    """Finds places where objects fit, are visible, and do not intersect."""

    rng: Generator
    camera: PinholeCamera
    surroundings: Surroundings
    config: RenderConfig
    crowding: float
    placed: list[Placed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supports = list(self.surroundings.supports)
        self._nearest = self._nearest_floor()
        self._solids = [solid.box for solid in self.surroundings.solids]
        self._views: list[tuple[float, Box]] = []
        for box in self._solids:
            corners = self.camera.to_camera(box.corners())
            if corners[:, 2].min() > 0.2:
                self._views.append((float(corners[:, 2].mean()), extent(self.camera.project(corners))))

    def _nearest_floor(self) -> float:
        """Return the minimum depth for all objects: where the floor enters the frame, metres."""
        camera = self.camera
        sight = camera.rotation @ np.array([0.0, (camera.height - camera.cy) / camera.fy, 1.0])
        if sight[2] > -1e-3:
            return _NEAREST
        floor = camera.metres_above_floor / -float(sight[2])
        return min(max(_NEAREST, 0.9 * floor), 0.6 * self.surroundings.reach)

    def place(self, kind: Kind, colour: str) -> bool:
        """Place one object; return ``False`` if there is no free place."""
        shape = build_shape(kind.name, colour, self.rng)
        for seat in self._seats(kind):
            for _ in range(_TRIES):
                found = self._try(kind, shape, seat)
                if found is not None and self._accept(found[1]):
                    scale, box = found
                    self.placed.append(Placed(kind.name, colour, shape, scale, box))
                    if kind.top:
                        top = Support(box.x, box.y, box.high, box.half_x * kind.top, box.half_y * kind.top, box.turn)
                        self.supports.append(top)
                    return True
        return False

    def _seats(self, kind: Kind) -> list[Seat]:
        """Return the seats of a kind in a random order that favours seats above the floor."""
        weight = {Seat.FLOOR: 1.0, Seat.SUPPORT: 2.5, Seat.WALL: 1.2, Seat.AIR: 1.4}
        if not self.supports:
            del weight[Seat.SUPPORT]
        if not self.surroundings.walls:
            del weight[Seat.WALL]
        usable = [seat for seat in weight if seat in kind.seats]
        order = [(float(self.rng.exponential(1 / weight[seat])), seat.value, seat) for seat in usable]
        return [seat for _, _, seat in sorted(order, key=lambda item: item[:2])]

    def _try(self, kind: Kind, shape: Shape, seat: Seat) -> tuple[float, UprightBox] | None:
        if seat is Seat.SUPPORT:
            return self._on_support(kind, shape)
        if seat is Seat.WALL:
            return self._on_wall(kind, shape)
        camera, rng = self.camera, self.rng
        depth = math.exp(rng.uniform(math.log(self._nearest), math.log(self.surroundings.reach)))
        column = rng.uniform(0.04, 0.96) * camera.width
        scale = self._scale(kind, shape, depth)
        if scale is None:
            return None
        half = scale * float(shape.size[2]) / 2
        if seat is Seat.FLOOR:
            spot = camera.world_point(column, depth, half)
            low = 0.0
        else:
            if rng.random() < 0.65:
                row = rng.uniform(0.06, 0.94) * camera.height
                x, y = (column - camera.cx) / camera.fx * depth, (row - camera.cy) / camera.fy * depth
                spot = camera.rotation @ np.array([x, y, depth]) + camera.position
            else:
                spot = camera.world_point(column, depth, half + rng.uniform(0.05, 1.2))
            low = float(spot[2]) - half
            if low < 0.05 or low + 2 * half > self.surroundings.ceiling - 0.05:
                return None
        return scale, self._box(shape, scale, float(spot[0]), float(spot[1]), low, self._turn(kind, spot))

    def _on_support(self, kind: Kind, shape: Shape) -> tuple[float, UprightBox] | None:
        support = self.supports[int(self.rng.integers(len(self.supports)))]
        depth = float(self.camera.to_camera(np.array([support.x, support.y, support.z]))[2])
        turn = self._turn(kind, np.array([support.x, support.y, support.z]))
        angle = turn - support.turn
        wide, deep = float(shape.size[0]) / 2, float(shape.size[1]) / 2
        reach_x = wide * abs(math.cos(angle)) + deep * abs(math.sin(angle))
        reach_y = wide * abs(math.sin(angle)) + deep * abs(math.cos(angle))
        fits = min(support.half_x / reach_x, support.half_y / reach_y)
        if depth < 0.6 * _NEAREST or fits < kind.scale[0]:
            return None
        scale = self._scale(kind, shape, depth, most=fits)
        if scale is None:
            return None
        dx = self.rng.uniform(-1, 1) * (support.half_x - scale * reach_x)
        dy = self.rng.uniform(-1, 1) * (support.half_y - scale * reach_y)
        c, s = math.cos(support.turn), math.sin(support.turn)
        x, y = support.x + c * dx - s * dy, support.y + s * dx + c * dy
        return scale, self._box(shape, scale, x, y, support.z, turn)

    def _on_wall(self, kind: Kind, shape: Shape) -> tuple[float, UprightBox] | None:
        rng = self.rng
        wall = self.surroundings.walls[int(rng.integers(len(self.surroundings.walls)))]
        surface = wall.surface
        u, v = rng.uniform(0, surface.width), rng.uniform(0.3, min(2.4, surface.height))
        inward = np.cross(surface.along, surface.up)
        spot = surface.origin + u * surface.along + v * surface.up
        sight = spot - self.camera.position
        # From too far to the side, a painting or a clock is only a line.
        if -float(sight @ inward) < 0.35 * float(np.linalg.norm(sight)):
            return None
        scale = self._scale(kind, shape, float(self.camera.to_camera(spot)[2]))
        if scale is None:
            return None
        half_u, half_v = scale * float(shape.size[0]) / 2, scale * float(shape.size[2]) / 2
        if not (half_u < u < surface.width - half_u and half_v + 0.1 < v < surface.height - half_v - 0.05):
            return None
        if not wall.is_free((u - half_u, v - half_v, u + half_u, v + half_v)):
            return None
        spot = spot + inward * (scale * float(shape.size[1]) / 2 + 0.004)
        return scale, self._box(shape, scale, float(spot[0]), float(spot[1]), v - half_v, wall.turn)

    def _scale(self, kind: Kind, shape: Shape, depth: float, most: float = math.inf) -> float | None:
        """Return a scale within the kind's range for a visible but not too large extent at this depth."""
        if depth <= 0.3:
            return None
        pixels = self.camera.fx * float(shape.size.max()) / depth
        smallest = self.config.min_extent * self.camera.width / pixels
        largest = min(_LARGEST * self.camera.width / pixels, most)
        least, greatest = max(kind.scale[0], smallest), min(kind.scale[1], largest)
        if least > greatest:
            # Exceed the range a little; otherwise small kinds would never be far away, and large ones never near.
            least, greatest = max(kind.scale[0] / _STRETCH, smallest), min(kind.scale[1] * _STRETCH, largest)
            if least > greatest:
                return None
            least = greatest = min(max(kind.scale[0], least), greatest)
        return math.exp(uniform(self.rng, (math.log(least), math.log(greatest))))

    def _turn(self, kind: Kind, spot: FloatArray) -> float:
        """Return a rotation about the vertical, radians; the front faces the camera within the kind's limit."""
        to_camera = math.atan2(-float(spot[1]), -float(spot[0]))
        limit = math.radians(kind.turn)
        return to_camera + math.pi / 2 + float(self.rng.uniform(-limit, limit))

    @staticmethod
    def _box(shape: Shape, scale: float, x: float, y: float, low: float, turn: float) -> UprightBox:
        wide, deep, tall = (float(v) * scale for v in shape.size)
        return UprightBox(x, y, wide / 2, deep / 2, turn, low, low + tall)

    def _accept(self, box: UprightBox) -> bool:
        """Keep the box and return ``True`` if it is in the room, intersects nothing, is visible, and hides little."""
        s = self.surroundings
        if s.limits is not None and not (box.inside(s.turn, s.limits) and box.high < s.ceiling - 0.02):
            return False
        corners = self.camera.to_camera(box.corners())
        depth = float(corners[:, 2].mean())
        if corners[:, 2].min() < 0.4:
            return False
        view = extent(self.camera.project(corners))
        frame = (0.0, 0.0, self.camera.width, self.camera.height)
        if shared_area(view, frame) < 0.62 * box_area(view):
            return False
        for other_depth, other in self._views:
            farther = view if depth > other_depth else other
            if shared_area(view, other) > self.crowding * box_area(farther):
                return False
        if any(box.overlaps(solid, _GAP) for solid in self._solids):
            return False
        self.occupy(box)
        return True

    def occupy(self, box: UprightBox) -> None:
        """Mark the space of a box, and its place in the picture, as used."""
        corners = self.camera.to_camera(box.corners())
        self._solids.append(box)
        self._views.append((float(corners[:, 2].mean()), extent(self.camera.project(corners))))
