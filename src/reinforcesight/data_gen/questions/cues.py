"""What can be seen that shows which object is nearer to the camera, or to an anchor.

A cue is given only where the stored scene shows it. It supports the true relation, or it points the other way and is
marked ``against``. docs/reasoning.md lists the kinds, their conditions, and how each was checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any

from reinforcesight.data_gen.questions.seen import Base, Seen
from reinforcesight.relations import Axis, Relation, relate
from reinforcesight.scene import ObjectId, Scene, Vector

_IN_AIR = 0.1  # clearance over the camera's height of what clearly does not stand on the ground
_LOWER = 0.03  # share of the picture's height by which a base is clearly lower
_LOWER_OTHERWISE = 0.05  # where one of them does not stand on the ground itself
_BELOW_EYE_LEVEL = 1.15  # ratio of the distances below eye level
_LARGER = 1.3  # ratio of sizes in the picture
_SAME_SIZE = 1.15  # largest ratio of real sizes that are about the same
_UNUSUAL = 1.25  # factor by which an apparent ratio of sizes is unusual at least, and a real ratio at most
_OF_SPREAD = 0.8  # of the usual spread of a ratio of sizes, by which an apparent one exceeds the middle at least
_REALLY_LARGER, _LOOKS_LARGER = 1.3, 1.15  # ratios of usual and of apparent sizes
_WIDER, _WIDER_PICTURE = 1.6, 0.05  # a wider gap: ratio, and share of the picture's width
_ONE_HEIGHT, _OTHER_HEIGHT = 0.035, 0.1  # shares of the picture's height: bases at one height, and at another
_ONE_DEPTH = 1.12  # largest ratio of depths that are about the same
# Something is between the anchor and the reference: where on the way, how far beside it (over half its width) and above
# or below it (over half its height) its middle is, and how much longer the way over its middle is.
_BETWEEN, _BESIDE_WAY, _OVER_WAY, _ROUND = (0.2, 0.8), 0.5, 0.6, 1.12
# Share of the way that is free between its surface and those at the ends: the contact of what lies on it may be hidden.
_FREE_OF_WAY = 0.05
# Share of the distance to the anchor that is depth: most of it, and a good part.
_APART_IN_DEPTH, _PARTLY_IN_DEPTH = 0.6, 0.25
_LESS_APART = 0.7  # share of the farther one's offset in depth from the anchor that the nearer one may have


class CueKind(StrEnum):
    """What is seen. Subject and reference are the objects compared, if nothing else is said."""

    COVERS = "covers"  # subject covers part of reference
    CHAIN = "chain"  # subject covers part of via or rests on it, and via covers part of reference or carries it
    GROUND = "ground"  # the reference's base on the ground is higher in the picture than the subject's base
    CUT = "cut"  # the lower edge of the picture cuts off the subject, and the reference does not reach it
    ORDER = "order"  # going along the ground: subject, via, reference; with an anchor: anchor, subject, reference
    EYE_LEVEL = "eye level"  # both stand on the ground: the subject's base is farther below eye level
    SAME_TOP = "same top"  # both rest on via: the subject's base is lower in the picture
    ONE_SUPPORT = "one support"  # subject and anchor rest on via, the reference stands on the ground or on another
    SIZE = "size"  # the subject looks larger
    USUAL_SIZE = "usual size"  # the subject looks larger beside the reference than usual sizes explain
    IN_AIR = "in air"  # the subject's base is lower in the picture, but the reference does not stand on the ground
    RESTS_ON = "rests on"  # subject rests on reference; one of them is the anchor
    GAP = "gap"  # the gap between the outlines of subject and anchor is narrower than that of reference and anchor
    LEVEL = "level"  # on the ground, only subject and anchor have their bases at about one height
    ONE_DEPTH = "one depth"  # on the ground, subject and anchor have their bases at about one height
    BETWEEN = "between"  # subject is between anchor and reference


# Cues of one family say nearly the same: a text names one of them.
_FAMILY_OF: Mapping[CueKind, str] = {
    CueKind.CHAIN: "covers",
    CueKind.EYE_LEVEL: "ground",
    CueKind.CUT: "ground",
    CueKind.SAME_TOP: "ground",
    CueKind.IN_AIR: "against",
    CueKind.USUAL_SIZE: "size",
    CueKind.ONE_SUPPORT: "rests on",
    CueKind.ONE_DEPTH: "level",
}


@dataclass(frozen=True)
class Cue:
    """One thing that can be seen."""

    kind: CueKind
    subject: ObjectId
    reference: ObjectId
    anchor: ObjectId | None = None
    via: ObjectId | None = None  # a third object that carries, covers or is covered
    carrier: ObjectId | None = None  # what carries the reference, where that is another object than via
    against: bool = False  # it points to the wrong answer; a text that names it says so
    # Heights and gaps as shares of the picture, sizes as ratios.
    values: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def family(self) -> str:
        return "against" if self.against else _FAMILY_OF.get(self.kind, self.kind.value)

    def record(self) -> dict[str, Any]:
        """Return the JSON object for a row's evidence, without empty values."""
        found: dict[str, Any] = {"kind": self.kind.value, "subject": self.subject, "reference": self.reference}
        found |= {key: value for key in ("anchor", "via", "carrier") if (value := getattr(self, key)) is not None}
        found |= {"against": True} if self.against else {}
        return found | {
            key: round(value, 4) if isinstance(value, float) else value for key, value in self.values.items()
        }


def find_cues(scene: Scene, relation: Relation, ids: Mapping[str, ObjectId]) -> list[Cue]:
    """Find cues to a true relation of ``ids["subject"]`` to ``ids["reference"]`` (by distance to ``ids["anchor"]``)."""
    nearer_first = relation is relation.axis.relations[0]
    first, second = ids["subject"], ids["reference"]
    near, far = (first, second) if nearer_first else (second, first)
    seen = Seen(scene)
    if relation.axis is Axis.DEPTH:
        return [*_Depth(seen, near, far).cues(), *_Depth(seen, near, far).against()]
    return list(_Distance(seen, near, far, ids["anchor"]).cues()) if relation.axis is Axis.DISTANCE else []


class _Depth:
    """Cues that show which of two objects is nearer to the camera."""

    def __init__(self, seen: Seen, near: ObjectId, far: ObjectId) -> None:
        self._seen, self._near, self._far = seen, near, far
        self._others = [item for item in seen.named if item not in (near, far)]

    def cues(self) -> Iterator[Cue]:
        if self._seen.covers(self._near, self._far):
            yield Cue(CueKind.COVERS, self._near, self._far)
        else:
            yield from self._chain()
        yield from self._same_top()
        yield from self._on_ground()
        yield from self._of_one_size()
        yield from self._of_usual_sizes()

    def _chain(self) -> Iterator[Cue]:
        """Find a third object that links the two: in at least one of its links, one object covers the other."""
        found = []
        for via in self._others:
            links = product(self._links(self._near, via, "rests on"), self._links(via, self._far, "carries"))
            found += [(first, second, via) for first, second in links if "covers" in (first, second)]
        if found:
            first, second, via = min(found, key=lambda link: link[:2] != ("covers", "covers"))
            yield Cue(CueKind.CHAIN, self._near, self._far, via=via, values={"first": first, "second": second})

    def _links(self, one: ObjectId, other: ObjectId, rests: str) -> Iterator[str]:
        seen = self._seen
        if seen.covers(one, other) and seen.nearer(one, other):
            yield "covers"
        if seen.rests(one, other) if rests == "rests on" else seen.rests(other, one):
            yield rests
        lowest = seen.lowest_base(other)
        if lowest is not None and seen.touches(one) and seen.base(one) - _LOWER >= lowest:
            yield "ground"

    def _same_top(self) -> Iterator[Cue]:
        seen, near, far = self._seen, self._near, self._far
        for via in self._others:
            if seen.rests(near, via) and seen.rests(far, via) and seen.base(near) - seen.base(far) >= _LOWER:
                values = {"subject_base": seen.base(near), "reference_base": seen.base(far)}
                yield Cue(CueKind.SAME_TOP, near, far, via=via, values=values)
                return

    def _on_ground(self) -> Iterator[Cue]:
        seen, near, far = self._seen, self._near, self._far
        behind = seen.ground(far)
        if behind is None or behind.how == "carried, cut":
            if seen.is_cut(near) and seen.base(far) <= 1 - _OTHER_HEIGHT:
                yield Cue(CueKind.CUT, near, far, values={"reference_base": seen.base(far)})
            return
        # Whatever is above the ground is nearer than the ground behind it.
        base = seen.base(near)
        front = seen.ground(near) or Base(base, base, "cut" if seen.is_cut(near) else "above")
        if {front.via, behind.via} & {near, far} or (front.via is not None and front.via == behind.via):
            return
        standing = front.how == behind.how == "stands"
        clear = front.row - behind.row >= (_LOWER if standing else _LOWER_OTHERWISE)
        if not clear or front.row <= behind.lowest:
            return
        bases: dict[str, float | str] = {"subject_base": front.row, "reference_base": behind.row}
        bases |= {"subject_how": front.how, "reference_how": behind.how}
        via, carrier = (front.via, behind.via) if front.via is not None else (behind.via, None)
        yield Cue(CueKind.GROUND, near, far, via=via, carrier=carrier, values=bases)
        if standing:
            yield from self._along_the_ground(front.row, behind.lowest)

    def _along_the_ground(self, row: float, lowest: float) -> Iterator[Cue]:
        seen, near, far = self._seen, self._near, self._far
        below = seen.below_eye_level(near, row), seen.below_eye_level(far, lowest)
        if below[0] is not None and below[1] is not None and 0.02 < below[1] < below[0] / _BELOW_EYE_LEVEL:
            yield Cue(CueKind.EYE_LEVEL, near, far, values={"subject_below": below[0], "reference_below": below[1]})
        for via in self._others:
            between = seen.lowest_base(via)
            if between is not None and row - _LOWER >= between and seen.base(via) >= lowest + _LOWER:
                yield Cue(CueKind.ORDER, near, far, via=via, values={"via_base": seen.base(via)})
                return

    def _of_one_size(self) -> Iterator[Cue]:
        seen, near, far = self._seen, self._near, self._far
        a, b = seen.items[near], seen.items[far]
        if a.category is None or a.category != b.category or not (seen.is_whole(a) and seen.is_whole(b)):
            return
        real = []
        # Width and height: a clock seen from its side has the size of another thing.
        for low, high in ((0, 2), (1, 3)):
            sides = [(item.box[high] - item.box[low]) * (item.depth or math.nan) for item in (a, b)]
            real.append(sides[0] / sides[1])
        ratio = seen.size(near) / seen.size(far)
        if ratio >= _LARGER and all(1 / _SAME_SIZE <= share <= _SAME_SIZE for share in real):
            yield Cue(CueKind.SIZE, near, far, values={"ratio": ratio, "real_ratio": math.sqrt(real[0] * real[1])})

    def _of_usual_sizes(self) -> Iterator[Cue]:
        """Compare sizes: an object that looks too large for its kind, beside the other one, is nearer.

        The nearer one may be partly hidden or cut off: what is seen of it must then look too large.
        """
        seen = self._seen
        a, b = seen.items[self._near], seen.items[self._far]
        side, other = seen.usual_side(a), seen.whole_side(b)
        if side is None or other is None or a.depth is None or b.depth is None:
            return
        whole, depths = seen.is_whole(a), math.log(a.depth / b.depth)
        # Logarithms of ratios: what is usual, and how far from that a pair may be if both vary.
        # Of what is not seen whole, even the largest of its kind would look smaller than what is seen of it.
        low = side.low if whole else side.high
        middle = (math.log(low * side.high) - math.log(other.low * other.high)) / 2
        spread = math.hypot(math.log(side.high / low) / 2, math.log(other.high / other.low) / 2)
        most, unusual = math.log(side.high / other.low), math.log(_UNUSUAL)
        looks = math.log(side.pixels / other.pixels)
        # The real sizes are usual ones, as far as depth tells.
        fits = looks + depths <= most + unusual
        fits = fits and (not whole or looks + depths >= math.log(side.low / other.high) - unusual)
        if not fits or looks < middle + max(_OF_SPREAD * spread, unusual):
            return
        area = math.log(seen.size(self._near) / seen.size(self._far))
        much = max(middle + spread if whole else most, looks + depths, area + depths) <= -math.log(_REALLY_LARGER)
        how = "too large"
        if much and min(looks, area) >= math.log(_LOOKS_LARGER):
            how = "larger"
        elif much and whole and max(looks, area) <= -math.log(_LOOKS_LARGER):
            how = "less"
        elif much and whole and max(abs(looks), abs(area)) <= math.log(_LARGER):
            how = "alike"
        values: dict[str, float | str] = {"ratio": math.exp(looks), "usual_ratio": math.exp(middle), "looks": how}
        if other.is_height:  # only that is seen whole
            values |= {"looks": "too large", "reference_side": "height"}
        yield Cue(CueKind.USUAL_SIZE, self._near, self._far, values=values)

    def against(self) -> Iterator[Cue]:
        """Find cues that point to the farther object."""
        seen, near, far = self._seen, self._near, self._far
        thing = seen.items[near]
        if seen.is_whole(thing) and seen.size(far) >= _LARGER * seen.size(near):
            yield Cue(CueKind.SIZE, far, near, against=True, values={"ratio": seen.size(far) / seen.size(near)})
        # A trunk is little of a tree: nothing may hide any part.
        raised = (thing.floor_clearance or 0.0) >= _IN_AIR and seen.is_whole(thing) and not seen.is_covered(near)
        if thing.visible_fraction is None:  # its base may be hidden, unless what carries it is seen
            raised = raised and thing.carrier_base is not None
        if raised and seen.stands(far) and seen.base(far) - seen.base(near) >= _LOWER:
            values = {"subject_base": seen.base(far), "reference_base": seen.base(near)}
            yield Cue(CueKind.IN_AIR, far, near, against=True, values=values)


class _Distance:
    """Cues that show which of two objects is nearer to an anchor; those that mislead come last."""

    def __init__(self, seen: Seen, near: ObjectId, far: ObjectId, anchor: ObjectId) -> None:
        self._seen, self._near, self._far, self._anchor = seen, near, far, anchor
        self._others = [item for item in seen.named if item not in (near, far, anchor)]

    def cues(self) -> Iterator[Cue]:
        seen, near, far, anchor = self._seen, self._near, self._far, self._anchor
        for upper, lower in ((near, anchor), (anchor, near)):
            if seen.rests(upper, lower):
                yield Cue(CueKind.RESTS_ON, upper, lower, anchor)
        yield from self._one_support()
        yield from self._level()
        gaps = [*self._gap()]
        agrees = any(not cue.against for cue in gaps)
        if self._less_apart() and self._apart_in_depth(_PARTLY_IN_DEPTH if agrees else _APART_IN_DEPTH):
            order = sorted((far, anchor), key=lambda item: seen.items[item].depth or 0.0)
            yield from _Depth(seen, order[0], order[1]).cues()
            yield from self._in_a_row()
        blocked = self._between(far)
        if blocked is not None and blocked != near and self._between(near) is None:
            yield Cue(CueKind.BETWEEN, blocked, far, anchor)
        elif blocked == near:
            yield Cue(CueKind.BETWEEN, near, far, anchor)
        yield from gaps

    def _one_support(self) -> Iterator[Cue]:
        seen, near, far, anchor = self._seen, self._near, self._far, self._anchor
        for via in self._others:
            if not (seen.rests(near, via) and seen.rests(anchor, via)) or seen.rests(far, via):
                continue
            carriers = [None] if seen.touches(far) else [o for o in self._others if o != via and seen.rests(far, o)]
            for carrier in carriers[:1]:
                yield Cue(CueKind.ONE_SUPPORT, near, far, anchor, via=via, carrier=carrier)

    def _level(self) -> Iterator[Cue]:
        seen, near, far, anchor = self._seen, self._near, self._far, self._anchor
        base = {item: seen.base(item) for item in (near, far, anchor)}
        if not (seen.touches(near) and seen.touches(anchor)) or abs(base[near] - base[anchor]) > _ONE_HEIGHT:
            return
        values = {"subject_base": base[near], "anchor_base": base[anchor]}
        if seen.touches(far) and abs((seen.lowest_base(far) or 0.0) - base[anchor]) >= _OTHER_HEIGHT <= abs(
            base[far] - base[anchor]
        ):
            yield Cue(CueKind.LEVEL, near, far, anchor, values=values | {"reference_base": base[far]})
        depths = [seen.items[item].depth or math.nan for item in (near, anchor)]
        if max(depths) <= _ONE_DEPTH * min(depths):
            yield Cue(CueKind.ONE_DEPTH, near, far, anchor, values=values)

    def _less_apart(self) -> bool:
        """Return whether the nearer one has clearly less depth between itself and the anchor."""
        a, b, c = (self._seen.items[item].centre for item in (self._near, self._far, self._anchor))
        return a is not None and b is not None and c is not None and abs(a[2] - c[2]) <= _LESS_APART * abs(b[2] - c[2])

    def _in_a_row(self) -> Iterator[Cue]:
        """Compare bases on the ground: the nearer one's is between those of the anchor and the farther one."""
        seen, near = self._seen, self._near
        front, back = sorted((self._anchor, self._far), key=seen.base, reverse=True)
        behind = seen.lowest_base(back)
        if behind is None or not seen.stands(near) or not seen.touches(front):
            return
        if seen.base(front) - _LOWER >= seen.base(near) >= behind + _LOWER:
            items = {"subject": near, "reference": self._far, "anchor": self._anchor}
            values = {f"{role}_base": seen.base(item) for role, item in items.items()}
            yield Cue(CueKind.ORDER, near, self._far, self._anchor, values=values)

    def _between(self, other: ObjectId) -> ObjectId | None:
        """Find a named object on the straight line from the anchor to another object, seen from above."""
        seen, anchor = self._seen, self._anchor
        start, end = seen.items[anchor].centre, seen.items[other].centre
        if start is None or end is None or seen.items[anchor].truncated or seen.items[other].truncated:
            return None
        floor, camera = seen.scene.floor, seen.scene.camera
        up = floor.normal if floor is not None and floor.normal is not None else (0.0, -1.0, 0.0)
        rise, way = _split(start, end, up)
        level = math.hypot(*way)
        for item in seen.named:
            middle = seen.items[item].centre
            if item in (anchor, other) or middle is None or level == 0:
                continue
            # What carries a thing, or lies on it, is not between it and another. The middle of what is cut is unknown.
            if seen.items[item].truncated or any(
                self._joined(item, of, _FREE_OF_WAY * level) for of in (anchor, other)
            ):
                continue
            over, off = _split(start, middle, up)
            share = sum(a * b for a, b in zip(off, way, strict=True)) / level**2
            thing = seen.items[item]
            half = thing.thickness or 0.0
            tall = half if camera is None else (thing.box[3] - thing.box[1]) / camera.fy * (thing.depth or 0.0) / 2
            beside = math.dist(off, [share * w for w in way]) <= _BESIDE_WAY * half
            on_way = beside and abs(over - share * rise) <= _OVER_WAY * tall
            round_it = math.dist(start, middle) + math.dist(middle, end)
            if on_way and _BETWEEN[0] <= share <= _BETWEEN[1] and round_it <= _ROUND * math.dist(start, end):
                return item
        return None

    def _joined(self, item: ObjectId, other: ObjectId, least: float) -> bool:
        """Return whether one of two objects rests on the other, or their surfaces are less than this far apart."""
        scene = self._seen.scene
        table, at = scene.surface_distances, scene.index_of
        apart = None if table is None else table[at(item)][at(other)]
        close = apart is not None and apart < least
        return close or self._seen.rests(item, other) or self._seen.rests(other, item)

    def _gap(self) -> Iterator[Cue]:
        scene, near, far, anchor = self._seen.scene, self._near, self._far, self._anchor
        table, at = scene.outline_gaps, scene.index_of
        if table is None:
            return
        gaps = [table[at(item)][at(anchor)] for item in (near, far)]
        if gaps[0] is None or gaps[1] is None:
            return
        narrow, wide = sorted((gaps[0], gaps[1]))
        if wide < _WIDER * narrow or wide - narrow < _WIDER_PICTURE * scene.width:
            return
        values = {"subject_gap": narrow / scene.width, "reference_gap": wide / scene.width}
        if gaps[0] < gaps[1]:
            yield Cue(CueKind.GAP, near, far, anchor, values=values)
        elif self._apart_in_depth(_APART_IN_DEPTH):
            yield Cue(CueKind.GAP, far, near, anchor, against=True, values=values)

    def _apart_in_depth(self, share: float) -> bool:
        """Return whether this share of the farther one's distance is depth, which no gap in the picture shows."""
        a, b = self._seen.items[self._far].centre, self._seen.items[self._anchor].centre
        if a is None or b is None or abs(a[2] - b[2]) < share * math.dist(a, b):
            return False
        return relate(self._seen.scene, self._far, self._anchor, Axis.DEPTH, marked=True).relation is not None


def _split(start: Vector, end: Vector, up: Vector) -> tuple[float, list[float]]:
    """Split the line between two points into its rise and its level part."""
    way = [b - a for a, b in zip(start, end, strict=True)]
    rise = sum(a * b for a, b in zip(way, up, strict=True))
    return rise, [a - rise * b for a, b in zip(way, up, strict=True)]
