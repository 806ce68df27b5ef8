"""Build shapes from boxes, lathed bodies, tori and hulls as triangle meshes.

Frame of a shape: metres, x right, y to the back, z up; the front faces -y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reinforcesight.data_gen.rendering.palette import Paints, Rgb, to_linear
from reinforcesight.errors import require_module

Vec3 = tuple[float, float, float]
Corners = tuple[Vec3, ...]
Profile = tuple[tuple[float, float], ...]

# Faces that meet at less than this angle are shaded as one curved surface.
_CREASE_DEGREES = 44.0


@dataclass(frozen=True)
class UnitMesh:
    """Primitive before scaling: vertices (V, 3), faces (F, 3), normals at each face's corners (F, 3, 3)."""

    vertices: FloatArray
    faces: NDArray[np.int32]
    corner_normals: FloatArray


@dataclass(frozen=True)
class Shape:
    """Finished object with its lowest point at z = 0 and its bounding box centred on x = y = 0."""

    vertices: FloatArray  # (V, 3) metres
    faces: NDArray[np.int32]  # (F, 3) vertex indices
    corner_normals: FloatArray  # (F, 3, 3) unit normals at each face's corners
    albedo: Float32Array  # (F, 3) linear reflectance
    part: NDArray[np.int32]  # (F,) index of the primitive a face belongs to
    named: BoolArray  # (F,) whether the face carries the object's named colour
    size: FloatArray  # (3,) extent along x, y, z in metres


class ShapeBuilder:
    """Collects painted primitives.

    In all methods, ``at`` is a primitive's centre, ``turn`` its rotation about x, y and z in degrees, and ``paint``
    its colour (by default the object's named colour).
    """

    def __init__(self, paints: Paints) -> None:
        self.paints = paints
        self._vertices: list[FloatArray] = []
        self._faces: list[NDArray[np.int32]] = []
        self._normals: list[FloatArray] = []
        self._paint: list[Rgb] = []
        self._count = 0

    def box(self, size: Vec3, at: Vec3, paint: Rgb | None = None, turn: Vec3 | None = None) -> None:
        self._add(_unit_box(), size, at, paint, turn)

    def cylinder(
        self,
        radius: float,
        height: float,
        at: Vec3,
        paint: Rgb | None = None,
        turn: Vec3 | None = None,
        top: float = 1.0,
        sections: int = 18,
    ) -> None:
        """Add an upright cylinder; ``top`` is the top radius divided by the bottom radius (0 makes a cone)."""
        side: Profile = ((1.0, -0.5), (top, 0.5)) if top > 0 else ((1.0, -0.5),)
        profile = ((0.0, -0.5), *side, (0.0, 0.5))
        self._add(_lathe(profile, sections), (radius, radius, height), at, paint, turn)

    def lathe(
        self,
        profile: Profile,
        at: Vec3 = (0.0, 0.0, 0.0),
        paint: Rgb | None = None,
        scale: Vec3 = (1.0, 1.0, 1.0),
        turn: Vec3 | None = None,
        sections: int = 18,
    ) -> None:
        """Add a profile of (radius, z) points rotated about z."""
        self._add(_lathe(profile, sections), scale, at, paint, turn)

    def sphere(
        self,
        radius: float | Vec3,
        at: Vec3,
        paint: Rgb | None = None,
        turn: Vec3 | None = None,
        sections: int = 18,
    ) -> None:
        """Add a ball; with three radii, an ellipsoid."""
        radii = radius if isinstance(radius, tuple) else (radius, radius, radius)
        self._add(_unit_sphere(sections), radii, at, paint, turn)

    def torus(
        self,
        radius: float,
        tube: float,
        at: Vec3,
        paint: Rgb | None = None,
        turn: Vec3 | None = None,
        arc: float = 360.0,
    ) -> None:
        """Add a ring around z; ``arc`` below 360 degrees gives an open handle that starts at +x."""
        self._add(_torus(round(tube / radius, 3), arc), (radius, radius, radius), at, paint, turn)

    def rod(self, start: Vec3, end: Vec3, radius: float, paint: Rgb | None = None, sections: int = 8) -> None:
        first, last = np.array(start), np.array(end)
        axis = last - first
        length = float(np.linalg.norm(axis))
        unit = _lathe(((0.0, -0.5), (1.0, -0.5), (1.0, 0.5), (0.0, 0.5)), sections)
        middle = (first + last) / 2
        self._place(unit, np.array([radius, radius, length]), _onto_axis(axis / length), middle, paint)

    def hull(
        self,
        points: Corners,
        at: Vec3 = (0.0, 0.0, 0.0),
        paint: Rgb | None = None,
        scale: Vec3 = (1.0, 1.0, 1.0),
        turn: Vec3 | None = None,
    ) -> None:
        self._add(_hull(points), scale, at, paint, turn)

    def _add(self, mesh: UnitMesh, size: Vec3, at: Vec3, paint: Rgb | None, turn: Vec3 | None) -> None:
        self._place(mesh, np.array(size), _rotation(turn), np.array(at), paint)

    def _place(
        self,
        mesh: UnitMesh,
        size: FloatArray,
        rotation: FloatArray | None,
        at: FloatArray,
        paint: Rgb | None,
    ) -> None:
        vertices = mesh.vertices * size
        normals = mesh.corner_normals / size
        if rotation is not None:
            vertices = vertices @ rotation.T
            normals = normals @ rotation.T
        self._vertices.append(vertices + at)
        self._faces.append(mesh.faces + np.int32(self._count))
        self._normals.append(normals)
        self._paint.append(self.paints.main if paint is None else paint)
        self._count += len(vertices)

    def finish(self) -> Shape:
        vertices = np.concatenate(self._vertices)
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        vertices = vertices - np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
        counts = [len(faces) for faces in self._faces]
        normals = np.concatenate(self._normals)
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        part = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        albedo = to_linear(np.array(self._paint)).astype(np.float32)[part]
        own = {self.paints.main, self.paints.dark, self.paints.light}
        named = np.array([paint in own for paint in self._paint])[part]
        return Shape(vertices, np.concatenate(self._faces), normals, albedo, part, named, high - low)


def _rotation(turn: Vec3 | None) -> FloatArray | None:
    """Return the rotation about x, then y, then z, by degrees."""
    if turn is None:
        return None
    (cx, sx), (cy, sy), (cz, sz) = [(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in turn]
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    rotation: FloatArray = about_z @ about_y @ about_x
    return rotation


def _onto_axis(axis: FloatArray) -> FloatArray:
    """Return a rotation whose third column is the given unit axis."""
    helper = np.array([1.0, 0.0, 0.0]) if abs(axis[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    first = _cross(helper, axis)
    first /= math.sqrt(first.dot(first))
    return np.stack([first, _cross(axis, first), axis], axis=1)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the same values as ``np.cross``, which takes ten times as long for two vectors (3,)."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _with_normals(vertices: FloatArray, faces: IntArray) -> UnitMesh:
    """Compute corner normals: the area-weighted mean over faces around a vertex within the crease angle."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    keep = area > 1e-12
    faces, cross, area = faces[keep], cross[keep], area[keep]
    unit = cross / area[:, None]
    # Vertices at the same place count as one, so that no seam is visible.
    _, place = np.unique(np.round(vertices, 9), axis=0, return_inverse=True)
    place = place.reshape(-1)
    around: dict[int, list[int]] = {}
    for face, triple in enumerate(faces):
        for vertex in triple:
            around.setdefault(int(place[vertex]), []).append(face)
    limit = math.cos(math.radians(_CREASE_DEGREES))
    normals = np.empty((len(faces), 3, 3))
    for face, triple in enumerate(faces):
        for corner, vertex in enumerate(triple):
            near = np.array(around[int(place[vertex])])
            near = near[unit[near] @ unit[face] >= limit]
            mean = cross[near].sum(axis=0)
            normals[face, corner] = mean / np.linalg.norm(mean)
    return UnitMesh(vertices, faces.astype(np.int32), normals)


def _from_trimesh(mesh: Any) -> UnitMesh:
    return _with_normals(np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64))


@lru_cache(maxsize=1)
def _unit_box() -> UnitMesh:
    return _from_trimesh(require_module("trimesh", extra="rendered").creation.box(extents=(1.0, 1.0, 1.0)))


@lru_cache(maxsize=256)
def _lathe(profile: Profile, sections: int) -> UnitMesh:
    trimesh = require_module("trimesh", extra="rendered")
    return _from_trimesh(trimesh.creation.revolve(np.array(profile, dtype=np.float64), sections=sections))


@lru_cache(maxsize=8)
def _unit_sphere(sections: int) -> UnitMesh:
    rings = sections // 2
    angles = [math.pi * i / rings for i in range(rings + 1)]
    # The poles must lie exactly on the axis; otherwise the lathe leaves pinholes.
    profile = tuple((0.0 if i in (0, rings) else math.sin(a), -math.cos(a)) for i, a in enumerate(angles))
    return _lathe(profile, sections)


@lru_cache(maxsize=64)
def _torus(tube: float, arc: float, sections: int = 24, tube_sections: int = 8) -> UnitMesh:
    closed = arc >= 360.0
    count = sections if closed else max(6, round(sections * arc / 360.0)) + 1
    along = np.radians(arc) * np.arange(count) / (count if closed else count - 1)
    across = 2 * np.pi * np.arange(tube_sections) / tube_sections
    radius = 1.0 + tube * np.cos(across)
    x, y = np.cos(along)[:, None] * radius, np.sin(along)[:, None] * radius
    z = np.broadcast_to(tube * np.sin(across), (count, tube_sections))
    vertices = np.stack([x, y, z], axis=2).reshape(-1, 3)
    faces: list[tuple[int, int, int]] = []
    for i in range(count if closed else count - 1):
        ring, next_ring = i * tube_sections, (i + 1) % count * tube_sections
        for j in range(tube_sections):
            k = (j + 1) % tube_sections
            faces.append((ring + j, next_ring + j, next_ring + k))
            faces.append((ring + j, next_ring + k, ring + k))
    return _with_normals(vertices, np.array(faces, dtype=np.int64))


def extruded(outline: Profile, front: float = 0.0, back: float = 1.0) -> Corners:
    """Return the corners of a plate: an outline of (x, z) points at y = front and at y = back."""
    return tuple((x, y, z) for y in (front, back) for x, z in outline)


@lru_cache(maxsize=64)
def _hull(points: Corners) -> UnitMesh:
    trimesh = require_module("trimesh", extra="rendered")
    return _from_trimesh(trimesh.convex.convex_hull(np.array(points, dtype=np.float64)))
