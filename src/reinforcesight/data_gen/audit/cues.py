"""Checks of the cues that a reasoning names: each holds in the stored scene, agrees with the answer, and is named.

The code that found and worded the cues is not used. Heights on the ground are checked by rays to the floor plane,
eye level by angles, and what is between two objects by the length of the way past it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reinforcesight.data_gen.questions.usual_sizes import usual_size
from reinforcesight.errors import InputError
from reinforcesight.language.names import bare_name
from reinforcesight.relations.kinds import Axis, Relation
from reinforcesight.scene import ObjectId, Scene, SceneObject, Vector

# Words of a sentence that names a cue of one family, and the kinds of that family.
_FAMILIES: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(words, re.IGNORECASE), frozenset(kinds.split("|")))
    for words, kinds in (
        (r"\b(?:covers?|hides?) part of\b|\bpartly (?:hidden|covered) by\b", "covers|chain"),
        (
            r"\bground\b|\bbases?\b|\blowest part\b|\bcarries\b|\bfoot of the wall\b|\bcuts off\b",
            "ground|cut|eye level|order|level|in air|same top|chain|one support|one depth",
        ),
        (r"\brests? on\b", "rests on|same top|one support|chain"),
        (r"\blooks? (?:larger|smaller)\b|\btakes? up more\b", "size|usual size"),
        (r"\breal life\b", "usual size|size"),
        (r"\bgap between\b|\boutlines of\b", "gap|rests on"),
        (r"\b(?:is|are) between\b|\bthere (?:is|are) the\b", "between"),
    )
)
_LOOKS = {
    "larger": "looks? larger",
    "alike": "as large as",
    "less": "than it looks here",
    "too large": "than in real life",
}
_AGAINST_WORDS = re.compile(r"\bbut\b|\bmisleading\b", re.IGNORECASE)
_ROUNDED = 1e-3  # shares of the picture are stored with four digits


def cue_problems(
    evidence: Mapping[str, Any], scene: Scene, axis: Axis, holds: Relation | None, reasoning: str
) -> Iterator[tuple[str, str]]:
    """Return the rules that a row's cues break, each with what is wrong."""
    if axis not in (Axis.DEPTH, Axis.DISTANCE) or holds is None:
        return
    cues = evidence.get("cues", [])
    sentences = re.split(r"(?<=[.!?])\s+", reasoning.casefold())
    told: set[str] = set()
    for cue in cues:
        kind = str(cue.get("kind"))
        try:
            problem = _Check(scene, evidence, axis, holds).problem(cue)
        except (InputError, KeyError, TypeError, ValueError) as error:
            problem = f"can't be read: {error!r}"
        if problem:
            yield "wrong_cue", f"{kind}: {problem}"
            continue
        told.add(kind)
        if not any(_names(sentence, cue, scene) for sentence in sentences):
            yield "cue_text", f"the text does not name the cue {kind!r}: {reasoning}"
    for words, kinds in _FAMILIES:
        if not kinds & told and words.search(reasoning):
            yield "cue_text", f"the text names a cue that is not in the evidence: {reasoning}"
            break


def _names(sentence: str, cue: Mapping[str, Any], scene: Scene) -> bool:
    """Return whether a sentence names a cue with its objects, and says so if the cue misleads."""
    roles = ("subject", "anchor") if cue["kind"] == "one depth" else ("subject", "reference", "via", "carrier")
    items = [cue[key] for key in roles if key in cue]
    if not all(bare_name(scene[item].name).casefold() in sentence for item in items):
        return False
    if cue.get("against") and not _AGAINST_WORDS.search(sentence):
        return False
    if cue["kind"] == "usual size" and not re.search(_LOOKS.get(cue["looks"], "$^"), sentence):
        return False
    return any(words.search(sentence) for words, kinds in _FAMILIES if cue["kind"] in kinds)


class _Check:
    def __init__(self, scene: Scene, evidence: Mapping[str, Any], axis: Axis, holds: Relation) -> None:
        self._scene = scene
        self._anchor: ObjectId | None = evidence.get("anchor")
        pair = (evidence["subject"], evidence["reference"])
        self._near, self._far = pair if holds is axis.relations[0] else pair[::-1]
        self._axis = axis
        self._contacts = [(c.kind, c.subject, c.reference) for c in scene.contacts]

    def problem(self, cue: Mapping[str, Any]) -> str | None:
        checks: dict[str, Callable[[Mapping[str, Any], SceneObject, SceneObject], bool]] = {
            "covers": lambda cue, a, b: self._covers(a, b),
            "chain": self._chain,
            "ground": self._ground,
            "cut": lambda cue, a, b: (
                a.truncated and a.box[3] >= self._scene.height - 0.5 and b.box[3] < 0.92 * self._scene.height
            ),
            "order": self._order,
            "eye level": lambda cue, a, b: self._on_floor(a) and self._on_floor(b) and self._dip(a) > self._dip(b) > 0,
            "same top": self._same_top,
            "one support": self._one_support,
            "one depth": self._one_depth,
            "size": self._size,
            "usual size": self._usual_size,
            "in air": self._in_air,
            "rests on": lambda cue, a, b: self._rests_on(a, b),
            "gap": self._gap,
            "level": self._level,
            "between": self._between,
        }
        check = checks.get(str(cue["kind"]))
        if check is None:
            return "this kind is not known"
        a, b = self._scene[cue["subject"]], self._scene[cue["reference"]]
        if not check(cue, a, b):
            return f"the scene does not show it for {a.name!r} and {b.name!r}"
        return None if self._agrees(cue) else f"it does not agree with the answer for {a.name!r} and {b.name!r}"

    def _agrees(self, cue: Mapping[str, Any]) -> bool:
        """Return whether a misleading cue points away from the answer, and any other cue points to it."""
        kind, pair = cue["kind"], (cue["subject"], cue["reference"])
        if kind == "rests on":
            return set(pair) == {self._near, self._anchor}
        if kind == "between":
            return bool(pair[1] == self._far != pair[0] and cue["anchor"] == self._anchor)
        if self._axis is Axis.DISTANCE and "anchor" not in cue:
            depths = [self._scene[item].depth or math.nan for item in pair]
            in_order = not cue.get("against") and depths[0] < depths[1]
            return set(pair) == {self._far, self._anchor} and in_order
        expected = (self._near, self._far)
        return pair == (expected[::-1] if cue.get("against") else expected)

    # --- what a scene shows ---

    def _covers(self, a: SceneObject, b: SceneObject) -> bool:
        apart = max(a.box[0], b.box[0]) - min(a.box[2], b.box[2]), max(a.box[1], b.box[1]) - min(a.box[3], b.box[3])
        in_front = a.depth_near is not None and b.depth_far is not None and a.depth_near < b.depth_far
        return ("covers", a.id, b.id) in self._contacts and max(apart) <= 0.5 and in_front

    def _chain(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        via = self._scene[cue["via"]]
        links: dict[str, Callable[[SceneObject, SceneObject], bool]] = {
            "covers": lambda one, other: self._covers(one, other) and (one.depth or 0.0) < (other.depth or 0.0),
            "rests on": lambda one, other: self._rests_on(one, other),
            "carries": lambda one, other: self._rests_on(other, one),
            "ground": lambda one, other: (
                self._on_floor(one) and self._on_floor(other) and self._is_beyond(other, one.box[3])
            ),
        }
        names = cue["first"], cue["second"]
        if names[0] == "carries" or names[1] == "rests on" or "covers" not in names or via.id in (a.id, b.id):
            return False
        return bool(links[names[0]](a, via) and links[names[1]](via, b))

    def _rests_on(self, a: SceneObject, b: SceneObject) -> bool:
        between = self._scene.surface_distances
        gap = between[self._scene.index_of(a.id)][self._scene.index_of(b.id)] if between else None
        near = gap is None or b.depth is None or gap <= 0.2 * b.depth
        return ("rests on", a.id, b.id) in self._contacts and near and a.box[1] < b.box[3]

    def _ray(self, item: SceneObject, row: float) -> Vector:
        camera = self._scene.camera
        if camera is None:
            raise ValueError("the scene has no camera")
        return ((item.box[0] + item.box[2]) / 2 - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, 1.0

    def _floor(self) -> tuple[Vector, float]:
        floor = self._scene.floor
        if floor is None or not floor.found or floor.normal is None or floor.offset is None:
            raise ValueError("the scene has no floor")
        return floor.normal, floor.offset

    def _floor_depth(self, item: SceneObject, row: float) -> float:
        """Return the depth of the floor in a row below an object's middle; infinite above the horizon."""
        normal, offset = self._floor()
        falls = -sum(n * d for n, d in zip(normal, self._ray(item, row), strict=True))
        return offset / falls if falls > 0 else math.inf

    def _dip(self, item: SceneObject) -> float:
        """Return how far below eye level an object's base is seen, in radians."""
        normal, _ = self._floor()
        ray = self._ray(item, item.box[3])
        return math.asin(-sum(n * d for n, d in zip(normal, ray, strict=True)) / math.hypot(*ray))

    def _on_floor(self, item: SceneObject) -> bool:
        """Return whether the ray to an object's base meets the floor at the object's own depth."""
        if item.depth_near is None or item.depth_far is None or item.box[3] >= self._scene.height - 0.5:
            return False
        depth = self._floor_depth(item, item.box[3])
        clearance = item.floor_clearance
        # Where three rows of pixels are a greater height, the height of a base is not known better.
        rows = 3 * self._height_of_a_row(item)
        low = clearance is not None and abs(clearance) < max(0.04, min(0.09, rows))
        farthest = max(1.25 * (item.depth_far + self._slant(item)), self._floor_depth(item, item.box[3] + 3))
        return low and 0.8 * item.depth_near <= depth <= farthest

    def _slant(self, item: SceneObject) -> float:
        """Return how much farther the foot of an upright object is than its middle, as the camera looks down on it."""
        normal, offset = self._floor()
        if item.centre is None:
            return 0.0
        height = offset + sum(n * c for n, c in zip(normal, item.centre, strict=True))
        return max(0.0, -normal[2]) * max(0.0, height)

    def _height_of_a_row(self, item: SceneObject) -> float:
        """Return the height that a row of pixels spans at an object's depth, divided by the camera's height."""
        camera, (_, offset) = self._scene.camera, self._floor()
        return (item.depth or 0.0) / (camera.fy * offset) if camera is not None else 0.0

    def _is_beyond(self, item: SceneObject, row: float) -> bool:
        """Return whether the whole base of an object on the floor is above a row of the picture.

        What is hidden of it, or outside the picture, is not nearer than what is seen.
        """
        if row <= item.box[3] + 0.02 * self._scene.height:
            return False
        seen = item.visible_fraction is None or item.visible_fraction >= 0.96
        if seen and item.box[0] > 0 and item.box[2] < self._scene.width:
            return True
        return item.depth_near is not None and self._floor_depth(item, row) < item.depth_near

    def _ground_row(self, item: SceneObject, how: str, via: SceneObject | None) -> float | None:
        if how == "stands":
            return item.box[3] if self._on_floor(item) else None
        if how == "on":
            return via.box[3] if via is not None and self._rests_on(item, via) and self._on_floor(via) else None
        if how in ("carried", "carried, cut", "wall"):
            return item.carrier_base
        return item.box[3] if how in ("above", "cut") else None

    def _ground(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        self._floor()
        via = self._scene[cue["via"]] if "via" in cue else None
        carrier = self._scene[cue["carrier"]] if "carrier" in cue else via
        front = self._ground_row(a, cue["subject_how"], via)
        back = self._ground_row(b, cue["reference_how"], carrier)
        if front is None or back is None or cue["reference_how"] not in ("stands", "on", "carried", "wall"):
            return False
        standing = {"stands": b, "on": carrier}.get(cue["reference_how"])
        if standing is not None and not self._is_beyond(standing, front):
            return False
        told = cue["subject_base"], cue["reference_base"]
        height = self._scene.height
        exact = abs(front / height - told[0]) < _ROUNDED and abs(back / height - told[1]) < _ROUNDED
        reaches = cue["subject_how"] not in ("cut", "carried, cut") or front >= height - 1
        return exact and reaches and front > back + 0.02 * height

    def _order(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        if "anchor" in cue:
            first, middle, last = self._scene[cue["anchor"]], a, b
            if first.box[3] < last.box[3]:
                first, last = last, first
        else:
            first, middle, last = a, self._scene[cue["via"]], b
        ids = {item.id for item in (first, middle, last)}
        standing = len(ids) == 3 and all(self._on_floor(item) for item in (first, middle, last))
        return standing and self._is_beyond(middle, first.box[3]) and self._is_beyond(last, middle.box[3])

    def _one_support(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        via, anchor = self._scene[cue["via"]], self._scene[cue["anchor"]]
        both = self._rests_on(a, via) and self._rests_on(anchor, via) and anchor.id == self._anchor
        if "carrier" in cue:
            return both and cue["carrier"] != cue["via"] and self._rests_on(b, self._scene[cue["carrier"]])
        return both and ("rests on", b.id, via.id) not in self._contacts and self._on_floor(b)

    def _one_depth(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        anchor = self._scene[cue["anchor"]]
        standing = self._on_floor(a) and self._on_floor(anchor) and anchor.id == self._anchor
        depths = sorted((a.depth or 0.0, anchor.depth or math.inf))
        return (
            standing
            and abs(a.box[3] - anchor.box[3]) < 0.04 * self._scene.height
            and depths[1] < 1.15 * depths[0]
            and b.id not in (a.id, anchor.id)
        )

    def _same_top(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        via = self._scene[cue["via"]]
        return self._rests_on(a, via) and self._rests_on(b, via) and a.box[3] > b.box[3]

    def _size(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        sides = [(item.box[2] - item.box[0], item.box[3] - item.box[1]) for item in (a, b)]
        areas = [width * height for width, height in sides]
        if areas[0] < 1.6 * areas[1]:
            return False
        if cue.get("against"):
            return True
        real = [area * (item.depth or 0) ** 2 for area, item in zip(areas, (a, b), strict=True)]
        return a.category is not None and a.category == b.category and 0.7 <= real[0] / real[1] <= 1.4

    def _usual_size(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        """Compare the middles of both usual ranges, and the sizes that depth gives."""
        upright_only = cue.get("reference_side") == "height"
        if not upright_only and not self._is_whole(b):
            return False
        if upright_only and (b.box[1] <= 0 or not self._on_floor(b)):
            return False
        longer, expected, ranges = [], [], []
        for item in (a, b):
            size = usual_size(item.name)
            if size is None or item.depth is None:
                return False
            width, height = item.box[2] - item.box[0], item.box[3] - item.box[1]
            low, high = max(size.height[0], size.breadth[0]), max(size.height[1], size.breadth[1])
            upright = math.sqrt(size.height[0] * size.height[1])
            if item is b and upright_only:
                longer.append(height)
                expected.append(upright)
            else:
                longer.append(max(width, height))
                side = min(max(upright * max(1.0, width / height), low), high)
                expected.append(side if self._is_whole(item) else math.sqrt(low * high))
            ranges.append((0.6 * min(low, size.height[0]) if item is b or self._is_whole(a) else 0.0, 1.7 * high))
        ratio = longer[0] / longer[1]
        real = ratio * (a.depth or 0.0) / (b.depth or math.inf)
        usual = ranges[0][0] / ranges[1][1] <= real <= ranges[0][1] / ranges[1][0]
        looks = {
            "larger": ratio > 1.1 and real < 0.8,
            "alike": 0.75 < ratio < 1.34 and real < 0.8,
            "less": ratio < 0.9 and real < 0.8,
            "too large": True,
        }
        # The base of what is partly hidden may be lower than it is seen, and the height greater.
        slack = 0.5 * ratio if upright_only else 0.0
        exact = -_ROUNDED * max(1.0, ratio) < ratio - cue["ratio"] < slack + _ROUNDED * max(1.0, ratio)
        return exact and usual and looks.get(cue["looks"], False) and cue["ratio"] > expected[0] / expected[1]

    def _is_whole(self, item: SceneObject) -> bool:
        return not item.truncated and (item.visible_fraction is None or item.visible_fraction >= 0.96)

    def _in_air(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        raised = b.depth_far is not None and self._floor_depth(b, b.box[3]) > 1.05 * b.depth_far
        return raised and self._on_floor(a) and a.box[3] > b.box[3] and bool(cue.get("against"))

    def _gap(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        table, anchor = self._scene.outline_gaps, self._scene.index_of(cue["anchor"])
        if table is None or cue["anchor"] != self._anchor:
            return False
        width = self._scene.width
        for item, key in ((a, "subject_gap"), (b, "reference_gap")):
            gap = table[self._scene.index_of(item.id)][anchor]
            if gap is None or abs(gap / width - cue[key]) > _ROUNDED:
                return False
            if _box_gap(item, self._scene[cue["anchor"]]) > gap + 1.5:
                return False
        return bool(cue["subject_gap"] < cue["reference_gap"])

    def _level(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        anchor = self._scene[cue["anchor"]]
        near, far = abs(a.box[3] - anchor.box[3]), abs(b.box[3] - anchor.box[3])
        standing = all(self._on_floor(item) for item in (a, b, anchor))
        return standing and anchor.id == self._anchor and near < 0.05 * self._scene.height and far > 2 * near

    def _between(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        anchor = self._scene[cue["anchor"]].centre
        if a.centre is None or b.centre is None or anchor is None:
            return False
        straight = math.dist(anchor, b.centre)
        return math.dist(anchor, a.centre) + math.dist(a.centre, b.centre) <= 1.15 * straight


def _box_gap(a: SceneObject, b: SceneObject) -> float:
    across = max(0.0, max(a.box[0], b.box[0]) - min(a.box[2], b.box[2]))
    down = max(0.0, max(a.box[1], b.box[1]) - min(a.box[3], b.box[3]))
    return math.hypot(across, down)
