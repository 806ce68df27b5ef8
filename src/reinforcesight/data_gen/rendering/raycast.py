"""Ray casting with Embree, and exact depth from the planes of the triangles that were hit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinforcesight.errors import require_module

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Hits:
    """First hits of N rays: triangle index or -1, barycentric u and v, distance in lengths of the direction."""

    triangle: NDArray[np.int32]
    u: Float32
    v: Float32
    distance: Float32


class RayScene:
    """Triangles that rays can be cast against. Positions are in one frame, best with the camera at its origin."""

    def __init__(self, vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> None:
        rtcore_scene = require_module("embreex.rtcore_scene", extra="rendered")
        construction = require_module("embreex.mesh_construction", extra="rendered")
        # A device of its own: it starts in well under a millisecond, and none is carried over into forked workers.
        self._scene = rtcore_scene.EmbreeScene(robust=True)
        self._mesh = construction.TriangleMesh(
            self._scene,
            np.ascontiguousarray(vertices, dtype=np.float32),
            np.ascontiguousarray(faces, dtype=np.int32),
        )

    def first_hits(self, directions: Float32, origins: Float32 | None = None) -> Hits:
        """Cast rays from ``origins`` (by default the frame's origin) along ``directions``, both (N, 3)."""
        start = np.zeros_like(directions) if origins is None else origins
        found = self._scene.run(start, directions, output=1)
        return Hits(found["primID"], found["u"], found["v"], found["tfar"])

    def blocked(self, origins: Float32, directions: Float32, limit: float) -> NDArray[np.bool_]:
        """True where anything lies on a ray nearer than ``limit`` lengths of its direction."""
        reach = np.full(len(origins), limit, dtype=np.float32)
        hit: NDArray[np.bool_] = self._scene.run(origins, directions, dists=reach) >= 0
        return hit


def triangle_planes(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """For each triangle the vector q with q . x = 1 on its plane (F, 3); zero where the plane meets the origin.

    A ray t * d from the origin meets the plane at t = 1 / (q . d).
    """
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    offset = np.einsum("ij,ij->i", normals, corners[:, 0])
    safe = np.abs(offset) > 1e-12
    planes: NDArray[np.float64] = np.where(safe[:, None], normals / np.where(safe, offset, 1.0)[:, None], 0.0)
    return planes


def exact_depth(
    hits: Hits, directions: NDArray[np.float64], planes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Depth (N,) of first hits of rays from the origin with z = 1, by double-precision plane intersection.

    Embree works in single precision; its own distance is kept where a ray grazes a plane, and 0 marks no hit.
    """
    found = hits.triangle >= 0
    rough = hits.distance.astype(np.float64)
    q = planes[np.where(found, hits.triangle, 0)]
    across = q[:, 0] * directions[:, 0] + q[:, 1] * directions[:, 1] + q[:, 2] * directions[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = 1.0 / across
        agrees = np.abs(exact - rough) <= 1e-3 * rough
    return np.where(found, np.where(agrees, exact, rough), 0.0)
