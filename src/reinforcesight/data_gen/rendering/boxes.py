"""Upright boxes turned about the vertical: what keeps solids from running into one another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class UprightBox:
    """A box with vertical sides.

    Attributes:
        x: Centre, world metres.
        y: Centre, world metres.
        half_x: Half extent along its own first axis.
        half_y: Half extent along its own second axis.
        turn: Radians from the world's x axis to its own first axis.
        low: Bottom, world z.
        high: Top, world z.
    """

    x: float
    y: float
    half_x: float
    half_y: float
    turn: float
    low: float
    high: float

    def corners(self) -> NDArray[np.float64]:
        """(8, 3) world corners."""
        c, s = math.cos(self.turn), math.sin(self.turn)
        ax, ay, bx, by = c * self.half_x, s * self.half_x, -s * self.half_y, c * self.half_y
        plan = [(self.x + i * ax + j * bx, self.y + i * ay + j * by) for i in (-1, 1) for j in (-1, 1)]
        return np.array([(px, py, z) for z in (self.low, self.high) for px, py in plan])

    def overlaps(self, other: UprightBox, gap: float) -> bool:
        """True unless the boxes are at least ``gap`` apart sideways, or one lies at or above the other's top."""
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
        """True if the plan lies within (x0, x1, y0, y1) of a frame turned about the world's origin."""
        c, s = math.cos(turn), math.sin(turn)
        along, across = self.x * c + self.y * s, -self.x * s + self.y * c
        rx, ry = self._reach(turn), self._reach(turn + math.pi / 2)
        x0, x1, y0, y1 = limits
        return along - rx >= x0 and along + rx <= x1 and across - ry >= y0 and across + ry <= y1

    def _reach(self, angle: float) -> float:
        """Half extent along a plan direction."""
        return self.half_x * abs(math.cos(self.turn - angle)) + self.half_y * abs(math.sin(self.turn - angle))
