"""Rules that guess depth and distance from boxes alone, such as "the lower one is nearer".

Where such a rule is often right, a model can learn the rule instead of looking. The selection of questions bounds how
often it is right, and the evaluation compares models with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reinforcesight.relations.kinds import Axis, Relation
from reinforcesight.scene import SceneObject

_Box = tuple[float, float, float, float]  # left, top, right, bottom; pixels


def _bottom(box: _Box, _: _Box | None) -> float:
    return box[3]


def _area(box: _Box, _: _Box | None) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _nearness(box: _Box, anchor: _Box | None) -> float:
    """Return minus the squared distance of the boxes' centres, in pixels squared."""
    assert anchor is not None
    return -sum(((box[at] + box[at + 2] - anchor[at] - anchor[at + 2]) / 2) ** 2 for at in (0, 1))


# Of two objects, a rule says that the one with the larger measure is nearer, or closer to the anchor.
RULES_OF_THUMB: Mapping[Axis, Mapping[str, Callable[[_Box, _Box | None], float]]] = {
    Axis.DEPTH: {"the lower one is nearer": _bottom, "the larger box is nearer": _area},
    Axis.DISTANCE: {"the one nearer in the picture is closer": _nearness},
}


def rules_right(
    holds: Relation, subject: SceneObject, reference: SceneObject, anchor: SceneObject | None
) -> dict[str, bool]:
    """Return which rules are right, given the relation of two objects; a tie counts as wrong."""
    pair = (subject.box, reference.box)
    smaller, larger = pair if holds is holds.axis.relations[0] else pair[::-1]
    third = None if anchor is None else anchor.box
    return {
        rule: measure(smaller, third) > measure(larger, third)
        for rule, measure in RULES_OF_THUMB.get(holds.axis, {}).items()
    }
