"""Layout of a place: things of real size where they belong, in a room or on a street."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from reinforcesight.arrays import FloatArray
from reinforcesight.data_gen.rendering.boxes import UprightBox
from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.config import RenderConfig
from reinforcesight.data_gen.rendering.objects.primitives import Shape
from reinforcesight.data_gen.rendering.objects.real_kinds import REAL_KINDS, RealKind, Spot, build_real
from reinforcesight.data_gen.rendering.surroundings import Surroundings, Wall, make_room
from reinforcesight.data_gen.rendering.worlds.composition import Placed, SceneLayout, extent
from reinforcesight.data_gen.rendering.worlds.places import REAL_PLACES, ROOMS, STREET, Place, Road, make_street
from reinforcesight.errors import ConfigError
from reinforcesight.pictures.boxes import box_area, shared_area
from reinforcesight.pictures.drawing import Box

_TRIES = 24  # number of spots tried for one thing
_ROUNDS = 4  # number of times that things without a free spot are replaced by others
_NEAREST = 1.2  # minimum depth of things on the floor, metres
_LARGEST = 0.85  # maximum extent of a thing, as a fraction of the picture's width
_IN_FRAME = 0.65  # minimum fraction of a thing's extent that lies in the frame
_HIDDEN = 0.6  # maximum fraction of the farther thing's extent that nearer things may overlap
_GAP = 0.015  # metres between neighbours
_LONG = 1.5  # length in metres, and ...
_SLENDER = 2.1  # ... length divided by width, from which a thing is not shown end-on: nothing would tell its length
_END_ON = math.cos(math.radians(40))
_ORDER = (Spot.WALL_SIDE, Spot.FLOOR, Spot.WALL, Spot.TOP, Spot.LANE, Spot.KERB, Spot.PAVEMENT)

_Placement = tuple[UprightBox, int | None]  # box, and the index of what carries it


def choose_place(rng: Generator, config: RenderConfig) -> str:
    """Draw one of ``REAL_PLACES`` that the setting allows."""
    if config.setting in REAL_PLACES:
        return config.setting
    if config.setting == "ground" or (config.setting == "any" and not config.wall_fills_view and rng.random() < 0.3):
        return STREET
    return ROOMS[int(rng.integers(len(ROOMS)))]


def draw_place(
    rng: Generator, name: str, camera: PinholeCamera, config: RenderConfig, *, shifted: bool, extra: int
) -> SceneLayout:
    """Draw the place with this name and its things; ``extra`` raises both limits of their number.

    Raises:
        ConfigError: No chosen kind occurs in the place in any of the chosen colours.
    """
    if name == STREET:
        surroundings, road = make_street(rng, camera)
        placer = _Placer(rng, camera, config, surroundings, road)
    else:
        surroundings = make_room(
            rng, camera, config.wall_fills_view, deep=(3.2, 6.5), beside=(1.6, 3.4), openings=False
        )
        placer = _Placer(rng, camera, config, surroundings, None)
    place, colours = REAL_PLACES[name], _colours(name, config, shifted=shifted)
    if config.wall_fills_view:
        place = Place({"shelf": 1.0}, {**place.more, "shelf": 4.0})
    count = int(rng.integers(config.objects_min + extra, config.objects_max + extra + 1))
    names: list[tuple[str, str]] = []
    for turn in range(_ROUNDS):
        drawn = _draw_names(rng, place, colours, count - len(names), names, config, first=turn == 0)
        for kind, colour in sorted(drawn, key=lambda pair: _ORDER.index(REAL_KINDS[pair[0]].spot)):
            if placer.place(kind, colour):
                names.append((kind, colour))
    order = rng.permutation(len(placer.placed))
    return SceneLayout(name, camera, surroundings, tuple(placer.placed[int(i)] for i in order))


def _colours(name: str, config: RenderConfig, *, shifted: bool) -> dict[str, tuple[str, ...]]:
    """Return the colours in which each kind may occur in a place."""
    kinds = tuple(REAL_PLACES[name].more)
    if config.kinds is not None:
        kinds = tuple(kind for kind in config.kinds if kind in kinds) or config.kinds
    if config.wall_fills_view:
        hanging = (kind for kind in (*kinds, "shelf") if REAL_KINDS[kind].spot in (Spot.WALL, Spot.TOP))
        kinds = tuple(kind for kind in hanging if kind not in ("door", "window", "curtain"))
    found = {}
    for kind in dict.fromkeys(kinds):
        palette = REAL_KINDS[kind].palette(shifted=shifted)  # a colour that occurs twice is drawn more often
        usable = tuple(colour for colour in palette if config.colours is None or colour in config.colours)
        if usable:
            found[kind] = usable
    if not found:
        raise ConfigError(
            "no chosen kind occurs in one of the chosen colours",
            where="rendering.kinds, rendering.colours",
            fix="choose more kinds or colours (data_gen/rendering/objects/real_kinds.py lists them)",
        )
    return found


def _draw_names(
    rng: Generator,
    place: Place,
    colours: dict[str, tuple[str, ...]],
    count: int,
    present: list[tuple[str, str]],
    config: RenderConfig,
    *,
    first: bool,
) -> list[tuple[str, str]]:
    """Draw more kinds with their colours; ``first``: begin with the defining objects of the place."""
    used = Counter(kind for kind, _ in present)
    kinds = [kind for kind, chance in place.first.items() if first and kind in colours and rng.random() < chance]
    del kinds[count:]
    used.update(kinds)
    pool = list(colours)
    weights = np.array([float(place.more.get(kind, 1.0)) for kind in pool])
    weights /= weights.sum()
    for _ in range(8 * count):
        if len(kinds) >= count:
            break
        kind = pool[int(rng.choice(len(pool), p=weights))]
        # Few things are repeated; chairs, pillows, cars and people often are.
        if used[kind] and rng.random() >= config.same_kind * min(1.0, float(place.more.get(kind, 1.0)) / 2):
            continue
        kinds.append(kind)
        used[kind] += 1
    names = list(present)
    for kind in kinds:
        other = [colour for colour in colours[kind] if (kind, colour) not in names]
        choice = other if other and rng.random() >= config.same_name else list(colours[kind])
        names.append((kind, choice[int(rng.integers(len(choice)))]))
    return names[len(present) :]


@dataclass
class _Placer:
    """Finds spots where things belong, fit, are visible, and do not intersect."""

    rng: Generator
    camera: PinholeCamera
    config: RenderConfig
    surroundings: Surroundings
    road: Road | None
    placed: list[Placed] = field(default_factory=list)
    _kinds: list[str] = field(default_factory=list)
    _walls: list[Wall | None] = field(default_factory=list)  # the wall at which each placed thing is
    _views: list[tuple[float, Box]] = field(default_factory=list)  # depth and extent in the picture

    def place(self, name: str, colour: str) -> bool:
        """Place one thing; return ``False`` if there is no free spot for it."""
        kind = REAL_KINDS[name]
        shape = build_real(kind, colour, self.rng, self.config.size_spread)
        for _ in range(_TRIES):
            wall = None
            if kind.spot is Spot.TOP and self._carriers(kind):
                found = self._on_top(kind, shape)
            elif kind.spot in (Spot.WALL, Spot.WALL_SIDE) and self.surroundings.walls:
                found, wall = self._at_wall(kind, shape)
            elif self.road is not None:
                found = self._on_street(self.road, kind, shape)
            elif kind.spot is Spot.WALL or (kind.spot is Spot.TOP and self.config.kinds is None):
                return False  # nothing carries it here
            else:
                found = self._on_floor(kind, shape)
            if found is not None and self._accept(found[0], found[1]):
                self.placed.append(Placed(kind.name, colour, shape, 1.0, found[0]))
                self._kinds.append(name)
                self._walls.append(wall)
                return True
        return False

    def _pick(self, count: int) -> int:
        return int(self.rng.integers(count))

    def _near(self, names: tuple[str, ...]) -> list[int]:
        return [index for index, name in enumerate(self._kinds) if name in names]

    def _carriers(self, kind: RealKind) -> list[int]:
        return self._near(kind.on)

    def _on_top(self, kind: RealKind, shape: Shape) -> _Placement | None:
        carriers = self._carriers(kind)
        index = carriers[self._pick(len(carriers))]
        carrier, below = REAL_KINDS[self._kinds[index]], self.placed[index].box
        limit = math.radians(kind.turn)
        turn = below.turn + float(self.rng.uniform(-limit, limit))
        if carrier.spot is Spot.FLOOR and kind.zone == (-1.0, 1.0):
            # What lies anywhere on a table faces anywhere.
            turn = self._facing(np.array([below.x, below.y]), kind.turn)
        angle = turn - below.turn
        wide, deep = float(shape.size[0]) / 2, float(shape.size[1]) / 2
        reach_x = wide * abs(math.cos(angle)) + deep * abs(math.sin(angle))
        reach_y = wide * abs(math.sin(angle)) + deep * abs(math.cos(angle))
        half_x, half_y = below.half_x * carrier.top, below.half_y * carrier.top
        if reach_x > half_x or reach_y > half_y:
            return None
        dx = self.rng.uniform(-1, 1) * (half_x - reach_x)
        dy = float(np.clip(self.rng.uniform(*kind.zone) * half_y, reach_y - half_y, half_y - reach_y))
        c, s = math.cos(below.turn), math.sin(below.turn)
        low = below.low + (below.high - below.low) * carrier.deck
        return _box(shape, below.x + c * dx - s * dy, below.y + s * dx + c * dy, low, turn), index

    def _at_wall(self, kind: RealKind, shape: Shape) -> tuple[_Placement | None, Wall | None]:
        half = float(shape.size[0]) / 2
        # The others have been placed before: some stand beside them in a row, and curtains hang beside windows.
        near = [i for i in self._near(kind.beside) if self._walls[i] is not None]
        if kind.only_beside and not near:
            return None, None
        if near and (kind.only_beside or self.rng.random() < 0.7):
            index = near[self._pick(len(near))]
            wall, box = self._walls[index], self.placed[index].box
            assert wall is not None
            away = box.half_x + half + _GAP + (float(self.rng.uniform(0, 0.08)) if kind.only_beside else 0.005)
            side = away if self.rng.random() < 0.5 else -away
            at = np.array([box.x, box.y]) - wall.surface.origin[:2]
            u = float(at @ wall.surface.along[:2]) + side
        else:
            hit = self._wall_at(float(self.rng.uniform(0.02, 0.98)) * self.camera.width)
            if hit is None:
                return None, None
            wall, u = hit
        surface = wall.surface
        if not half + 0.02 < u < surface.width - half - 0.02:
            return None, None
        low = float(self.rng.uniform(*kind.hang)) if kind.spot is Spot.WALL else 0.0
        if self.config.wall_fills_view:
            low = self.camera.metres_above_floor + float(self.rng.uniform(-1.0, 0.6)) - float(shape.size[2]) / 2
        inward = np.cross(surface.along, surface.up)
        spot = surface.origin + u * surface.along + inward * (float(shape.size[1]) / 2 + 0.006)
        sight = spot[:2] - self.camera.position[:2]
        # From too far to the side, what hangs on a wall is only a line.
        if kind.spot is Spot.WALL and -float(sight @ inward[:2]) < 0.3 * float(np.linalg.norm(sight)):
            return None, None
        return (_box(shape, float(spot[0]), float(spot[1]), low, wall.turn), None), wall

    def _wall_at(self, column: float) -> tuple[Wall, float] | None:
        """Return the first wall in the direction of a picture column, and the position along it."""
        sight = (self.camera.rotation @ np.array([(column - self.camera.cx) / self.camera.fx, 0.0, 1.0]))[:2]
        found = None
        nearest = math.inf
        for wall in self.surroundings.walls:
            along, origin = wall.surface.along[:2], wall.surface.origin[:2] - self.camera.position[:2]
            across = sight[0] * along[1] - sight[1] * along[0]
            if abs(across) < 1e-9:
                continue
            distance = float(origin[0] * along[1] - origin[1] * along[0]) / across
            u = float((distance * sight - origin) @ along)
            if 0.1 < distance < nearest and 0 <= u <= wall.surface.width:
                found, nearest = (wall, u), distance
        return found

    def _on_floor(self, kind: RealKind, shape: Shape) -> _Placement | None:
        near = self._near(kind.beside)
        if near and self.rng.random() < 0.75:
            return self._beside(kind, shape, near[self._pick(len(near))])
        camera = self.camera
        depth = math.exp(self.rng.uniform(math.log(_NEAREST), math.log(self.surroundings.reach)))
        spot = camera.world_point(float(self.rng.uniform(0.03, 0.97)) * camera.width, depth, float(shape.size[2]) / 2)
        turn = self._facing(spot[:2], kind.turn)
        if kind.top:
            # Tables stand along the walls.
            quarter = math.pi / 2
            turn = self.surroundings.turn + quarter * round((turn - self.surroundings.turn) / quarter)
            turn += math.radians(float(self.rng.uniform(-4, 4)))
        return _box(shape, float(spot[0]), float(spot[1]), 0.0, turn), None

    def _beside(self, kind: RealKind, shape: Shape, index: int) -> _Placement | None:
        """Put a chair at a table, a low table in front of a sofa, a bin next to a desk."""
        box, other = self.placed[index].box, self._kinds[index]
        wide, deep = float(shape.size[0]) / 2, float(shape.size[1]) / 2
        at_front = self._walls[index] is not None
        quarter = 0 if at_front and kind.name != "bin" else self._pick(4)
        gap = float(self.rng.uniform(0.3, 0.6) if other == "sofa" else self.rng.uniform(0.04, 0.25))
        away = (box.half_y if quarter % 2 == 0 else box.half_x) + deep + gap
        spread = max(0.0, (box.half_x if quarter % 2 == 0 else box.half_y) - wide)
        side = float(self.rng.uniform(-1, 1)) * spread
        # Quarter 0 is the front (-y) of the other thing.
        dx, dy = ((side, -away), (away, side), (side, away), (-away, side))[quarter]
        c, s = math.cos(box.turn), math.sin(box.turn)
        turn = box.turn + quarter * math.pi / 2
        if kind.name in ("chair", "stool"):
            turn += math.pi + math.radians(float(self.rng.uniform(-20, 20)))  # they face the table
        elif not kind.top:
            turn = self._facing(np.array([box.x, box.y]), kind.turn)
        return _box(shape, box.x + c * dx - s * dy, box.y + s * dx + c * dy, 0.0, turn), None

    def _on_street(self, road: Road, kind: RealKind, shape: Shape) -> _Placement | None:
        rng, camera = self.rng, self.camera
        side = 1 if rng.random() < 0.5 else -1
        wide = float(shape.size[1]) / 2
        if kind.spot is Spot.LANE:
            parked = rng.random() < 0.35
            across = road.middle + side * (road.half - wide - 0.25 if parked else road.half / 2)
            turn = road.turn + (math.pi if side > 0 else 0.0) + math.radians(float(rng.uniform(-3, 3)))
            if road.crossing is not None and rng.random() < 0.7:
                return self._on_crossing(road, road.crossing, shape, side), None
        elif kind.spot is Spot.KERB:
            across = road.middle + side * (road.half + wide + float(rng.uniform(0.3, 0.6)))
            turn = 0.0
        else:
            across = road.middle + side * (road.half + float(rng.uniform(0.7, road.pavement - 0.4)))
            turn = 0.0
        line = across * road.across
        if abs(float(road.along[1])) > 0.4 and rng.random() < 0.6:
            depth = math.exp(rng.uniform(math.log(2.0), math.log(self.surroundings.reach)))
            along = (depth - float(line[1])) / float(road.along[1])
        else:
            column = float(rng.uniform(0.03, 0.97)) * camera.width
            sight = (camera.rotation @ np.array([(column - camera.cx) / camera.fx, 0.0, 1.0]))[:2]
            scale = float(sight @ road.across)
            if abs(scale) < 1e-6 or not 0.0 < across / scale < self.surroundings.reach:
                return None
            along = float(sight @ road.along) * across / scale
        spot = line + along * road.along
        if spot[1] < 1.5:
            return None
        if kind.spot is not Spot.LANE:
            turn = self._facing(spot, kind.turn)
        if kind.name == "bench":
            turn = road.turn + (math.pi if side < 0 else 0.0)  # it faces the road
        elif kind.name == "bicycle":
            turn = road.turn + math.radians(float(rng.uniform(-20, 20)))
        return _box(shape, float(spot[0]), float(spot[1]), 0.0, turn), None

    def _on_crossing(self, road: Road, crossing: float, shape: Shape, side: int) -> UprightBox:
        """Return a place on one lane of the road that crosses."""
        lane = crossing + side * road.half / 2
        column = float(self.rng.uniform(0.03, 0.97)) * self.camera.width
        sight = (self.camera.rotation @ np.array([(column - self.camera.cx) / self.camera.fx, 0.0, 1.0]))[:2]
        spot = lane * road.along + lane * float(sight @ road.across) / float(sight @ road.along) * road.across
        turn = road.turn + (0.5 + (side > 0)) * math.pi + math.radians(float(self.rng.uniform(-4, 4)))
        return _box(shape, float(spot[0]), float(spot[1]), 0.0, turn)

    def _facing(self, spot: FloatArray, limit: float) -> float:
        """Return a rotation whose front faces the camera within ``limit`` degrees, radians."""
        at = spot[:2] - self.camera.position[:2]
        turn = float(self.rng.uniform(-1, 1)) * math.radians(limit)
        return math.atan2(-float(at[1]), -float(at[0])) + math.pi / 2 + turn

    def _accept(self, box: UprightBox, carrier: int | None) -> bool:
        """Keep the box and return ``True`` if it is in the room, intersects nothing, is visible, and hides little."""
        s, camera = self.surroundings, self.camera
        if s.limits is not None and not (box.inside(s.turn, s.limits) and box.high < s.ceiling - 0.02):
            return False
        corners = camera.to_camera(box.corners())
        if corners[:, 2].min() < 0.5:
            return False
        view = extent(camera.project(corners))
        longest = max(view[2] - view[0], view[3] - view[1]) / camera.width
        if not self.config.min_extent <= longest <= _LARGEST:
            return False
        if shared_area(view, (0.0, 0.0, camera.width, camera.height)) < _IN_FRAME * box_area(view):
            return False
        if is_end_on(box, camera.position):
            return False
        depth = float(corners[:, 2].mean())
        for index, (other_depth, other) in enumerate(self._views):
            if index == carrier:
                continue
            farther = view if depth > other_depth else other
            if shared_area(view, other) > _HIDDEN * box_area(farther):
                return False
        if any(box.overlaps(o.box, _GAP) for index, o in enumerate(self.placed) if index != carrier):
            return False
        self._views.append((depth, view))
        return True


def is_end_on(box: UprightBox, eye: FloatArray) -> bool:
    """Return whether a long thing is seen along its length from ``eye`` (3,), world, metres."""
    long, short = max(box.half_x, box.half_y), min(box.half_x, box.half_y)
    if 2 * long < _LONG or long < _SLENDER * short:
        return False
    turn = box.turn if box.half_x > box.half_y else box.turn + math.pi / 2
    x, y = box.x - float(eye[0]), box.y - float(eye[1])
    return abs(x * math.cos(turn) + y * math.sin(turn)) > _END_ON * math.hypot(x, y)


def _box(shape: Shape, x: float, y: float, low: float, turn: float) -> UprightBox:
    wide, deep, tall = (float(v) for v in shape.size)
    return UprightBox(x, y, wide / 2, deep / 2, turn, low, low + tall)
