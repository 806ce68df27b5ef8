"""Twins: changes to a rendered scene that invert one relation and leave the other relations as they are.

One object is moved, or the camera; a mirrored picture inverts left and right of all pairs. Which changes are proposed
is decided by the objects' positions in the layout; the labels come from the rendered pictures, like all others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.random import Generator

from reinforcesight.arrays import FloatArray, IntArray
from reinforcesight.data_gen.rendering.boxes import UprightBox
from reinforcesight.data_gen.rendering.camera import PinholeCamera, make_camera
from reinforcesight.data_gen.rendering.config import RenderConfig
from reinforcesight.data_gen.rendering.objects.kinds import CATALOGUE, Kind, Seat
from reinforcesight.data_gen.rendering.objects.primitives import Shape
from reinforcesight.data_gen.rendering.objects.real_kinds import REAL_KINDS, Spot
from reinforcesight.data_gen.rendering.picture import RenderedPicture
from reinforcesight.data_gen.rendering.surroundings import Support
from reinforcesight.data_gen.rendering.worlds.composition import Placed, SceneLayout
from reinforcesight.data_gen.rendering.worlds.place_layout import is_end_on
from reinforcesight.data_gen.rendering.worlds.places import REAL_PLACES
from reinforcesight.data_gen.rendering.worlds.toys import Placer
from reinforcesight.relations.kinds import DEFAULT_RULES

# Relative gaps from which a relation may be claimed: distance of the centres divided by the mean side, depth, distance
# to an anchor.
_GAPS = (DEFAULT_RULES.picture_gap, DEFAULT_RULES.depth_gap, DEFAULT_RULES.distance_gap)
_SURE, _POSSIBLE = 1.2, 1.0  # factors on these gaps: the inverted relation is clear, no other claim is inverted
_CROWDING = 0.6  # as in training scenes: maximum share of an object that another one may cover
_ANYWHERE = 0.25  # share of the proposed places that are random
_BEYOND = (1.0, 2.5)  # the others: so many times the shift that would make the two values equal ...
_SCATTER = 0.08  # ... and metres of random deviation
_TURNS = (8.0, 60.0)  # degrees by which the camera moves around the objects


class TwinKind(StrEnum):
    """How a twin was made."""

    MOVED_OBJECT = "moved object"
    MOVED_CAMERA = "moved camera"
    MIRRORED = "mirrored"


@dataclass(frozen=True)
class Goal:
    """Relation to invert: axis, and indices of the objects that are compared, and of the anchor."""

    axis: str
    first: int
    second: int
    anchor: int | None = None

    @property
    def place(self) -> tuple[int, ...]:
        pair = (self.first, self.second)
        return pair if self.anchor is None else (self.anchor, *pair)


def moved_objects(
    layout: SceneLayout, goal: Goal, rng: Generator, config: RenderConfig, tries: int
) -> Iterator[tuple[SceneLayout, int]]:
    """Yield scenes in which one object of the goal has moved so that the goal's relation is inverted; and its index."""
    free = [at for at in goal.place if kind_of(layout, at).seats and not _carries(layout, at)]
    if not free:
        return
    before = _signs(layout, _POSSIBLE)
    movers = {at: (_Mover.of(layout, at, rng, config), _towards(layout, goal, at)) for at in free}
    for _ in range(tries):
        at = free[int(rng.integers(len(free)))]
        mover, towards = movers[at]
        box = mover.find(goal.axis, towards)
        if box is None:
            continue
        objects = list(layout.objects)
        objects[at] = replace(objects[at], box=box)
        moved = replace(layout, objects=tuple(objects))
        if _inverts_only(before, moved, goal):
            yield moved, at


def moved_cameras(layout: SceneLayout, goal: Goal, rng: Generator, tries: int) -> Iterator[SceneLayout]:
    """Yield scenes seen from another place, around the objects, so that the goal's relation is inverted."""
    before = _signs(layout, _POSSIBLE)
    for _ in range(tries):
        moved = replace(layout, camera=_orbit(layout, rng))
        if _sees_all(moved) and _inverts_only(before, moved, goal):
            yield moved


def mirrored(picture: RenderedPicture) -> RenderedPicture:
    """Return the picture and its geometry with left and right exchanged: the picture of the mirrored scene."""
    camera = picture.camera
    fov = 2 * math.degrees(math.atan(camera.width / 2 / camera.fx))
    size = (camera.width, camera.height)
    sign = np.array([-1.0, 1.0, 1.0])
    return replace(
        picture,
        picture=np.ascontiguousarray(picture.picture[:, ::-1]),
        depth=np.ascontiguousarray(picture.depth[:, ::-1]),
        instances=np.ascontiguousarray(picture.instances[:, ::-1]),
        camera=make_camera(size, camera.metres_above_floor, camera.pitch, -camera.roll, fov),
        objects=tuple(
            replace(item, vertices=(item.vertices * sign).astype(np.float32), centre=item.centre * sign)
            for item in picture.objects
        ),
    )


def _inverts_only(before: dict[str, IntArray], moved: SceneLayout, goal: Goal) -> bool:
    """Return whether the goal's relation is clearly inverted, and surely no other one."""
    was = before[goal.axis][goal.place]
    if was == 0 or _signs(moved, _SURE)[goal.axis][goal.place] != -was:
        return False
    after = _signs(moved, _POSSIBLE)
    return sum(int(np.sum(before[axis] * after[axis] == -1)) for axis in before) == 2  # (i, j) and (j, i)


def _signs(layout: SceneLayout, factor: float) -> dict[str, IntArray]:
    """Return for each axis and pair (i, j), and for distance (anchor, i, j), -1 where i has the smaller value.

    It is 1 where i has the larger value, and 0 if the gap is below ``factor`` times that of a claim.
    """
    camera, boxes = layout.camera, [placed.box for placed in layout.objects]
    corners = camera.to_camera(np.stack([box.corners() for box in boxes]))  # (N, 8, 3)
    pixels = camera.project(corners)
    low, high = pixels.min(axis=1), pixels.max(axis=1)  # (N, 2)
    middles, sides = (low + high) / 2, high - low
    centres = corners.mean(axis=1)
    in_picture, depth, distance = (factor * gap for gap in _GAPS)
    found: dict[str, IntArray] = {}
    for axis, name in enumerate(("horizontal", "vertical")):
        apart = middles[:, None, axis] - middles[None, :, axis]
        side = (sides[:, None, axis] + sides[None, :, axis]) / 2
        found[name] = _clear(apart, in_picture * side)
    z = centres[:, 2]
    found["depth"] = _clear(z[:, None] - z[None, :], depth * np.maximum(z[:, None], z[None, :]))
    to = np.linalg.norm(centres[:, None] - centres[None, :], axis=2)  # (anchor, i)
    larger = np.maximum(to[:, :, None], to[:, None, :])
    found["distance"] = _clear(to[:, :, None] - to[:, None, :], distance * larger)
    anchors = np.arange(len(boxes))
    found["distance"][anchors, anchors, :] = found["distance"][anchors, :, anchors] = 0
    return found


def _clear(apart: FloatArray, least: FloatArray) -> IntArray:
    return np.where(np.abs(apart) > least, np.sign(apart), 0).astype(np.int64)


def kind_of(layout: SceneLayout, at: int) -> Kind:
    """Return the kind of an object; without a seat if it stays where it is: at a wall, at the kerb or on a lane."""
    placed = layout.objects[at]
    if layout.setting not in REAL_PLACES:
        return CATALOGUE[placed.kind]
    raised = placed.box.low > 0
    names = [name for name in REAL_PLACES[layout.setting].more if REAL_KINDS[name].name == placed.kind]
    kinds = sorted((REAL_KINDS[name] for name in names), key=lambda kind: (kind.spot is Spot.TOP) is not raised)
    seats = {Spot.TOP: Seat.SUPPORT, Spot.FLOOR: Seat.FLOOR}.get(kinds[0].spot, Seat(0))
    if placed.kind == "person":
        seats = Seat.FLOOR
    return Kind(placed.kind, kinds[0].build, (1.0, 1.0), seats=seats, top=kinds[0].top if kinds[0].deck == 1 else 0.0)


def _carries(layout: SceneLayout, at: int) -> bool:
    """Return whether another object stands on this one."""
    own = layout.objects[at].box
    above = replace(own, low=own.high - 0.01, high=own.high + 0.01)
    return any(other.box is not own and above.overlaps(other.box, 0.0) for other in layout.objects)


class _Mover(Placer):
    """Finds other places for one object, which keeps its size and the side that it shows to the camera."""

    moved: Placed
    kind: Kind
    stays_near: bool  # whether it only shifts on its floor or support, where it belongs

    @staticmethod
    def of(layout: SceneLayout, at: int, rng: Generator, config: RenderConfig) -> _Mover:
        mover = _Mover(rng, layout.camera, layout.surroundings, config, crowding=_CROWDING)
        mover.moved, mover.kind = layout.objects[at], kind_of(layout, at)
        mover.stays_near = layout.setting in REAL_PLACES
        for index, other in enumerate(layout.objects):
            if other is not mover.moved:
                mover.occupy(other.box)
                top = kind_of(layout, index).top
                if top:
                    b = other.box
                    mover.supports.append(Support(b.x, b.y, b.high, b.half_x * top, b.half_y * top, b.turn))
        return mover

    def find(self, axis: str, towards: FloatArray) -> UprightBox | None:
        """Return the object's box at a random place, or ``None`` if that is not free.

        ``towards`` (3,), world, metres: the shift that would make the two compared values equal. Most places lie a
        little beyond it.
        """
        kind, rng = self.kind, self.rng
        if self.stays_near:
            box = self._shifted(towards * rng.uniform(*_BEYOND) + rng.normal(size=3) * _SCATTER)
        elif axis == "vertical" and rng.random() > _ANYWHERE and Seat.SUPPORT in kind.seats:
            box = self._raised_or_lowered()
        elif rng.random() < _ANYWHERE or np.linalg.norm(towards) < 1e-6:
            found = self._try(kind, self.moved.shape, self._seats(kind)[0])
            box = None if found is None else found[1]
        else:
            box = self._shifted(towards * rng.uniform(*_BEYOND) + rng.normal(size=3) * _SCATTER)
        if box is None or not self._accept(box):
            return None
        self._solids.pop()
        self._views.pop()
        return box

    def _raised_or_lowered(self) -> UprightBox | None:
        """Return the object's box on a random support, as near as it fits, or on the floor before its support."""
        rng, old = self.rng, self.moved.box
        tall = old.high - old.low
        at = int(rng.integers(len(self.supports) + 1))
        if at == len(self.supports):
            nearer = 1 - rng.uniform(0.0, 0.4)
            return replace(old, x=old.x * nearer, y=old.y * nearer, low=0.0, high=tall)
        top = self.supports[at]
        c, s = math.cos(top.turn), math.sin(top.turn)
        dx, dy = old.x - top.x, old.y - top.y
        reach = max(old.half_x, old.half_y)
        wide, deep = max(0.0, top.half_x - reach), max(0.0, top.half_y - reach)
        u, v = np.clip(dx * c + dy * s, -wide, wide), np.clip(-dx * s + dy * c, -deep, deep)
        box = replace(old, x=top.x + u * c - v * s, y=top.y + u * s + v * c, low=top.z, high=top.z + tall)
        return box if box.inside(top.turn, _limits(top)) else None

    def _shifted(self, by: FloatArray) -> UprightBox | None:
        """Return the object's box after a shift: on the same floor or support, or in the air."""
        old = self.moved.box
        box = replace(old, x=old.x + float(by[0]), y=old.y + float(by[1]))
        box = replace(box, turn=self._turn(self.kind, np.array([box.x, box.y])))
        if old.low < 1e-6:
            return box
        if any(abs(top.z - old.low) < 1e-6 for top in self.supports):
            tops = [top for top in self.supports if abs(top.z - old.low) < 1e-6]
            return box if any(box.inside(t.turn, _limits(t)) for t in tops) else None
        if Seat.AIR not in self.kind.seats:
            return None  # it hangs on a wall
        up = float(by[2])
        free = old.low + up > 0.05 and old.high + up < self.surroundings.ceiling - 0.05
        return replace(box, low=old.low + up, high=old.high + up) if free else None

    def _scale(self, kind: Kind, shape: Shape, depth: float, most: float = math.inf) -> float | None:
        scale = self.moved.scale
        extent = scale * self.camera.fx * float(shape.size.max()) / max(depth, 1e-3) / self.camera.width
        return scale if scale <= most and self.config.min_extent <= extent <= 0.62 else None

    def _turn(self, kind: Kind, spot: FloatArray) -> float:
        box = self.moved.box
        return box.turn + math.atan2(float(spot[1]), float(spot[0])) - math.atan2(box.y, box.x)


def _limits(top: Support) -> tuple[float, float, float, float]:
    """Return a support's limits along its own axes, as :meth:`UprightBox.inside` takes them."""
    c, s = math.cos(top.turn), math.sin(top.turn)
    along, across = top.x * c + top.y * s, -top.x * s + top.y * c
    return along - top.half_x, along + top.half_x, across - top.half_y, across + top.half_y


def _towards(layout: SceneLayout, goal: Goal, at: int) -> FloatArray:
    """Return the shift (3,) of object ``at``, world, metres, that would make the goal's two values equal."""
    camera = layout.camera
    centres = {i: np.array([(b := layout.objects[i].box).x, b.y, (b.low + b.high) / 2]) for i in goal.place}
    if goal.anchor is not None:
        first, second, anchor = (centres[i] for i in (goal.first, goal.second, goal.anchor))
        if at == goal.anchor:
            return np.asarray((first + second) / 2 - anchor)
        other = second if at == goal.first else first
        own = centres[at] - anchor
        return np.asarray(own * (np.linalg.norm(other - anchor) / max(float(np.linalg.norm(own)), 1e-6) - 1))
    other_at = goal.second if at == goal.first else goal.first
    own, other = camera.to_camera(centres[at]), camera.to_camera(centres[other_at])
    if goal.axis == "depth":
        wanted = own * other[2] / own[2]  # along the line of sight
    else:
        wanted = own.copy()
        axis = ("horizontal", "vertical").index(goal.axis)
        wanted[axis] = other[axis] / other[2] * own[2]
    return np.asarray((wanted - own) @ camera.rotation.T)


def _orbit(layout: SceneLayout, rng: Generator) -> PinholeCamera:
    """Return the camera, moved around the vertical through the middle of the objects."""
    camera = layout.camera
    middle = np.array([np.mean([p.box.x for p in layout.objects]), np.mean([p.box.y for p in layout.objects]), 0.0])
    angle = math.radians(rng.uniform(*_TURNS)) * (1 if rng.random() < 0.5 else -1)
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    pose = camera.world_from_camera.copy()
    pose[:3, :3] = turn @ camera.rotation
    pose[:3, 3] = middle + turn @ (camera.position - middle)
    return replace(camera, world_from_camera=pose)


def _sees_all(layout: SceneLayout) -> bool:
    """Return whether the camera is free in the room and has all objects in the frame."""
    camera, around = layout.camera, layout.surroundings
    x, y, z = (float(v) for v in camera.position)
    spot = UprightBox(x, y, 0.2, 0.2, 0.0, z - 0.2, z + 0.2)
    if around.limits is not None and not spot.inside(around.turn, around.limits):
        return False
    if any(spot.overlaps(solid.box, 0.1) for solid in around.solids):
        return False
    if layout.setting in REAL_PLACES and any(is_end_on(placed.box, camera.position) for placed in layout.objects):
        return False
    corners = camera.to_camera(np.stack([placed.box.corners() for placed in layout.objects]))
    if corners[..., 2].min() < 0.4:
        return False
    pixels = camera.project(corners)
    return bool(pixels.min() >= 0 and (pixels.max(axis=(0, 1)) <= (camera.width, camera.height)).all())
