"""Checks of the cues that a reasoning names: each holds in the stored scene, agrees with the answer, and is named.

The code that found and worded the cues is not used. Heights on the ground are checked by rays to the floor plane,
eye level by angles, and what is between two objects by the way round it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.language.names import bare_name
from reinforcesight.relations.kinds import Axis, Relation
from reinforcesight.scene import ObjectId, Scene, SceneObject, Vector

# Words of a sentence that names a cue of one family, and the kinds of that family.
_FAMILIES: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(words, re.IGNORECASE), frozenset(kinds.split("|")))
    for words, kinds in (
        (r"\b(?:covers?|hides?) part of\b|\bpartly (?:hidden|covered) by\b", "covers|chain"),
        (r"\bground\b|\bbases?\b|\blowest part\b|\bcarries\b", "ground|eye level|order|level|in air|same top"),
        (r"\brests? on\b", "rests on|same top"),
        (r"\blooks? (?:larger|smaller)\b|\btakes? up more\b", "size"),
        (r"\bgap between\b|\boutlines of\b", "gap|rests on"),
        (r"\b(?:is|are) between\b|\bthere (?:is|are) the\b", "between"),
    )
)
_AGAINST_WORDS = re.compile(r"\bbut\b|\bmisleading\b", re.IGNORECASE)
_ROUNDED = 1e-3  # shares of the picture are stored with four digits


def cue_problems(
    evidence: Mapping[str, Any], scene: Scene, axis: Axis, holds: Relation | None, reasoning: str
) -> Iterator[tuple[str, str]]:
    """The rules that a row's cues break, each with what is wrong."""
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
    """Whether a sentence names a cue with its objects, and says that it misleads if it does."""
    items = [cue[key] for key in ("subject", "reference", "via") if key in cue]
    if not all(bare_name(scene[item].name).casefold() in sentence for item in items):
        return False
    if cue.get("against") and not _AGAINST_WORDS.search(sentence):
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
            "chain": lambda cue, a, b: (
                self._covers(a, self._scene[cue["via"]]) and self._covers(self._scene[cue["via"]], b)
            ),
            "ground": self._ground,
            "order": self._order,
            "eye level": lambda cue, a, b: self._on_floor(a) and self._on_floor(b) and self._dip(a) > self._dip(b) > 0,
            "same top": self._same_top,
            "size": self._size,
            "in air": self._in_air,
            "rests on": self._rests,
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
        """Depth of the floor below an object's middle in a row of the picture; infinite above the horizon."""
        normal, offset = self._floor()
        falls = -sum(n * d for n, d in zip(normal, self._ray(item, row), strict=True))
        return offset / falls if falls > 0 else math.inf

    def _dip(self, item: SceneObject) -> float:
        """Angle of an object's base below eye level, radians."""
        normal, _ = self._floor()
        ray = self._ray(item, item.box[3])
        return math.asin(-sum(n * d for n, d in zip(normal, ray, strict=True)) / math.hypot(*ray))

    def _on_floor(self, item: SceneObject) -> bool:
        """Whether the ray to an object's base meets the floor at the object's own depth."""
        if item.depth_near is None or item.depth_far is None or item.box[3] >= self._scene.height - 0.5:
            return False
        depth = self._floor_depth(item, item.box[3])
        clearance = item.floor_clearance
        return (
            clearance is not None and abs(clearance) < 0.04 and 0.8 * item.depth_near <= depth <= 1.25 * item.depth_far
        )

    def _ground_row(self, item: SceneObject, how: str, via: SceneObject | None) -> float | None:
        if how == "stands":
            return item.box[3] if self._on_floor(item) else None
        if how == "on":
            return via.box[3] if via is not None and self._rests_on(item, via) and self._on_floor(via) else None
        if how in ("carried", "carried, cut"):
            return item.carrier_base
        return item.box[3] if how in ("above", "cut") else None

    def _ground(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        self._floor()
        via = self._scene[cue["via"]] if "via" in cue else None
        front = self._ground_row(a, cue["subject_how"], via)
        back = self._ground_row(b, cue["reference_how"], via)
        if front is None or back is None or cue["reference_how"] not in ("stands", "on", "carried"):
            return False
        told = cue["subject_base"], cue["reference_base"]
        height = self._scene.height
        exact = abs(front / height - told[0]) < _ROUNDED and abs(back / height - told[1]) < _ROUNDED
        reaches = cue["subject_how"] not in ("cut", "carried, cut") or front >= height - 1
        return exact and reaches and front > back + 0.02 * height

    def _order(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        via = self._scene[cue["via"]]
        standing = all(self._on_floor(item) for item in (a, via, b))
        return standing and a.box[3] > via.box[3] > b.box[3] and via.id not in (a.id, b.id)

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

    def _in_air(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        raised = b.depth_far is not None and self._floor_depth(b, b.box[3]) > 1.05 * b.depth_far
        return raised and self._on_floor(a) and a.box[3] > b.box[3] and bool(cue.get("against"))

    def _rests(self, cue: Mapping[str, Any], a: SceneObject, b: SceneObject) -> bool:
        return self._rests_on(a, b)

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
