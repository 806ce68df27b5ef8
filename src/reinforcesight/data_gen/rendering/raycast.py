"""Cast rays with Embree, and compute exact depth from the planes of the triangles that were hit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray
from reinforcesight.errors import require_module


@dataclass(frozen=True)
class Hits:
    """First hits of N rays: triangle index or -1, barycentric u and v, distance in lengths of the direction."""

    triangle: NDArray[np.int32]
    u: Float32Array
    v: Float32Array
    distance: Float32Array


class RayScene:
    """Triangles to cast rays against, all in one frame, preferably with the camera at its origin (precision)."""

    def __init__(self, vertices: FloatArray, faces: NDArray[np.int32]) -> None:
        rtcore_scene = require_module("embreex.rtcore_scene", extra="rendered")
        construction = require_module("embreex.mesh_construction", extra="rendered")
        self._scene = rtcore_scene.EmbreeScene(_device(os.getpid()), robust=True)
        self._mesh = construction.TriangleMesh(
            self._scene,
            np.ascontiguousarray(vertices, dtype=np.float32),
            np.ascontiguousarray(faces, dtype=np.int32),
        )

    def first_hits(self, directions: Float32Array, origins: Float32Array | None = None) -> Hits:
        """Cast rays from ``origins`` (by default the frame's origin) along ``directions``, both (N, 3)."""
        start = np.zeros_like(directions) if origins is None else origins
        found = self._scene.run(start, directions, output=1)
        return Hits(found["primID"], found["u"], found["v"], found["tfar"])

    def blocked(self, origins: Float32Array, directions: Float32Array, limit: float) -> BoolArray:
        """Return whether anything lies on each ray nearer than ``limit`` lengths of its direction, (N,)."""
        reach = np.full(len(origins), limit, dtype=np.float32)
        return np.asarray(self._scene.run(origins, directions, dists=reach, query="OCCLUDED") >= 0)


@lru_cache(maxsize=1)
def _device(process: int) -> Any:
    """Return Embree's device of this process; a forked process must not use its parent's."""
    return require_module("embreex.rtcore", extra="rendered").EmbreeDevice()


def triangle_planes(vertices: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    """Return for each triangle the vector q with q . x = 1 on its plane, (F, 3); 0 if the plane contains the origin.

    A ray t * d from the origin meets the plane at t = 1 / (q . d).
    """
    corners = vertices[faces]
    (ax, ay, az), (bx, by, bz) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    normals = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)  # as np.cross, but faster
    offset = np.einsum("ij,ij->i", normals, corners[:, 0])
    safe = np.abs(offset) > 1e-12
    return np.where(safe[:, None], normals / np.where(safe, offset, 1.0)[:, None], 0.0)


def exact_depth(hits: Hits, directions: FloatArray, planes: FloatArray) -> FloatArray:
    """Return the depth (N,) of first hits of rays from the origin with z = 1, in double precision; 0: no hit.

    Embree works in single precision. Its distance is used only if a ray grazes a plane.
    """
    found = hits.triangle >= 0
    rough = hits.distance.astype(np.float64)
    triangle = np.where(found, hits.triangle, 0).astype(np.intp)
    across = planes[:, 0].take(triangle) * directions[:, 0]
    across += planes[:, 1].take(triangle) * directions[:, 1]
    across += planes[:, 2].take(triangle) * directions[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = 1.0 / across
        agrees = np.abs(exact - rough) <= 1e-3 * rough
    return np.where(found, np.where(agrees, exact, rough), 0.0)
