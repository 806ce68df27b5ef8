"""What outlines and depth show in a street that is drawn by hand."""

import json

import numpy as np
import pytest
from cue_scenes import HEIGHT, foot_row, id_of, street

from reinforcesight.data_gen.perception.contacts import TOY_CONTOURS, OutlineMap
from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.scene import Camera, Scene


@pytest.fixture(scope="module")
def scene():
    return street()


def contacts(scene):
    return {(c.kind, scene[c.subject].name, scene[c.reference].name) for c in scene.contacts}


def test_the_nearer_of_two_outlines_that_meet_covers_the_other(scene):
    assert contacts(scene) == {("covers", "post", "wall")}


def test_what_stands_on_the_floor_has_no_clearance(scene):
    clearance = {item.name: item.floor_clearance for item in scene.objects}
    for name in ("tree", "wall", "post"):
        assert abs(clearance[name]) <= 0.02, name
    assert clearance["kite"] > 0.1
    assert clearance["vase"] > 0.1


def test_a_pedestal_is_followed_to_the_floor_and_the_air_is_not(scene):
    assert scene[id_of(scene, "vase")].carrier_base == pytest.approx(foot_row(5.0), abs=2)
    assert scene[id_of(scene, "kite")].carrier_base is None


def test_gaps_count_the_free_pixels_between_outlines(scene):
    gaps = scene.outline_gaps
    at = {item.name: index for index, item in enumerate(scene.objects)}
    assert gaps[at["post"]][at["wall"]] == 0
    assert gaps[at["tree"]][at["wall"]] == 60
    assert gaps[at["wall"]][at["tree"]] == 60


def outline_map(step, *, flat=False):
    """A square of depth 2 to the left of one that is ``step`` times as deep."""
    masks = [np.zeros((40, 60), dtype=bool) for _ in range(2)]
    masks[0][10:30, 10:30], masks[1][10:30, 30:50] = True, True
    depth = np.full((40, 60), 2.0, dtype=np.float32)
    depth[:, 30:] *= step
    if flat:  # one plane that recedes: inverse depth is linear in the columns
        depth[:] = 1.0 / np.linspace(1.0, 0.2, 60, dtype=np.float32)
    return OutlineMap(masks, depth, np.ones((40, 60), dtype=bool))


@pytest.mark.parametrize("step", [1.0, 1.01])
def test_without_a_step_in_depth_nothing_covers_the_other(step):
    assert outline_map(step).covers([None, None], [0, 1]) == []


def test_a_surface_that_recedes_from_one_object_to_the_next_is_no_step():
    assert outline_map(1.0, flat=True).covers([None, None], [0, 1]) == []


def test_a_step_counts_unless_the_source_knows_that_nothing_is_hidden():
    assert [pair[:2] for pair in outline_map(1.5).covers([None, None], [0, 1])] == [(0, 1)]
    assert [pair[:2] for pair in outline_map(0.7).covers([None, None], [0, 1])] == [(1, 0)]
    assert outline_map(1.5).covers([None, {}], [0, 1]) == []
    assert [pair[:2] for pair in outline_map(1.5).covers([None, {0: 100}], [0, 1])] == [(0, 1)]


def test_a_cup_on_a_table_rests_on_it_and_a_cup_behind_its_edge_does_not():
    rows = np.arange(80)[:, None] + 0.5
    top = 120.0 / np.maximum(rows - 10, 1.0) * np.ones((80, 80))  # a table top below the camera
    table, cup = np.zeros((80, 80), dtype=bool), np.zeros((80, 80), dtype=bool)
    table[40:70], cup[30:55, 30:45] = True, True
    standing = top.copy()
    standing[cup] = top[54, 0]
    found = OutlineMap([cup, table & ~cup], standing.astype(np.float32), np.ones((80, 80), dtype=bool))
    assert list(found.resting) == [(0, 1)]
    behind = np.zeros((80, 80), dtype=bool)
    behind[20:40, 30:45] = True
    deep = top.copy()
    deep[behind] = top[40, 0] * 1.01
    found = OutlineMap([behind, table], deep.astype(np.float32), np.ones((80, 80), dtype=bool))
    assert not found.resting


def desk_with_a_cup_at_its_back():
    """Depth and outlines of a desk seen at a low angle: its front is most of its pixels, its top recedes to 10 m."""
    rows = np.arange(200)[:, None] + 0.5
    depth = np.broadcast_to(100.0 / np.clip(rows - 30.0, 10.0, 40.0), (200, 200)).copy()
    desk, cup = np.zeros((200, 200), dtype=bool), np.zeros((200, 200), dtype=bool)
    desk[40:190, 20:180], cup[30:55, 90:110] = True, True
    depth[cup] = 100.0 / 24.5
    return depth.astype(np.float32), cup, desk & ~cup


def test_what_rests_on_the_far_end_of_something_is_not_far_from_it():
    depth, cup, desk = desk_with_a_cup_at_its_back()
    detections = [
        Detection(id=0, name="cup", box=(90, 30, 110, 55), mask=cup),
        Detection(id=1, name="desk", box=(20, 40, 180, 190), mask=desk),
    ]
    about = {"width": 200, "height": 200, "detections": detections, "depth": depth}
    camera = Camera(fx=200.0, fy=200.0, cx=100.0, cy=30.0)
    scene = build_scene(**about, camera=camera)
    assert ("rests on", "cup", "desk") in contacts(scene)
    # A row of pixels is 0.16 m of the desk there.
    assert scene.surface_distances[0][1] < 0.25
    assert scene.surface_distances[1][0] == scene.surface_distances[0][1]
    toys = build_scene(**about, camera=camera, contour_rules=TOY_CONTOURS)
    assert toys.surface_distances[0][1] > 1.0


def test_a_scene_keeps_its_contacts_and_leaves_out_what_is_empty(scene):
    assert Scene.from_json(scene.to_json()) == scene
    empty = Scene(width=10, height=HEIGHT)
    assert not {"contacts", "outline_gaps"} & set(json.loads(empty.to_json()))
