"""Boxes rotated about the vertical, and tests for overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reinforcesight.arrays import FloatArray


@dataclass(frozen=True)
class UprightBox:
    """Box with vertical sides, in world metres: centre, half extents along its axes, bottom and top.

    ``turn`` is the angle from the world's x axis to the box's first axis, radians.
    """

    x: float
    y: float
    half_x: float
    half_y: float
    turn: float
    low: float
    high: float

    def corners(self) -> FloatArray:
        c, s = math.cos(self.turn), math.sin(self.turn)
        ax, ay, bx, by = c * self.half_x, s * self.half_x, -s * self.half_y, c * self.half_y
        plan = [(self.x + i * ax + j * bx, self.y + i * ay + j * by) for i in (-1, 1) for j in (-1, 1)]
        return np.array([(px, py, z) for z in (self.low, self.high) for px, py in plan])

    def rotation(self) -> FloatArray:
        """Return the rotation (3, 3) from the box's axes to the world's."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    def to_world(self, points: FloatArray) -> FloatArray:
        """Transform points (N, 3) of a shape that fills the box from the shape's frame to the world."""
        return np.asarray(points @ self.rotation().T + np.array([self.x, self.y, self.low]))

    def overlaps(self, other: UprightBox, gap: float) -> bool:
        """Return whether the boxes share some height and are less than ``gap`` metres apart horizontally."""
        if self.low >= other.high - 1e-9 or other.low >= self.high - 1e-9:
            return False
        dx, dy = other.x - self.x, other.y - self.y
        for turn in (self.turn, other.turn):
            for angle in (turn, turn + math.pi / 2):
                c, s = math.cos(angle), math.sin(angle)
                if abs(dx * c + dy * s) > self._reach(angle) + other._reach(angle) + gap:
                    return False
        return True

    def inside(self, turn: float, limits: tuple[float, float, float, float]) -> bool:
        """Return whether the footprint lies within (x0, x1, y0, y1) along axes rotated by ``turn`` (radians)."""
        c, s = math.cos(turn), math.sin(turn)
        along, across = self.x * c + self.y * s, -self.x * s + self.y * c
        rx, ry = self._reach(turn), self._reach(turn + math.pi / 2)
        x0, x1, y0, y1 = limits
        return along - rx >= x0 and along + rx <= x1 and across - ry >= y0 and across + ry <= y1

    def _reach(self, angle: float) -> float:
        """Return the half extent along a horizontal direction."""
        return self.half_x * abs(math.cos(self.turn - angle)) + self.half_y * abs(math.sin(self.turn - angle))
