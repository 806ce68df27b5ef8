"""What an outline and its depth say: two things in one outline, hidden ends, contacts, and boxes with background."""

from __future__ import annotations

import numpy as np
import pytest

from reinforcesight.data_gen.perception.geometry import Detection, build_scene, eroded
from reinforcesight.data_gen.perception.mask_checks import two_layers, visible_shares
from reinforcesight.relations import Reason, relate
from reinforcesight.scene import Camera, Scene

W, H = 160, 120
CAMERA = Camera(fx=150, fy=150, cx=W / 2, cy=H / 2)


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((H, W), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def scene_of(depth: np.ndarray, *masks: np.ndarray, outlines: bool = True) -> Scene:
    detections = []
    for number, mask in enumerate(masks):
        rows, columns = np.nonzero(mask)
        box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
        detections.append(Detection(number, f"thing {'abcdefg'[number]}", box, mask if outlines else None))
    return build_scene(width=W, height=H, detections=detections, depth=depth, camera=CAMERA)


def layered(mask: np.ndarray, depth: np.ndarray) -> bool:
    return two_layers(eroded(mask), mask, depth)


def test_two_things_in_one_outline_are_noticed() -> None:
    depth = np.full((H, W), 8.0)
    near, far, third = rectangle(10, 40, 40, 90), rectangle(40, 45, 70, 90), rectangle(110, 40, 140, 90)
    depth[near], depth[far], depth[third] = 2.0, 3.0, 5.0
    assert layered(near | far, depth)
    assert not layered(near, depth)
    scene = scene_of(depth, near | far, third)
    assert scene[0].merged
    assert relate(scene, 0, 1, "horizontal").reason is Reason.MERGED_OUTLINE
    assert relate(scene, 0, 1, "depth").reason is Reason.MERGED_OUTLINE


def test_an_outline_that_holds_another_thing_is_merged_but_not_by_its_part_or_what_is_on_it() -> None:
    depth = np.full((H, W), 8.0)
    near, far, third = rectangle(10, 40, 40, 90), rectangle(44, 60, 70, 90), rectangle(110, 40, 140, 90)
    depth[near], depth[far], depth[third] = 2.0, 4.0, 3.0
    scene = scene_of(depth, near | far, far, third)
    assert [item.merged for item in scene.objects] == [True, False, False]
    assert scene_of(depth, far, far, third)[0].merged  # one of two equal outlines is wrong
    rows = np.arange(H, dtype=float)[:, None]
    table, cup, pot = rectangle(10, 50, 150, 110), rectangle(60, 70, 90, 95), rectangle(110, 60, 140, 90)
    depth[table] = np.broadcast_to(60.0 / np.maximum(rows - 20.0, 4.0), (H, W))[table]
    depth[cup] = depth[94, 75]
    depth[pot] = 3.0
    assert not any(item.merged for item in scene_of(depth, table, cup).objects)
    assert not any(item.merged for item in scene_of(np.full((H, W), 3.0), pot | third, pot).objects)


def test_one_long_thing_and_a_lamp_are_one_thing() -> None:
    long = rectangle(10, 40, 130, 80)
    depth = np.full((H, W), 9.0)
    depth[long] = np.broadcast_to(np.linspace(2.0, 5.0, 120), (40, 120)).ravel()
    assert not layered(long, depth)
    # A small thing whose rim is mixed with the background.
    small, core = rectangle(40, 40, 60, 60), rectangle(42, 42, 58, 58)
    depth[small], depth[core] = 8.5, 2.0
    assert not layered(small, depth)
    # A foot and a shade at different depths, and the post between them.
    foot, shade, post = rectangle(60, 90, 90, 98), rectangle(60, 20, 90, 32), rectangle(73, 32, 77, 90)
    depth[foot], depth[shade] = 2.0, 2.6
    depth[post] = np.repeat(np.linspace(2.6, 2.0, 58), 4)
    assert not layered(foot | shade | post, depth)


def test_leaves_in_front_of_a_pot_are_one_thing() -> None:
    depth = np.full((H, W), 9.0)
    pot = rectangle(60, 60, 100, 100)
    leaves = np.zeros((H, W), dtype=bool)
    for x in range(40, 120, 12):
        leaves |= rectangle(x, 20, x + 6, 50)
    depth[pot], depth[leaves] = 3.0, 2.5
    assert not layered(pot | leaves, depth)


@pytest.mark.parametrize("side", ["left", "top"])
def test_an_end_behind_a_nearer_thing_is_hidden(side: str) -> None:
    depth = np.full((H, W), 8.0)
    front, behind = rectangle(40, 30, 80, 90), rectangle(80, 40, 110, 80)
    if side == "top":
        front, behind = rectangle(40, 10, 100, 50), rectangle(50, 50, 90, 90)
    depth[front], depth[behind] = 2.0, 4.0
    shares = visible_shares({0: front, 1: behind}, depth)
    assert list(shares) == [1]
    assert 0.6 < shares[1] < 0.85


def test_what_stands_on_a_table_or_beside_something_is_not_hidden() -> None:
    rows = np.arange(H, dtype=float)[:, None]
    depth = np.broadcast_to(60.0 / np.maximum(rows - 20.0, 4.0), (H, W)).copy()  # a plane that rises to the horizon
    cup = rectangle(70, 45, 90, 70)
    table = rectangle(10, 50, 150, 115) & ~cup
    depth[cup] = depth[70, 80]
    assert visible_shares({0: cup, 1: table}, depth) == {}
    beside = rectangle(90, 45, 110, 70)
    depth[beside] = depth[cup].mean()
    assert visible_shares({0: cup, 1: table & ~beside, 2: beside}, depth) == {}


def test_a_visible_share_of_the_source_is_kept() -> None:
    depth = np.full((H, W), 8.0)
    front, behind = rectangle(40, 30, 80, 90), rectangle(80, 40, 110, 80)
    depth[front], depth[behind] = 2.0, 4.0
    estimated = visible_shares({0: front, 1: behind}, depth)[1]
    assert scene_of(depth, front, behind)[1].visible_fraction == pytest.approx(estimated)
    known = [
        Detection(0, "box", (40, 30, 80, 90), front, visible_fraction=1.0),
        Detection(1, "bin", (80, 40, 110, 80), behind, visible_fraction=0.9),
    ]
    assert build_scene(width=W, height=H, detections=known, depth=depth, camera=CAMERA)[1].visible_fraction == 0.9


def test_a_thing_touches_what_it_stands_on() -> None:
    rows = np.arange(H, dtype=float)[:, None]
    depth = np.broadcast_to(60.0 / np.maximum(rows - 20.0, 4.0), (H, W)).copy()
    can = rectangle(120, 64, 126, 70)
    table = rectangle(5, 50, 155, 115) & ~can
    depth[can] = depth[70, 123]
    scene = scene_of(depth, table, can)
    assert scene.surface_distances is not None
    assert scene.surface_distances[0][1] is not None
    assert scene.surface_distances[0][1] < 0.04  # metres; the table's middle is about half a metre away


def test_a_box_whose_depth_is_also_beside_it_has_no_depth() -> None:
    depth = np.full((H, W), 6.0)
    frame = rectangle(30, 30, 80, 90) & ~rectangle(33, 33, 77, 90)
    solid = rectangle(100, 30, 140, 90)
    depth[frame], depth[solid] = 2.0, 3.0
    scene = scene_of(depth, frame, solid, outlines=False)
    assert scene[0].depth is None
    assert scene[1].depth == pytest.approx(3.0)
    assert relate(scene, 0, 1, "depth").reason is Reason.NO_DEPTH
    assert relate(scene, 0, 1, "horizontal").holds


def test_the_floor_through_a_frame_is_not_its_depth() -> None:
    rows = np.arange(H, dtype=float)[:, None]
    depth = np.broadcast_to(200.0 / np.maximum(rows - 20.0, 4.0), (H, W)).copy()  # a floor, nearer in each row
    frame = rectangle(30, 40, 80, 70) & ~rectangle(33, 43, 77, 70)
    depth[frame] = depth[70, 30]
    solid = rectangle(100, 40, 130, 70)
    depth[solid] = depth[70, 30]
    scene = scene_of(depth, frame, solid, outlines=False)
    assert scene[0].depth is None
    assert scene[1].depth == pytest.approx(4.0)


def test_a_box_filled_by_what_stands_in_front_has_no_depth() -> None:
    depth = np.full((H, W), 8.0)
    front, hidden, other = rectangle(20, 50, 90, 80), rectangle(40, 40, 60, 75), rectangle(110, 40, 140, 80)
    depth[hidden] = 5.0
    depth[front] = 2.0
    depth[other] = 3.0
    assert scene_of(depth, hidden, other, outlines=False)[0].depth is None


def test_a_box_within_another_box_may_show_that_things_depth() -> None:
    depth = np.full((H, W), 8.0)
    depth[20:100, 20:90] = np.broadcast_to(np.linspace(2.0, 2.6, 70), (80, 70))
    depth[40:50, 75:88] = 5.0
    depth[38:40, 74:90] = depth[50:64, 74:90] = 2.8
    scene = scene_of(depth, rectangle(20, 20, 90, 100), rectangle(74, 38, 89, 64), outlines=False)
    assert scene[1].depth_shared_with == 0
