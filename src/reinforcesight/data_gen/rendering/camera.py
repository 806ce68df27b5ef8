"""Pinhole camera of a rendered picture.

World: metres, x right, y forward, z up, the floor at z = 0, the camera above the origin, looking along +y. Camera
frame: x right, y down, z forward. Pixel (column, row) is sampled by the ray through (column + 0.5, row + 0.5); fx, fy,
cx, cy are pixels of that frame, so the picture's centre is (width / 2, height / 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reinforcesight.arrays import FloatArray


@dataclass(frozen=True)
class PinholeCamera:
    """Intrinsics in pixels, with pixel centres at +0.5, and the pose.

    Attributes:
        pitch: Degrees; positive looks down.
        roll: Degrees; positive lowers the camera's right side.
        world_from_camera: (4, 4) rigid transform.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    metres_above_floor: float
    pitch: float
    roll: float
    world_from_camera: FloatArray

    @property
    def rotation(self) -> FloatArray:
        """Return (3, 3): the columns are the camera's right, down and forward directions in the world."""
        return self.world_from_camera[:3, :3]

    @property
    def position(self) -> FloatArray:
        """Return (3,) in the world, metres."""
        return self.world_from_camera[:3, 3]

    def to_camera(self, world: FloatArray) -> FloatArray:
        """Transform world points (..., 3) to the camera frame."""
        return np.asarray((world - self.position) @ self.rotation)

    def project(self, points: FloatArray) -> FloatArray:
        """Project camera-frame points (..., 3) with z > 0 to pixels (..., 2)."""
        focal, middle = np.array([self.fx, self.fy]), np.array([self.cx, self.cy])
        return np.asarray(points[..., :2] / points[..., 2:3] * focal + middle)

    def directions(self, columns: FloatArray, rows: FloatArray) -> FloatArray:
        """Return rays (N, 3) through pixel positions, scaled to z = 1, so that distance along a ray is depth."""
        rays = np.ones((columns.size, 3))
        rays[:, 0] = (columns - self.cx) / self.fx
        rays[:, 1] = (rows - self.cy) / self.fy
        return rays

    def pixel_directions(self) -> FloatArray:
        """Return rays (height * width, 3) through all pixel centres in raster order."""
        columns = np.tile(np.arange(self.width) + 0.5, self.height)
        rows = np.repeat(np.arange(self.height) + 0.5, self.width)
        return self.directions(columns, rows)

    def world_point(self, column: float, depth: float, world_z: float) -> FloatArray:
        """Return the world point in a pixel column, at a depth (metres) and at height ``world_z`` above the floor."""
        x = (column - self.cx) / self.fx * depth
        right, down, forward = self.rotation.T
        partial = self.position + x * right + depth * forward
        return np.asarray(partial + (world_z - partial[2]) / down[2] * down)


def make_camera(
    size: tuple[int, int], metres_above_floor: float, pitch: float, roll: float, field_of_view: float
) -> PinholeCamera:
    """Make a camera with square pixels above the world's origin; angles in degrees, ``field_of_view`` horizontal."""
    focal = size[0] / 2 / math.tan(math.radians(field_of_view) / 2)
    p, r = math.radians(pitch), math.radians(roll)
    level_right = np.array([1.0, 0.0, 0.0])
    level_down = np.array([0.0, -math.sin(p), -math.cos(p)])
    forward = np.array([0.0, math.cos(p), -math.sin(p)])
    pose = np.eye(4)
    pose[:3, 0] = math.cos(r) * level_right + math.sin(r) * level_down
    pose[:3, 1] = -math.sin(r) * level_right + math.cos(r) * level_down
    pose[:3, 2] = forward
    pose[2, 3] = metres_above_floor
    return PinholeCamera(
        focal, focal, size[0] / 2, size[1] / 2, size[0], size[1], metres_above_floor, pitch, roll, pose
    )
