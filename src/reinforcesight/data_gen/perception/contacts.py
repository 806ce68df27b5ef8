"""What the outlines of objects show: which covers part of which, what rests on what, the gaps between them, and which
stand on the floor.

Only objects with an outline take part. A step in depth along the line where two outlines meet tells whose edge it is:
the nearer object ends there, and the farther one continues behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_cdt
from scipy.spatial import cKDTree

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reinforcesight.data_gen.perception.mask_checks import rim_pixels
from reinforcesight.data_gen.perception.nearest import smallest_distances
from reinforcesight.scene import Camera, Contact, Floor, ObjectId

_STEP = 0.03  # relative step in depth from which one object is in front of the other
_INSIDE = 2  # pixels from the edge at which depth is read as well: estimated depth is blurred across edges
_SHORTEST = 8  # pixels of a contour that count
_SHORTEST_SHARE = 0.2  # of the root of the smaller object's area
_FEWEST_HIDDEN, _HIDDEN_SHARE = 12, 0.02  # hidden pixels that count, where the source knows them: not a thin strip
_CONTRARY = 0.2  # largest share of the contour along which the order is the other way round

_RESTING_SHARE = 0.6  # of the lower edge that must meet the object below
_FEWEST_SIDE = 2  # pixels to the side of the lower edge where the object below continues behind the one above

_LOWEST_PIXELS = 6
_LOWEST_SHARE = 0.005

_RAISED = 0.05  # clearance from which something carries an object
_ON_FLOOR = 0.02
# Log depth of a pixel over that of the pixel above: below the object, and on what carries it (mouldings, bricks).
_FIRST_STEP, _LATER_STEPS = 0.03, (-0.06, 0.06)
_AT_BASE = 0.02  # how far the carrier's uppermost pixel may be above or below the object's lowest points
_SET_BACK = 0.02  # how much farther than the object's base a carrier may be, log depth
_DEEPEST_CARRIER = 0.3  # how much nearer a carrier's foot may be, log depth
_COLUMNS, _FEWEST_COLUMNS = 9, 6

# What hangs on a wall: the surfaces around its outline are one upright plane, which its own surface is close to.
_AROUND = (2, 6)  # pixels from the outline
_FEWEST_AROUND = 60
_ON_PLANE, _PLANE_SHARE = 0.01, 0.9  # distance over depth, and share of the pixels around
_UPRIGHT = 0.1  # largest cosine between the plane's normal and the vertical
_SLANTED = 0.04  # share of the picture's height by which the wall's foot may rise along the object
_AGAINST_WALL = 0.025  # largest distance of its surface from the plane, over its depth


_Pair = tuple[int, int, int]  # positions of two objects, and pixels


@dataclass(frozen=True, slots=True)
class ContourRules:
    """Settings of contacts and carriers.

    Attributes:
        lowest_part: Fraction of an object's height, from below, where it may rest on something.
        touching: Range of the log depth of the object below over that of the one above: a top comes towards the camera.
        hidden_rows: Fewest hidden pixels per pixel of the contour, where the source knows them: not a strip at an edge.
        walls: Whether to look for the wall that an object hangs on.
        contact_distances: Whether the distance between an object and what it rests on is measured where they touch.
    """

    lowest_part: float = 0.1
    touching: tuple[float, float] = (-0.06, 0.003)
    hidden_rows: float = 1.5
    walls: bool = True
    contact_distances: bool = True


TOY_CONTOURS = ContourRules(
    lowest_part=0.25, touching=(-0.03, 0.003), hidden_rows=0.0, walls=False, contact_distances=False
)
"""Settings of the toys' world. They never change, nor do the data that the embedded model was trained on."""


class OutlineMap:
    """The outlines of N objects in one map.

    Args:
        masks: (H, W) bool, or ``None`` where an object has no outline. Pixels that two masks share belong to neither.
        depth: (H, W) z.
        valid: (H, W), where depth has a reading.
    """

    def __init__(
        self,
        masks: Sequence[BoolArray | None],
        depth: Float32Array,
        valid: BoolArray,
        rules: ContourRules = ContourRules(),
    ) -> None:
        labels = np.full(depth.shape, -1, dtype=np.int64)
        for index, mask in enumerate(masks):
            if mask is not None:
                labels[mask] = np.where(labels[mask] == -1, index, -2)
        self._rules = rules
        self._masks = masks
        self._labels = labels
        self._log = np.log(np.where(valid, depth, 1.0)).astype(np.float64)
        self._valid = valid
        # Across: the pixel to the left and the one to the right. Down: the upper one and the lower one.
        near = np.where(valid, 1.0 / np.where(valid, depth, 1.0), 0.0).astype(np.float64)
        self._across = self._meetings(labels, near)
        self._down = self._meetings(labels.T, near.T)

    @staticmethod
    def _meetings(labels: IntArray, near: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return the objects on both sides of each place where two outlines meet, and which is in front (-1: neither).

        Inverse depth is linear in the pixels of a plane. So a top that comes towards the camera is continued by a pixel
        before depths are compared: below a thing that stands on it there is no step.
        """
        rows, columns = np.nonzero((labels[:, :-1] >= 0) & (labels[:, 1:] >= 0) & (labels[:, :-1] != labels[:, 1:]))
        i, j = labels[rows, columns], labels[rows, columns + 1]
        before, after = np.maximum(columns - _INSIDE, 0), np.minimum(columns + 1 + _INSIDE, labels.shape[1] - 1)
        before = np.where(labels[rows, before] == i, before, columns)
        after = np.where(labels[rows, after] == j, after, columns + 1)
        a, b = near[rows, columns], near[rows, columns + 1]
        a_inside, b_inside = near[rows, before], near[rows, after]
        a_next, b_next = a + (a - a_inside) / _INSIDE, b + (b - b_inside) / _INSIDE
        edge = 1.0 + _STEP / 2
        read = (a > 0) & (b > 0) & (a_inside > 0) & (b_inside > 0)
        first = (a > edge * b) & (a_next > edge * b) & (a > edge * b_next) & (a_inside > (1 + _STEP) * b_inside)
        second = (b > edge * a) & (b_next > edge * a) & (b > edge * a_next) & (b_inside > (1 + _STEP) * a_inside)
        return i, j, np.where(read & first, i, np.where(read & second, j, -1))

    def covers(self, hidden: Sequence[Mapping[ObjectId, int] | None], ids: Sequence[ObjectId]) -> list[_Pair]:
        """Return pairs whose first object covers part of the second, and along how many pixels."""
        fronts: Counter[tuple[int, int]] = Counter()
        for one, other, nearer in (self._across, self._down):
            seen = nearer >= 0
            fronts.update(zip(nearer[seen].tolist(), (one + other - nearer)[seen].tolist(), strict=True))
        found = []
        for pair, length in sorted(fronts.items()):
            front, back = pair
            areas = [int(np.count_nonzero(self._labels == item)) for item in (front, back)]
            enough = length >= max(_SHORTEST, _SHORTEST_SHARE * np.sqrt(min(areas)))
            known = hidden[back]
            if known is not None:
                least = max(_FEWEST_HIDDEN, _HIDDEN_SHARE * areas[1], self._rules.hidden_rows * length)
                enough = known.get(ids[front], 0) >= least
            if enough and fronts[back, front] <= _CONTRARY * length:
                found.append((front, back, length))
        return found

    @cached_property
    def resting(self) -> dict[tuple[int, int], tuple[IntArray, IntArray]]:
        """Return pairs whose first object stands or lies on the second: rows and columns of its lower edge there.

        Below its lower edge the second one comes towards the camera without a step, and next to it the second one
        continues behind it: so it is seen before a surface that carries it, not behind an edge.
        """
        i, j, _ = self._down
        pairs = sorted(set(zip(i.tolist(), j.tolist(), strict=True)))
        found = ((pair, self._touching(*pair)) for pair in pairs)
        return {pair: pixels for pair, pixels in found if len(pixels[0])}

    def _touching(self, upper: int, lower: int) -> tuple[IntArray, IntArray]:
        none = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        labels, logs = self._labels, self._log
        own = labels == upper
        rows = np.flatnonzero(own.any(axis=1))
        start = int(rows[-1] + 1 - max(2, round(self._rules.lowest_part * (rows[-1] + 1 - rows[0]))))
        if rows[-1] + 1 >= len(labels):
            return none
        r, c = np.nonzero(own[start:-1] & ~own[start + 1 :])
        r += start
        under = labels[r + 1, c] == lower
        step = logs[r + 1, c] - logs[r, c]
        touching = (
            under
            & self._valid[r + 1, c]
            & self._valid[r, c]
            & (step >= self._rules.touching[0])
            & (step <= self._rules.touching[1])
        )
        if touching.sum() < max(2.0, _RESTING_SHARE * len(r)):
            return none
        beside, behind = 0, 0
        for first, second, flip in ((labels[:, :-1], labels[:, 1:], 1), (labels[:, 1:], labels[:, :-1], -1)):
            y, x = np.nonzero((first[start:] == upper) & (second[start:] == lower))
            y += start
            here, there = (x, x + 1) if flip == 1 else (x + 1, x)
            step = logs[y, there] - logs[y, here]
            beside += len(y)
            behind += int((step > -self._rules.touching[1]).sum())
        return (r[touching], c[touching]) if behind >= _FEWEST_SIDE and behind >= 0.8 * beside else none

    def contacts(
        self, ids: Sequence[ObjectId], hidden: Sequence[Mapping[ObjectId, int] | None]
    ) -> tuple[Contact, ...]:
        """Return all contacts of the objects with these ids; ``hidden``: see ``Detection.hidden_by``."""
        covers = self.covers(hidden, ids)
        found = [Contact(kind="covers", subject=ids[i], reference=ids[j], pixels=n) for i, j, n in covers]
        found += [
            Contact(kind="rests on", subject=ids[i], reference=ids[j], pixels=len(rows))
            for (i, j), (rows, _) in self.resting.items()
        ]
        return tuple(found)

    def gaps(self) -> tuple[tuple[float | None, ...], ...] | None:
        """Return free pixels between every two outlines, 0 where they meet; ``None`` if fewer than two have one."""
        seen = [mask if mask is not None and mask.any() else None for mask in self._masks]
        contours = [None if mask is None else np.column_stack(rim_pixels(mask)).astype(np.float64) for mask in seen]
        trees = [None if points is None else cKDTree(points) for points in contours]
        if sum(tree is not None for tree in trees) < 2:
            return None
        count = len(contours)
        table: list[list[float | None]] = [[None] * count for _ in range(count)]
        for i in range(count):
            for j in range(i):
                tree, points = trees[i], contours[j]
                if tree is not None and points is not None:
                    least = float(np.min(smallest_distances(tree, points, 1)))
                    table[i][j] = table[j][i] = round(max(0.0, least - 1.0), 1)
        return tuple(tuple(row) for row in table)

    def clearances(self, camera: Camera, floor: Floor | None) -> list[tuple[float | None, float | None]]:
        """Return each object's height above the floor, and the row where what carries it meets the floor.

        The height is that of the lowest visible points over the camera's height. The row is known where a surface
        can be followed from the object straight down to the floor: a pedestal, a shelf, the wall that it hangs on.
        """
        found: list[tuple[float | None, float | None]] = []
        if floor is None or not floor.found or floor.normal is None or not floor.offset:
            return [(None, None)] * len(self._masks)
        up = floor.normal
        across = (np.arange(self._valid.shape[1]) + 0.5 - camera.cx) / camera.fx
        down = (np.arange(self._valid.shape[0]) + 0.5 - camera.cy) / camera.fy
        ray = up[0] * across[None, :] + up[1] * down[:, None] + up[2]
        heights = np.where(self._valid, np.exp(self._log) * ray / floor.offset + 1.0, np.inf)
        for index, mask in enumerate(self._masks):
            own = heights[mask & self._valid] if mask is not None else np.empty(0)
            if own.size < _LOWEST_PIXELS:
                found.append((None, None))
                continue
            count = max(_LOWEST_PIXELS, int(_LOWEST_SHARE * own.size))
            lowest = float(np.median(np.partition(own, count - 1)[:count]))
            carrier = self._carrier_row(index, heights, lowest) if lowest >= _RAISED else None
            if carrier is None and lowest >= _RAISED and self._rules.walls:
                carrier = self._wall_row(index, camera, np.array(up), float(floor.offset))
            found.append((round(lowest, 3) + 0.0, carrier))
        return found

    def _carrier_row(self, index: int, heights: FloatArray, lowest: float) -> float | None:
        """Return the median row at which the surfaces below an object reach the floor, in columns through its middle.

        It is the picture's height if they reach the lower border before the floor.
        """
        own = self._labels == index
        columns = np.flatnonzero(own.any(axis=0))
        if not len(columns):  # other outlines lie over all of it
            return None
        first, last = np.percentile(columns, (25, 75))
        found = []
        for column in np.unique(np.linspace(first, last, _COLUMNS).astype(np.int64)):
            inside = np.flatnonzero(own[:, column])
            if not len(inside):
                continue
            start = int(inside[-1])
            logs = self._log[start:, column]
            steps = np.diff(logs)
            follows = (steps >= _LATER_STEPS[0]) & (steps <= _LATER_STEPS[1]) & self._valid[start + 1 :, column]
            follows[:1] &= (steps[:1] <= _FIRST_STEP) & (
                np.abs(heights[start + 1 : start + 2, column] - lowest) <= _AT_BASE
            )
            follows &= (logs[1:] - logs[0] <= _SET_BACK) & (logs[0] - logs[1:] <= _DEEPEST_CARRIER)
            follows &= self._labels[start + 1 :, column] == -1
            reached = np.flatnonzero(heights[start + 1 :, column] <= _ON_FLOOR)
            end = int(reached[0]) if len(reached) else len(follows)
            if len(follows) and follows[: end + 1].all():
                found.append(start + 1 + end)
        return float(np.median(found)) if len(found) >= _FEWEST_COLUMNS else None

    def _wall_row(self, index: int, camera: Camera, up: FloatArray, offset: float) -> float | None:
        """Return the row at which the wall that an object hangs on meets the floor, below the object's middle."""
        mask = self._masks[index]
        assert mask is not None
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        edge = _AROUND[1]
        top, left = max(rows[0] - edge, 0), max(columns[0] - edge, 0)
        area = (slice(top, rows[-1] + 1 + edge), slice(left, columns[-1] + 1 + edge))
        away = distance_transform_cdt(~mask[area], metric="chessboard")
        around = (away >= _AROUND[0]) & (away <= edge) & self._valid[area] & (self._labels[area] == -1)
        if np.count_nonzero(around) < max(
            _FEWEST_AROUND, 0.4 * np.count_nonzero((away >= _AROUND[0]) & (away <= edge))
        ):
            return None

        below = rows[-1] + 1 - top  # the wall goes on there; what stands before one does not hang on it
        if np.count_nonzero(around[below:]) < 0.5 * np.count_nonzero(away[below:] <= edge):
            return None

        def points(where: BoolArray) -> FloatArray:
            r, c = np.nonzero(where)
            z = np.exp(self._log[area][r, c])
            x, y = (c + left + 0.5 - camera.cx) / camera.fx, (r + top + 0.5 - camera.cy) / camera.fy
            return np.stack([x * z, y * z, z], axis=1)

        wall = points(around)
        middle = np.median(wall, axis=0)
        normal = np.linalg.svd(wall - wall.mean(axis=0), full_matrices=False)[2][-1]
        flat = np.abs((wall - wall.mean(axis=0)) @ normal) <= _ON_PLANE * middle[2]
        if abs(float(normal @ up)) > _UPRIGHT or flat.mean() < _PLANE_SHARE:
            return None
        own = points(mask[area] & self._valid[area])
        if np.median(np.abs((own - wall.mean(axis=0)) @ normal)) > _AGAINST_WALL * middle[2]:
            return None
        # Straight down from the object's left side, middle and right side, moved onto the wall.
        across = own[:, 0] / own[:, 2]
        level = normal - float(normal @ up) * up
        feet = []
        for share in (0.05, 0.5, 0.95):
            nearest = np.argsort(np.abs(across - np.quantile(across, share)), kind="stable")[: len(own) // 20 + 1]
            at = np.median(own[nearest], axis=0)
            at = at - float((at - wall.mean(axis=0)) @ normal) / float(level @ normal) * level
            foot = at - (float(at @ up) + offset) * up
            feet.append(float(camera.cy + camera.fy * foot[1] / foot[2]) if foot[2] > 0 else np.inf)
        if not max(feet) - min(feet) <= _SLANTED * len(mask):
            return None
        return float(min(feet[1], len(mask)))
