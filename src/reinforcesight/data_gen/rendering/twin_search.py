"""Find a twin for a rendered picture: a second picture in which exactly one of the first one's relations is inverted.

Both pictures become scenes by the same code, and relations are claimed in both by the same rules. A change counts only
if, among all relations that are claimed in both scenes, exactly the wanted one differs (in a mirrored picture: left and
right of every pair). No label is derived from the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reinforcesight.relations import RelationResult, relate_all
from reinforcesight.relations.kinds import Axis, RelationRules
from reinforcesight.scene import ObjectId, Scene

if TYPE_CHECKING:
    from reinforcesight.data_gen.rendering import RenderConfig, RenderedPicture
    from reinforcesight.data_gen.rendering.layout import SceneLayout
    from reinforcesight.data_gen.rendering.twins import TwinKind

_STREAM = 0x7477696E  # so that twins use other random numbers than the pictures
_RENDERED = 3  # at most this many changed scenes are rendered for one picture
_GOALS, _TRIES = 20, 120  # relations tried along an axis, and changes proposed for each
_SCARCE = (Axis.VERTICAL, Axis.DEPTH, Axis.DISTANCE)  # few changes invert only one of these; they are tried first
_MIRRORED, _CAMERA = 0.2, 0.25  # shares of the horizontal twins that are mirrored, or try to move the camera

PairKey = tuple[Axis, ObjectId, ObjectId, ObjectId | None]


@dataclass(frozen=True, slots=True)
class TwinScene:
    """The second picture, its scene, how it was made, and the object that was moved."""

    picture: RenderedPicture
    scene: Scene
    kind: TwinKind
    moved: int | None = None


def find_twin(
    base: RenderedPicture,
    layout: SceneLayout,
    scene: Scene,
    rules: RelationRules,
    config: RenderConfig,
    scene_of: Callable[[RenderedPicture], Scene],
) -> TwinScene | None:
    """Return a twin, or ``None`` if none was found."""
    from reinforcesight.data_gen.rendering.picture import render_layout
    from reinforcesight.data_gen.rendering.twins import TwinKind, mirrored

    rng = np.random.default_rng([base.seed, base.index, _STREAM])
    before = claims_by_pair(scene, rules)
    axes = [_SCARCE[base.index % 3], _SCARCE[(base.index + 1) % 3], Axis.HORIZONTAL]
    rendered = 0
    for axis in axes:
        if axis is Axis.HORIZONTAL and rng.random() < _MIRRORED:
            picture = mirrored(base)
            twin = TwinScene(picture, scene_of(picture), TwinKind.MIRRORED)
            found = inverted(before, twin.scene, rules)
            if _same_objects(scene, twin.scene) and found and all(key[0] is axis for key in found):
                return twin
        for goal, layout_after, kind, moved in _changes(layout, before, axis, rng, config):
            if rendered == _RENDERED:
                return None
            rendered += 1
            picture = render_layout(layout_after, base.seed, base.index, base.distribution, config)
            twin = TwinScene(picture, scene_of(picture), kind, moved)
            if _same_objects(scene, twin.scene) and inverted(before, twin.scene, rules) == [goal]:
                return twin
    return None


def claims_by_pair(scene: Scene, rules: RelationRules) -> dict[PairKey, RelationResult]:
    results = relate_all(scene, rules=rules, marked=True)
    return {(r.axis, r.subject, r.reference, r.anchor): r for r in results if r.holds}


def inverted(before: dict[PairKey, RelationResult], scene: Scene, rules: RelationRules) -> list[PairKey]:
    """Return the relations whose inverse holds between the same objects in ``scene``."""
    after = claims_by_pair(scene, rules)
    return [key for key, result in before.items() if key in after and after[key].relation is not result.relation]


def _same_objects(first: Scene, second: Scene) -> bool:
    """Return whether the same objects are visible, under the same names."""
    return [(o.id, o.name) for o in first.objects] == [(o.id, o.name) for o in second.objects]


def _changes(
    layout: SceneLayout,
    before: dict[PairKey, RelationResult],
    axis: Axis,
    rng: np.random.Generator,
    config: RenderConfig,
) -> Iterator[tuple[PairKey, SceneLayout, TwinKind, int | None]]:
    """Yield changes that should invert one relation along an axis, each of another pair; smallest margins first."""
    from reinforcesight.data_gen.rendering.twins import Goal, TwinKind, moved_cameras, moved_objects

    keys = sorted((key for key in before if key[0] is axis), key=lambda key: before[key].margin)
    camera = axis is Axis.HORIZONTAL and rng.random() < _CAMERA
    for key in keys[:_GOALS]:
        _, first, second, anchor = key
        goal = Goal(axis.value, int(first), int(second), None if anchor is None else int(anchor))
        seen = next(moved_cameras(layout, goal, rng, _TRIES), None) if camera else None
        if seen is not None:
            yield key, seen, TwinKind.MOVED_CAMERA, None
            continue
        moved = next(moved_objects(layout, goal, rng, config, _TRIES), None)
        if moved is not None:
            yield key, moved[0], TwinKind.MOVED_OBJECT, moved[1]
