"""Scenes of a second engine: other shapes, other layouts and another ray caster than the package's renderer.

Rooms, table tops and yards, built from trimesh primitives: furniture in rows and corners, small objects on it and under
it, open and thin objects (shelves, racks, lamps, ladders, wires), and objects that are seen through others.
Objects are placed without regard to visibility. ``label_truth_elsewhere.py`` measures the labels on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trimesh

Rng = np.random.Generator
Mesh = trimesh.Trimesh


@dataclass(frozen=True)
class Thing:
    """An object in the camera frame (x right, y down, z forward, metres).

    Attributes:
        mesh: Its triangles.
        centre: Centre of the object's bounding box, (3,), metres.
        surface: Random points on its surface, (N, 3).
        supports: Positions of the objects that it stands on.
    """

    name: str
    mesh: Mesh
    centre: np.ndarray
    surface: np.ndarray
    supports: tuple[int, ...]


@dataclass(frozen=True)
class Picture:
    """What the camera sees: z (zero: nothing hit), and the object of each pixel (-1: none), (H, W)."""

    things: list[Thing]
    depth: np.ndarray
    instances: np.ndarray
    visible: list[float]
    focal: float
    setting: str


def _box(size: tuple[float, ...], at: tuple[float, ...]) -> Mesh:
    mesh = trimesh.creation.box(extents=size)
    mesh.apply_translation(at)
    return mesh


def _tube(radius: float, height: float, at: tuple[float, ...]) -> Mesh:
    mesh = trimesh.creation.cylinder(radius=radius, height=height, sections=20)
    mesh.apply_translation(at)
    return mesh


def _ball(radius: float, at: tuple[float, ...], squash: float = 1.0) -> Mesh:
    mesh = trimesh.creation.icosphere(subdivisions=2, radius=radius)
    mesh.apply_scale((1, 1, squash))
    mesh.apply_translation(at)
    return mesh


def _joined(*parts: Mesh) -> Mesh:
    return trimesh.util.concatenate(parts)


def _legs(wide: float, deep: float, high: float, thick: float) -> list[Mesh]:
    x, y = (wide - thick) / 2, (deep - thick) / 2
    return [_box((thick, thick, high), (i * x, j * y, high / 2)) for i in (-1, 1) for j in (-1, 1)]


def desk(rng: Rng) -> Mesh:
    wide, deep, high = rng.uniform(1.0, 1.8), rng.uniform(0.5, 0.8), rng.uniform(0.7, 0.76)
    return _joined(_box((wide, deep, 0.03), (0, 0, high)), *_legs(wide, deep, high, 0.04))


def rack(rng: Rng) -> Mesh:
    """Open on all sides: the wall behind is seen between the boards."""
    wide, deep, high = rng.uniform(0.6, 1.2), rng.uniform(0.3, 0.45), rng.uniform(1.0, 1.9)
    boards = [_box((wide, deep, 0.02), (0, 0, h)) for h in np.linspace(0.15, high, int(rng.integers(3, 6)))]
    return _joined(*boards, *_legs(wide, deep, high, 0.025))


def stool(rng: Rng) -> Mesh:
    high = rng.uniform(0.42, 0.7)
    return _joined(_tube(0.17, 0.035, (0, 0, high)), *_legs(0.28, 0.28, high, 0.025))


def armchair(rng: Rng) -> Mesh:
    wide = rng.uniform(0.7, 0.9)
    arms = [_box((0.14, 0.75, 0.6), (s * (wide / 2 - 0.07), 0, 0.3)) for s in (-1, 1)]
    return _joined(_box((wide, 0.75, 0.4), (0, 0, 0.2)), _box((wide, 0.16, 0.9), (0, 0.3, 0.45)), *arms)


def floor_lamp(rng: Rng) -> Mesh:
    high = rng.uniform(1.3, 1.7)
    return _joined(
        _tube(0.14, 0.03, (0, 0, 0.015)), _tube(0.012, high, (0, 0, high / 2)), _tube(0.2, 0.25, (0, 0, high))
    )


def clothes_horse(rng: Rng) -> Mesh:
    wide, high = rng.uniform(0.7, 1.0), rng.uniform(0.9, 1.2)
    bars = [_box((wide, 0.012, 0.012), (0, y, h)) for h in np.linspace(0.3, high, 4) for y in (-0.2, 0.2)]
    return _joined(*bars, *_legs(wide, 0.4, high, 0.02))


def cupboard(rng: Rng) -> Mesh:
    wide, deep, high = rng.uniform(0.5, 1.2), rng.uniform(0.35, 0.6), rng.uniform(0.7, 1.9)
    return _box((wide, deep, high), (0, 0, high / 2))


def plant(rng: Rng) -> Mesh:
    high = rng.uniform(0.4, 1.1)
    leaves = [
        _ball(0.05 + 0.05 * rng.random(), (0.18 * math.cos(a), 0.18 * math.sin(a), high * rng.uniform(0.5, 1)), 0.5)
        for a in rng.uniform(0, 2 * math.pi, 12)
    ]
    return _joined(_tube(0.12, 0.2, (0, 0, 0.1)), _tube(0.01, high, (0, 0, high / 2)), *leaves)


def can(rng: Rng) -> Mesh:
    high = rng.uniform(0.1, 0.25)
    return _tube(rng.uniform(0.03, 0.06), high, (0, 0, high / 2))


def carton(rng: Rng) -> Mesh:
    size = rng.uniform(0.1, 0.4, 3)
    return _box(tuple(size), (0, 0, size[2] / 2))


def bowl(rng: Rng) -> Mesh:
    radius = rng.uniform(0.07, 0.14)
    profile = np.array([(0, 0), (0.6, 0), (1, 0.6), (0.93, 0.6), (0.5, 0.08), (0, 0.08)]) * radius
    return trimesh.creation.revolve(profile, sections=20)


def ball(rng: Rng) -> Mesh:
    radius = rng.uniform(0.06, 0.2)
    return _ball(radius, (0, 0, radius))


def screen(rng: Rng) -> Mesh:
    wide = rng.uniform(0.4, 0.7)
    return _joined(
        _box((wide, 0.03, wide * 0.6), (0, 0, 0.12 + wide * 0.3)),
        _box((0.05, 0.05, 0.15), (0, 0.03, 0.08)),
        _box((0.22, 0.16, 0.015), (0, 0, 0.008)),
    )


def vase(rng: Rng) -> Mesh:
    high = rng.uniform(0.15, 0.35)
    profile = np.array([(0, 0), (0.25, 0), (0.4, 0.4), (0.2, 0.85), (0.3, 1.0), (0, 1.0)]) * high
    return trimesh.creation.revolve(profile, sections=20)


def bollard(rng: Rng) -> Mesh:
    high = rng.uniform(0.6, 1.2)
    return _joined(_tube(0.08, high, (0, 0, high / 2)), _ball(0.09, (0, 0, high)))


def van(rng: Rng) -> Mesh:
    long, high = rng.uniform(3.5, 5.0), rng.uniform(1.4, 2.2)
    return _joined(
        _box((long, 1.8, high * 0.55), (0, 0, high * 0.45)),
        _box((long * 0.65, 1.65, high * 0.4), (long * 0.12, 0, high * 0.9)),
    )


def goal(rng: Rng) -> Mesh:
    """A frame with nothing in it."""
    wide, high = rng.uniform(1.5, 3.0), rng.uniform(1.2, 2.0)
    posts = [_tube(0.04, high, (s * wide / 2, 0, high / 2)) for s in (-1, 1)]
    return _joined(*posts, _box((wide, 0.08, 0.08), (0, 0, high)))


def shrub(rng: Rng) -> Mesh:
    radius = rng.uniform(0.3, 0.8)
    balls = [
        _ball(radius * 0.5, (*(rng.uniform(-0.5, 0.5, 2) * radius), radius * rng.uniform(0.4, 1))) for _ in range(7)
    ]
    return _joined(*balls)


def pole(rng: Rng) -> Mesh:
    high = rng.uniform(2.0, 3.5)
    return _joined(_tube(0.04, high, (0, 0, high / 2)), _box((0.5, 0.02, 0.4), (0, 0, high)))


Maker = Callable[[Rng], Mesh]
LARGE: tuple[Maker, ...] = (desk, rack, stool, armchair, floor_lamp, clothes_horse, cupboard, plant)
SMALL: tuple[Maker, ...] = (can, carton, bowl, ball, screen, vase)
YARD: tuple[Maker, ...] = (bollard, van, goal, shrub, pole, carton, ball, stool)
# Boards that carry things: share of the footprint, and whether every board does or only the top.
CARRIERS = {"desk", "rack", "stool", "cupboard"}
# Camera: height and distance to the middle of the scene, metres; pitch, degrees.
VIEWS = {"room": ((1.2, 1.8), (2.6, 4.5), (8, 25)), "table": ((1.15, 1.6), (1.0, 1.8), (20, 38)),
         "yard": ((1.4, 2.0), (6.0, 12.0), (2, 10))}  # fmt: skip


def _pose(rng: Rng, setting: str) -> np.ndarray:
    """World (z up, floor at 0, scene around the origin) to camera, (4, 4)."""
    height, away, pitch = (rng.uniform(*span) for span in VIEWS[setting])
    tilt, roll = math.radians(pitch), math.radians(rng.normal(0, 2))
    forward = np.array([0, math.cos(tilt), -math.sin(tilt)])
    right = np.array([1.0, 0, 0])
    down = np.cross(forward, right)
    right, down = (
        math.cos(roll) * right + math.sin(roll) * down,
        -math.sin(roll) * right + math.cos(roll) * down,
    )
    rotation = np.stack([right, down, forward])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = -rotation @ np.array([0, -away, height])
    return matrix


class _Layout:
    """Things on the ground and on one another, without overlap in plan at the same height."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.things: list[tuple[str, Mesh, np.ndarray, tuple[int, ...]]] = []
        self.tops: list[tuple[int, np.ndarray]] = []  # carrier, and (x0, y0, x1, y1, z)

    def put(self, make: Maker, spread: float, *, on_top: bool, scale: float = 1.0) -> None:
        for _ in range(20):
            mesh = make(self.rng)
            mesh.apply_scale(scale)
            box = mesh.bounds.copy()
            turn = self.rng.choice([0, math.pi / 2, math.pi]) + self.rng.normal(0, 0.25)
            mesh.apply_transform(trimesh.transformations.rotation_matrix(turn, (0, 0, 1)))
            supports: tuple[int, ...] = ()
            if on_top and self.tops:
                carrier, (x0, y0, x1, y1, z) = self.tops[int(self.rng.integers(len(self.tops)))]
                spot, supports = np.array([self.rng.uniform(x0, x1), self.rng.uniform(y0, y1), z]), (carrier,)
            else:
                spot = np.array([*self.rng.uniform(-spread, spread, 2), 0.0])
            mesh.apply_translation(spot)
            low, high = mesh.bounds
            if any(
                (low[:2] < other.bounds[1][:2] + 0.01).all()
                and (high[:2] > other.bounds[0][:2] - 0.01).all()
                and low[2] < other.bounds[1][2] - 0.005
                and high[2] > other.bounds[0][2] + 0.005
                and number not in supports
                for number, (_, other, _, _) in enumerate(self.things)
            ):
                continue
            if supports and not self._fits(mesh, self.things[supports[0]][1]):
                continue
            centre = trimesh.transform_points(
                [box.mean(axis=0)], trimesh.transformations.rotation_matrix(turn, (0, 0, 1))
            )
            self.things.append((make.__name__, mesh, centre[0] + spot, supports))
            if make.__name__ in CARRIERS:
                self._carry(len(self.things) - 1, mesh, make.__name__)
            return

    def _fits(self, mesh: Mesh, carrier: Mesh) -> bool:
        """Whether a thing lies within its carrier's footprint, and in a rack under the next board."""
        inside = (mesh.bounds[0][:2] >= carrier.bounds[0][:2]).all() and (
            mesh.bounds[1][:2] <= carrier.bounds[1][:2]
        ).all()
        shelves = [z for _, (*_, z) in self.tops if z > mesh.bounds[0][2] + 0.05 and z <= carrier.bounds[1][2] + 0.05]
        return bool(inside and (not shelves or mesh.bounds[1][2] < min(shelves) - 0.03))

    def _carry(self, number: int, mesh: Mesh, kind: str) -> None:
        (x0, y0, _), (x1, y1, top) = mesh.bounds
        inset_x, inset_y = 0.2 * (x1 - x0), 0.2 * (y1 - y0)
        levels = [top]
        if kind == "rack":
            flat = mesh.triangles_center[(mesh.face_normals[:, 2] > 0.99) & (mesh.area_faces > 0.02)][:, 2]
            levels = sorted(set(np.round(flat, 3)))
        for z in levels:
            self.tops.append((number, np.array([x0 + inset_x, y0 + inset_y, x1 - inset_x, y1 - inset_y, z])))


def make_picture(seed: int, index: int, size: tuple[int, int] = (320, 240)) -> Picture:
    """Picture ``index`` of a seed's sequence; ``size`` is width and height, pixels."""
    rng = np.random.default_rng([seed, index, 5])
    setting = ("room", "room", "table", "yard")[index % 4]
    layout = _Layout(rng)
    if setting == "table":
        layout.put(desk, 0.1, on_top=False)
        for _ in range(int(rng.integers(5, 9))):
            layout.put(SMALL[int(rng.integers(len(SMALL)))], 0.6, on_top=True)
    elif setting == "room":
        for _ in range(int(rng.integers(4, 7))):
            layout.put(LARGE[int(rng.integers(len(LARGE)))], 1.8, on_top=False)
        for _ in range(int(rng.integers(3, 7))):
            layout.put(SMALL[int(rng.integers(len(SMALL)))], 1.8, on_top=rng.random() < 0.7)
    else:
        for _ in range(int(rng.integers(6, 10))):
            layout.put(YARD[int(rng.integers(len(YARD)))], 5.0, on_top=False)
    return _seen(rng, layout, setting, size)


def _seen(rng: Rng, layout: _Layout, setting: str, size: tuple[int, int]) -> Picture:
    pose = _pose(rng, setting)
    width, height = size
    focal = width / 2 / math.tan(math.radians(rng.uniform(48, 72)) / 2)
    things, meshes = [], []
    for name, mesh, centre, supports in layout.things:
        moved = mesh.copy()
        moved.apply_transform(pose)
        points = trimesh.sample.sample_surface(moved, 2000, seed=0)[0]
        things.append(Thing(name, moved, trimesh.transform_points([centre], pose)[0], points, supports))
        meshes.append(moved)
    ground = trimesh.creation.box(extents=(60, 60, 0.02))
    ground.apply_translation((0, 0, -0.01))
    back = trimesh.creation.box(extents=(12, 0.1, 6))
    back.apply_translation((0, rng.uniform(2.2, 4.0) if setting != "yard" else 28, 1))
    for mesh in (ground, back):
        mesh.apply_transform(pose)
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([(columns - width / 2) / focal, (rows - height / 2) / focal, np.ones_like(columns)], -1).reshape(
        -1, 3
    )
    owner = np.repeat(np.arange(-2, len(meshes)), [len(m.faces) for m in (ground, back, *meshes)])
    whole = trimesh.util.concatenate([ground, back, *meshes])
    depth, triangle = _cast(whole, rays)
    instances = np.where(triangle >= 0, np.maximum(owner[triangle], -1), -1)
    visible = []
    for number, mesh in enumerate(meshes):
        alone = (_cast(mesh, rays)[1] >= 0) | (instances == number)
        visible.append(float((instances == number).sum() / max(1, alone.sum())))
    return Picture(things, depth.reshape(height, width), instances.reshape(height, width), visible, focal, setting)


def _cast(mesh: Mesh, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z and triangle (-1: none) of the first hit of each ray from the origin."""
    triangles, hit, places = mesh.ray.intersects_id(
        np.zeros_like(rays), rays, multiple_hits=False, return_locations=True
    )
    depth, found = np.zeros(len(rays)), np.full(len(rays), -1)
    depth[hit], found[hit] = places[:, 2], triangles
    return depth, found
