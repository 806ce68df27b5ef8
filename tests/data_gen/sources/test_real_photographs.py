"""The main job on real photographs, against what a person sees in them. Skipped where they are not at hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.relations import Axis, Reason, Relation, relate, relate_all

INPUTS = Path(__file__).parents[4] / "shared" / "real_inputs"
pytestmark = pytest.mark.skipif(not INPUTS.is_dir(), reason="the real photographs are not at hand")

# The desk, as seen by eye. Groups in order; objects within a group are not told apart.
FROM_LEFT = [
    ["globe"],
    ["striped cushion"],
    ["purple magazine"],
    ["toy airplane"],
    ["shopping bag"],
    ["blue mug"],
]
FROM_TOP = [["globe"], ["striped cushion"], ["purple magazine", "blue mug", "toy airplane"], ["yellow chair"]]
FROM_CAMERA = [
    ["red office chair"],
    ["yellow chair", "yellow dice"],
    ["striped cushion", "purple magazine", "toy airplane"],
    ["shopping bag"],
]
# Anchor, what is surely closer to it, what is surely farther from it (real distances on and around the desk).
DISTANCES = [
    ("blue mug", "toy airplane", "purple magazine"),
    ("blue mug", "shopping bag", "globe"),
    ("toy airplane", "blue mug", "yellow dice"),
    ("yellow dice", "striped cushion", "shopping bag"),
    ("globe", "striped cushion", "blue mug"),
]


@pytest.fixture(scope="module")
def desk():
    scene = AnnotatedSource(INPUTS / "tum_desk").load(0).scene
    return scene, {item.name: item.id for item in scene.objects}


@pytest.mark.parametrize(
    ("groups", "axis"), [(FROM_LEFT, Axis.HORIZONTAL), (FROM_TOP, Axis.VERTICAL), (FROM_CAMERA, Axis.DEPTH)]
)
def test_desk_order_is_never_contradicted(desk, groups: list[list[str]], axis: Axis) -> None:
    scene, ids = desk
    claims = 0
    for before, after in itertools.combinations(groups, 2):
        for first, second in itertools.product(before, after):
            result = relate(scene, ids[first], ids[second], axis)
            assert result.relation in (None, axis.relations[0]), (first, second)
            claims += result.holds
    assert claims >= 3


def test_desk_distances(desk) -> None:
    scene, ids = desk
    claims = 0
    for anchor, closer, farther in DISTANCES:
        result = relate(scene, ids[closer], ids[farther], Axis.DISTANCE, anchor=ids[anchor])
        assert result.relation in (None, Relation.CLOSER), (anchor, closer, farther)
        claims += result.holds
    assert claims >= 3


def test_desk_has_claims_on_every_axis(desk) -> None:
    scene, _ = desk
    held = [result.axis for result in relate_all(scene) if result.holds]
    assert all(held.count(axis) >= 4 for axis in Axis)
    assert scene.floor is not None
    assert scene.floor.found


def test_several_chairs_are_never_told_apart_by_name() -> None:
    source = AnnotatedSource(INPUTS / "indoor_boxes")
    repeated = 0
    for index in range(source.count() or 0):
        scene = source.load(index).scene
        names = [item.name for item in scene.objects]
        assert scene.depth_unit is None
        for result in relate_all(scene):
            assert result.axis in (Axis.HORIZONTAL, Axis.VERTICAL)
            pair = {scene[result.subject].name, scene[result.reference].name}
            if any(names.count(name) > 1 for name in pair):
                repeated += 1
                assert result.reason is Reason.AMBIGUOUS_NAME
    assert repeated > 50
