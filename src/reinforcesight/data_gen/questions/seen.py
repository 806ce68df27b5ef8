"""What a scene shows of single objects: where they meet the ground, how large they look, and how large they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reinforcesight.data_gen.questions.usual_sizes import usual_size
from reinforcesight.language.names import ambiguous_names
from reinforcesight.pictures.boxes import shared_area
from reinforcesight.scene import ObjectId, Scene, SceneObject, Vector

ON_GROUND = (-0.03, 0.02)  # clearance over the camera's height of what stands on the ground ...
_ON_GROUND_ROWS, _ON_GROUND_MOST = 2.5, 0.08  # ... or so many rows of pixels, but not more than that
_NEAREST_BASE = 0.97  # of an object's nearest depth: its base is not nearer
_ON_WALL = 0.99  # of an object's depth: what carries it meets the ground at least so far away if it is a wall
_WHOLE = 0.97  # visible share of an object whose size and base can be seen


@dataclass(frozen=True)
class Base:
    """Where an object, or what carries it, meets the ground: rows as shares of the picture's height."""

    row: float
    lowest: float  # the row that it is not below: part of it may be hidden
    # "stands", "on" (the object ``via``), "wall" (it hangs on one), "carried" (by something else); also "above" (the
    # ground), "cut" (by the lower edge of the picture), "carried, cut".
    how: str
    via: ObjectId | None = None


@dataclass(frozen=True)
class Side:
    """A side of an object's box: pixels, and the lowest and highest usual length, metres."""

    pixels: float
    low: float
    high: float
    is_height: bool = False


class Seen:
    """The objects of a scene by id. ``named`` are those whose names are unique."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.items = {item.id: item for item in scene.objects}
        self.contacts = {(c.kind, c.subject, c.reference) for c in scene.contacts}
        flags = ambiguous_names([item.name for item in scene.objects])
        self._names_wall = any("wall" in item.name.casefold() for item in scene.objects)
        self.named = [item.id for item, flag in zip(scene.objects, flags, strict=True) if not flag]

    def covers(self, one: ObjectId, other: ObjectId) -> bool:
        return ("covers", one, other) in self.contacts

    def is_covered(self, item: ObjectId) -> bool:
        """Return whether another object hides any part of this one, however small."""
        shown = self.items[item].visible_fraction
        return (shown is not None and shown < 1.0) or any(self.covers(other, item) for other in self.items)

    def rests(self, one: ObjectId, other: ObjectId) -> bool:
        return ("rests on", one, other) in self.contacts

    def nearer(self, one: ObjectId, other: ObjectId) -> bool:
        return (self.items[one].depth or math.inf) < (self.items[other].depth or 0.0)

    # --- the ground ---

    def base(self, item: ObjectId) -> float:
        """Return the row of an object's lowest point as a share of the picture's height."""
        return self.items[item].box[3] / self.scene.height

    def touches(self, item: ObjectId) -> bool:
        """Return whether what is seen of an object reaches down to the ground."""
        thing = self.items[item]
        if thing.floor_clearance is None or thing.box[3] >= self.scene.height - 1:
            return False
        return ON_GROUND[0] <= thing.floor_clearance <= self._on_ground_up_to(thing)

    def _on_ground_up_to(self, thing: SceneObject) -> float:
        """Return the largest clearance of what stands on the ground: far away, a row of pixels is a lot of height."""
        camera, floor = self.scene.camera, self.scene.floor
        if camera is None or floor is None or not floor.offset or thing.depth is None:
            return ON_GROUND[1]
        rows = _ON_GROUND_ROWS * thing.depth / (camera.fy * floor.offset)
        return max(ON_GROUND[1], min(_ON_GROUND_MOST, rows))

    def stands(self, item: ObjectId) -> bool:
        """Return whether an object stands on the ground, with its whole base in sight."""
        thing, box = self.items[item], self.items[item].box
        return self.touches(item) and box[0] > 1 and box[2] < self.scene.width - 1 and self._is_seen(thing)

    def lowest_base(self, item: ObjectId) -> float | None:
        """Return the lowest row that the base of an object on the ground can have, as a share of the picture's height.

        If part of it is hidden, its base is not nearer than its nearest visible surface. ``None``: not on the ground.
        """
        thing = self.items[item]
        if not self.touches(item) or self.stands(item):
            return self.base(item) if self.touches(item) else None
        if thing.depth_near is None:
            return None
        row = self._floor_row(thing, _NEAREST_BASE * thing.depth_near)
        return None if row is None else max(self.base(item), row)

    def _floor_row(self, thing: SceneObject, depth: float) -> float | None:
        """Return the row of the floor at a depth, below the left or right side of an object, whichever is lower."""
        floor, camera = self.scene.floor, self.scene.camera
        if floor is None or floor.normal is None or not floor.offset or camera is None:
            return None
        x, y, z = floor.normal
        falls = floor.offset / depth + z
        rows = [camera.cy - camera.fy * (falls + x * (side - camera.cx) / camera.fx) / y for side in thing.box[::2]]
        return max(rows) / self.scene.height

    def ground(self, item: ObjectId) -> Base | None:
        """Return where an object, or what carries it, meets the ground."""
        lowest = self.lowest_base(item)
        if lowest is not None:
            return Base(self.base(item), lowest, "stands")
        for via in self.named:
            lowest = self.lowest_base(via) if self.rests(item, via) else None
            if lowest is not None:
                return Base(self.base(via), lowest, "on", via)
        thing = self.items[item]
        if thing.carrier_base is None:
            return None
        row = thing.carrier_base / self.scene.height
        own = self._floor_row(thing, _ON_WALL * thing.depth) if thing.depth is not None else None
        how = "wall" if own is not None and row <= own and not self._names_wall else "carried"
        return Base(row, row, how if row < 1 - 1 / self.scene.height else "carried, cut")

    def is_cut(self, item: ObjectId) -> bool:
        """Return whether an object goes on below the picture."""
        thing = self.items[item]
        above = thing.floor_clearance is None or thing.floor_clearance > ON_GROUND[1]
        return thing.truncated and above and thing.box[3] >= self.scene.height

    def below_eye_level(self, item: ObjectId, base: float) -> float | None:
        """Return how far below eye level a base of an object is; both are shares of the picture's height."""
        floor, camera = self.scene.floor, self.scene.camera
        if floor is None or floor.normal is None or camera is None:
            return None
        x, y, z = floor.normal
        box = self.items[item].box
        across = ((box[0] + box[2]) / 2 - camera.cx) / camera.fx
        return base - (camera.cy - camera.fy * (x * across + z) / y) / self.scene.height

    # --- sizes ---

    def size(self, item: ObjectId) -> float:
        """Return the root of the box's area, pixels."""
        x0, y0, x1, y1 = self.items[item].box
        return math.sqrt((x1 - x0) * (y1 - y0))

    def is_whole(self, item: SceneObject) -> bool:
        """Return whether nothing cuts or hides an object; without outlines, whether no nearer box overlaps its box."""
        if item.truncated or item.masked or item.visible_fraction is not None:
            return not item.truncated and self._is_seen(item)
        nearer = [other for other in self.scene.objects if other.id != item.id and self.nearer(other.id, item.id)]
        return not any(shared_area(item.box, other.box) for other in nearer)

    def _is_seen(self, item: SceneObject) -> bool:
        return item.visible_fraction is None or item.visible_fraction >= _WHOLE

    def usual_side(self, item: SceneObject) -> Side | None:
        """Return the longer side of an object's box and its usual length; too short if part of it is not seen."""
        size = usual_size(item.name)
        if size is None or self.scene.camera is None:
            return None
        width, height = item.box[2] - item.box[0], item.box[3] - item.box[1]
        usual = size.longer_side(*self._slopes(item), width / height if self.is_whole(item) else None)
        return None if usual is None else Side(max(width, height), *usual)

    def whole_side(self, item: SceneObject) -> Side | None:
        """Return a side of an object's box that is seen whole, and its usual length; too long if its base is hidden."""
        if self.is_whole(item):
            return self.usual_side(item)
        size = usual_size(item.name)
        lowest = self.lowest_base(item.id) if self._shows_height(item) else None
        if size is None or lowest is None:
            return None
        return Side(lowest * self.scene.height - item.box[1], *size.upright_side(*self._slopes(item)), is_height=True)

    def _shows_height(self, item: SceneObject) -> bool:
        """Return whether an object on the ground is seen from base to top, though perhaps not from side to side."""
        covers = [self.items[c.subject] for c in self.scene.contacts if c.kind == "covers" and c.reference == item.id]
        hidden = any(other.box[1] <= item.box[1] + 1 and other.box[3] > item.box[1] for other in covers)
        known = self._is_seen(item) or bool(covers)
        return item.masked and item.box[1] > 1 and self.touches(item.id) and known and not hidden

    def _slopes(self, item: SceneObject) -> tuple[float, float]:
        """Return how long upright lines, and level ones along the line of sight, appear at an object."""
        camera, floor = self.scene.camera, self.scene.floor
        if camera is None:
            return 1.0, 0.0
        level: Vector = (0.0, -1.0, 0.0)
        x, y, z = floor.normal if floor is not None and floor.normal is not None else level
        slope = ((item.box[1] + item.box[3]) / 2 - camera.cy) / camera.fy
        return abs(y - slope * z), abs(z * y + slope * (1 - z * z)) / math.hypot(x * z, y * z, 1 - z * z)
