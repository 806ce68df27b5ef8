"""What can be seen that shows which object is nearer to the camera, or to an anchor.

A cue is given only where the stored scene shows it. It supports the true relation, or it points the other way and is
marked ``against``. docs/reasoning.md lists the kinds, their conditions, and how each was checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reinforcesight.language.names import ambiguous_names
from reinforcesight.relations import Axis, Relation, relate
from reinforcesight.scene import ObjectId, Scene, SceneObject


class CueKind(StrEnum):
    """What is seen. Subject and reference are the objects compared, if nothing else is said."""

    COVERS = "covers"  # subject covers part of reference
    CHAIN = "chain"  # subject covers part of via, which covers part of reference
    GROUND = "ground"  # the reference's base on the ground is higher in the picture than the subject's base
    ORDER = "order"  # going up the picture along the ground: subject, via, reference
    EYE_LEVEL = "eye level"  # both stand on the ground: the subject's base is farther below eye level
    SAME_TOP = "same top"  # both rest on via: the subject's base is lower in the picture
    SIZE = "size"  # the subject looks larger
    IN_AIR = "in air"  # the subject's base is lower in the picture, but the reference does not stand on the ground
    RESTS_ON = "rests on"  # subject rests on reference; one of them is the anchor
    GAP = "gap"  # the gap between the outlines of subject and anchor is narrower than that of reference and anchor
    LEVEL = (
        "level"  # on the ground, subject and anchor have their bases at about one height, and the reference has not
    )
    BETWEEN = "between"  # subject is between anchor and reference


# Cues of one group say nearly the same: a text names one of them.
GROUPS: Mapping[CueKind, str] = {
    CueKind.CHAIN: "covers",
    CueKind.EYE_LEVEL: "ground",
    CueKind.SAME_TOP: "ground",
    CueKind.IN_AIR: "against",
}


@dataclass(frozen=True)
class Cue:
    """One thing that can be seen.

    Attributes:
        via: A third object that carries, covers or is covered.
        against: It points to the wrong answer; a text that names it says so.
        values: Numbers it rests on: heights and gaps as shares of the picture, sizes as ratios.
    """

    kind: CueKind
    subject: ObjectId
    reference: ObjectId
    anchor: ObjectId | None = None
    via: ObjectId | None = None
    against: bool = False
    values: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return "against" if self.against else GROUPS.get(self.kind, self.kind.value)

    def record(self) -> dict[str, Any]:
        """For the evidence: JSON values, without what is empty."""
        found: dict[str, Any] = {"kind": self.kind.value, "subject": self.subject, "reference": self.reference}
        found |= {key: value for key in ("anchor", "via") if (value := getattr(self, key)) is not None}
        found |= {"against": True} if self.against else {}
        return found | {
            key: round(value, 4) if isinstance(value, float) else value for key, value in self.values.items()
        }


_ON_GROUND = (-0.03, 0.02)  # clearance over the camera's height of what stands on the ground
_IN_AIR = 0.1  # clearance of what clearly does not
_LOWER = 0.03  # share of the picture's height by which a base is clearly lower
_LOWER_OTHERWISE = 0.05  # where one of them does not stand on the ground itself
_BELOW_EYE_LEVEL = 1.15  # ratio of the distances below eye level
_LARGER = 1.3  # ratio of sizes in the picture
_SAME_SIZE = 1.15  # largest ratio of real sizes that are about the same
_WHOLE = 0.97  # visible share of an object whose size and base can be seen
_WIDER, _WIDER_PICTURE = 1.6, 0.05  # a wider gap: ratio, and share of the picture's width
_ONE_HEIGHT, _OTHER_HEIGHT = 0.035, 0.1  # shares of the picture's height: bases at one height, and at another
_BETWEEN = (0.2, 0.8)  # where on the way from the anchor to the reference something is between them
_APART_IN_DEPTH = 0.6  # share of the distance to the anchor that is depth, where the gap in the picture misleads


def find_cues(scene: Scene, relation: Relation, ids: Mapping[str, ObjectId]) -> list[Cue]:
    """The cues to a true relation of depth or distance.

    Args:
        scene: Where the objects are.
        relation: Of ``ids["subject"]`` to ``ids["reference"]``; a distance is to ``ids["anchor"]``.
    """
    nearer_first = relation is relation.axis.relations[0]
    first, second = ids["subject"], ids["reference"]
    near, far = (first, second) if nearer_first else (second, first)
    seen = _Seen(scene)
    if relation.axis is Axis.DEPTH:
        return [*seen.depth(near, far), *seen.depth_against(near, far)]
    return list(seen.distance(near, far, ids["anchor"])) if relation.axis is Axis.DISTANCE else []


class _Seen:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._items = {item.id: item for item in scene.objects}
        self._contacts = {(c.kind, c.subject, c.reference) for c in scene.contacts}
        flags = ambiguous_names([item.name for item in scene.objects])
        self._named = [item.id for item, flag in zip(scene.objects, flags, strict=True) if not flag]

    # --- single objects ---

    def _base(self, item: ObjectId) -> float:
        """Row of an object's lowest point as a share of the picture's height."""
        return self._items[item].box[3] / self._scene.height

    def _is_cut(self, item: ObjectId) -> bool:
        """Whether an object goes on below the picture."""
        thing = self._items[item]
        above = thing.floor_clearance is None or thing.floor_clearance > _ON_GROUND[1]
        return thing.truncated and above and thing.box[3] >= self._scene.height

    def _stands(self, item: ObjectId) -> bool:
        thing, box = self._items[item], self._items[item].box
        shown = box[0] > 1 and box[2] < self._scene.width - 1 and box[3] < self._scene.height - 1
        if thing.floor_clearance is None or not shown or not self._is_seen(thing):
            return False
        return _ON_GROUND[0] <= thing.floor_clearance <= _ON_GROUND[1]

    def _size(self, item: ObjectId) -> float:
        """Root of the box's area, pixels."""
        x0, y0, x1, y1 = self._items[item].box
        return math.sqrt((x1 - x0) * (y1 - y0))

    def _is_seen(self, item: SceneObject) -> bool:
        return item.visible_fraction is None or item.visible_fraction >= _WHOLE

    def _is_whole(self, item: SceneObject) -> bool:
        return not item.truncated and self._is_seen(item)

    def _below_eye_level(self, item: ObjectId) -> float | None:
        """Distance of an object's base below eye level, as a share of the picture's height."""
        floor, camera = self._scene.floor, self._scene.camera
        if floor is None or floor.normal is None or camera is None:
            return None
        x, y, z = floor.normal
        box = self._items[item].box
        across = ((box[0] + box[2]) / 2 - camera.cx) / camera.fx
        horizon = camera.cy - camera.fy * (x * across + z) / y
        return (box[3] - horizon) / self._scene.height

    # --- depth ---

    def depth(self, near: ObjectId, far: ObjectId) -> Iterator[Cue]:
        """Cues that show the nearer one to be nearer."""
        if ("covers", near, far) in self._contacts:
            yield Cue(CueKind.COVERS, near, far)
        else:
            for via in self._named:
                if {("covers", near, via), ("covers", via, far)} <= self._contacts and via not in (near, far):
                    yield Cue(CueKind.CHAIN, near, far, via=via)
                    break
        yield from self._on_ground(near, far)
        yield from self._of_one_size(near, far)

    def _ground_row(self, item: ObjectId) -> tuple[float, str, ObjectId | None] | None:
        """Where an object, or what carries it, meets the ground: share of the picture's height, how, the carrier."""
        if self._stands(item):
            return self._base(item), "stands", None
        for via in self._named:
            if ("rests on", item, via) in self._contacts and self._stands(via):
                return self._base(via), "on", via
        row = self._items[item].carrier_base
        if row is None:
            return None
        return row / self._scene.height, "carried" if row < self._scene.height - 1 else "carried, cut", None

    def _on_ground(self, near: ObjectId, far: ObjectId) -> Iterator[Cue]:
        for via in self._named:
            on = ("rests on", near, via) in self._contacts and ("rests on", far, via) in self._contacts
            if on and self._base(near) - self._base(far) >= _LOWER:
                values = {"subject_base": self._base(near), "reference_base": self._base(far)}
                yield Cue(CueKind.SAME_TOP, near, far, via=via, values=values)
                return
        behind = self._ground_row(far)
        if behind is None or behind[1] == "carried, cut":
            return
        front = self._ground_row(near)
        # Whatever is above the ground is nearer than the ground behind it.
        row, how, carrier = front or (self._base(near), "cut" if self._is_cut(near) else "above", None)
        if {carrier, behind[2]} & {near, far}:
            return
        if row - behind[0] >= (_LOWER if how == behind[1] == "stands" else _LOWER_OTHERWISE):
            meets: dict[str, float | str] = {"subject_base": row, "reference_base": behind[0]}
            meets |= {"subject_how": how, "reference_how": behind[1]}
            if carrier is None or behind[2] is None:
                yield Cue(CueKind.GROUND, near, far, via=carrier if carrier is not None else behind[2], values=meets)
        if how == behind[1] == "stands":
            below = self._below_eye_level(near), self._below_eye_level(far)
            if below[0] is not None and below[1] is not None and 0.02 < below[1] < below[0] / _BELOW_EYE_LEVEL:
                yield Cue(
                    CueKind.EYE_LEVEL, near, far, values={"subject_below": below[0], "reference_below": below[1]}
                )
            for via in self._named:
                between = row - _LOWER >= self._base(via) >= behind[0] + _LOWER
                if via not in (near, far) and self._stands(via) and between:
                    yield Cue(CueKind.ORDER, near, far, via=via, values={"via_base": self._base(via)})
                    return

    def _of_one_size(self, near: ObjectId, far: ObjectId) -> Iterator[Cue]:
        a, b = self._items[near], self._items[far]
        if a.category is None or a.category != b.category or not (self._is_whole(a) and self._is_whole(b)):
            return
        real = []
        for low, high in (
            (0, 2),
            (1, 3),
        ):  # width and height: a clock seen from its side has the size of another thing
            sides = [(item.box[high] - item.box[low]) * (item.depth or math.nan) for item in (a, b)]
            real.append(sides[0] / sides[1])
        ratio = self._size(near) / self._size(far)
        if ratio >= _LARGER and all(1 / _SAME_SIZE <= share <= _SAME_SIZE for share in real):
            yield Cue(CueKind.SIZE, near, far, values={"ratio": ratio, "real_ratio": math.sqrt(real[0] * real[1])})

    def depth_against(self, near: ObjectId, far: ObjectId) -> Iterator[Cue]:
        """What is seen that points to the farther one."""
        if self._is_whole(self._items[near]) and self._size(far) >= _LARGER * self._size(near):
            values = {"ratio": self._size(far) / self._size(near)}
            yield Cue(CueKind.SIZE, far, near, against=True, values=values)
        thing = self._items[near]
        raised = (thing.floor_clearance or 0.0) >= _IN_AIR and self._is_whole(thing)
        if thing.visible_fraction is None:  # its base may be hidden, unless what carries it is seen
            raised = raised and thing.carrier_base is not None
        if raised and self._stands(far) and self._base(far) - self._base(near) >= _LOWER:
            values = {"subject_base": self._base(far), "reference_base": self._base(near)}
            yield Cue(CueKind.IN_AIR, far, near, against=True, values=values)

    # --- distance ---

    def distance(self, near: ObjectId, far: ObjectId, anchor: ObjectId) -> Iterator[Cue]:
        """Cues about which one is nearer to the anchor, those that mislead last."""
        for upper, lower in ((near, anchor), (anchor, near)):
            if ("rests on", upper, lower) in self._contacts:
                yield Cue(CueKind.RESTS_ON, upper, lower, anchor)
        yield from self._level(near, far, anchor)
        if self._apart_in_depth(far, anchor) and not self._apart_in_depth(near, anchor):
            order = sorted((far, anchor), key=lambda item: self._items[item].depth or 0.0)
            yield from self.depth(order[0], order[1])
        blocked = self._between(anchor, far)
        if blocked is not None and blocked != near and self._between(anchor, near) is None:
            yield Cue(CueKind.BETWEEN, blocked, far, anchor)
        elif blocked == near:
            yield Cue(CueKind.BETWEEN, near, far, anchor)
        yield from self._gap(near, far, anchor)

    def _level(self, near: ObjectId, far: ObjectId, anchor: ObjectId) -> Iterator[Cue]:
        if not all(self._stands(item) for item in (near, far, anchor)):
            return
        base = {item: self._base(item) for item in (near, far, anchor)}
        if abs(base[near] - base[anchor]) <= _ONE_HEIGHT and abs(base[far] - base[anchor]) >= _OTHER_HEIGHT:
            values = {"subject_base": base[near], "reference_base": base[far], "anchor_base": base[anchor]}
            yield Cue(CueKind.LEVEL, near, far, anchor, values=values)

    def _between(self, anchor: ObjectId, other: ObjectId) -> ObjectId | None:
        """A named object on the straight way between two others."""
        start, end = self._items[anchor].centre, self._items[other].centre
        if start is None or end is None:
            return None
        way = [b - a for a, b in zip(start, end, strict=True)]
        length = math.hypot(*way)
        for item in self._named:
            middle = self._items[item].centre
            if item in (anchor, other) or middle is None or length == 0:
                continue
            if any(self._touch(item, end_of_way) for end_of_way in (anchor, other)):
                continue  # what carries a thing, or lies on it, is not between it and another
            off = [m - a for a, m in zip(start, middle, strict=True)]
            share = sum(a * b for a, b in zip(off, way, strict=True)) / length**2
            aside = math.dist(off, [share * w for w in way])
            if _BETWEEN[0] <= share <= _BETWEEN[1] and aside <= 0.5 * (self._items[item].thickness or 0.0):
                return item
        return None

    def _touch(self, one: ObjectId, other: ObjectId) -> bool:
        return bool({("rests on", one, other), ("rests on", other, one)} & self._contacts)

    def _gap(self, near: ObjectId, far: ObjectId, anchor: ObjectId) -> Iterator[Cue]:
        table, at = self._scene.outline_gaps, self._scene.index_of
        if table is None:
            return
        gaps = [table[at(item)][at(anchor)] for item in (near, far)]
        if gaps[0] is None or gaps[1] is None:
            return
        width = self._scene.width
        narrow, wide = sorted((gaps[0], gaps[1]))
        if wide < _WIDER * narrow or wide - narrow < _WIDER_PICTURE * width:
            return
        values = {"subject_gap": narrow / width, "reference_gap": wide / width}
        if gaps[0] < gaps[1]:
            yield Cue(CueKind.GAP, near, far, anchor, values=values)
        elif self._apart_in_depth(far, anchor):
            yield Cue(CueKind.GAP, far, near, anchor, against=True, values=values)

    def _apart_in_depth(self, far: ObjectId, anchor: ObjectId) -> bool:
        """Whether depth is most of the distance: why a narrow gap in the picture misleads."""
        a, b = self._items[far].centre, self._items[anchor].centre
        if a is None or b is None or abs(a[2] - b[2]) < _APART_IN_DEPTH * math.dist(a, b):
            return False
        return relate(self._scene, far, anchor, Axis.DEPTH, marked=True).relation is not None
