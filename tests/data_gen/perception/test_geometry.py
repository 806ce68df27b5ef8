"""Geometry against scenes whose truth is known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.data_gen.perception.floor import find_floor
from reinforcesight.data_gen.perception.geometry import (
    CENTRE_BEHIND_SURFACE,
    Detection,
    build_scene,
    default_camera,
    eroded,
    unproject,
)
from reinforcesight.relations import relate
from reinforcesight.scene import Camera

H, W = 120, 160
CAMERA = Camera(fx=140.0, fy=140.0, cx=80.0, cy=60.0)


def rays(camera: Camera = CAMERA) -> np.ndarray:
    """Ray directions (H, W, 3) with z = 1, through pixel centres."""
    v, u = np.mgrid[0:H, 0:W]
    return np.stack([(u + 0.5 - camera.cx) / camera.fx, (v + 0.5 - camera.cy) / camera.fy, np.ones((H, W))], axis=-1)


def plane_depth(normal: np.ndarray, offset: float) -> np.ndarray:
    """z of the plane n·p + offset = 0 along every ray; 0 where it is behind the camera."""
    slope = rays() @ normal
    with np.errstate(divide="ignore"):
        z = -offset / slope
    return np.where((z > 0) & (z < 60), z, 0.0)


def test_pixel_centre_rule() -> None:
    points = unproject([0, 79, 80], [0, 59, 60], [2.0, 2.0, 2.0], CAMERA)
    assert points[0] == pytest.approx(((0.5 - 80) / 140 * 2, (0.5 - 60) / 140 * 2, 2.0))
    # The principal point lies between the two middle pixels, so these are mirror images.
    assert points[1][0] == pytest.approx(-points[2][0])


def test_sphere_position_is_recovered() -> None:
    truth, radius = np.array([0.3, 0.1, 3.0]), 0.5
    r = rays()
    b = r @ truth
    a = (r**2).sum(axis=-1)
    disc = b**2 - a * (truth @ truth - radius**2)
    mask = disc > 0
    depth = np.where(mask, (b - np.sqrt(np.maximum(disc, 0))) / a, 5.0)
    rows, columns = np.nonzero(mask)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    scene = build_scene(width=W, height=H, detections=[Detection(1, "ball", box, mask)], depth=depth, camera=CAMERA)
    found = scene[1]
    assert found.centre is not None
    assert np.linalg.norm(np.array(found.centre) - truth) < 0.2 * radius
    assert found.depth == pytest.approx(3.0 - 0.8 * radius, abs=0.05)
    assert found.depth_near is not None
    assert found.depth_near <= found.depth
    assert 0.3 < CENTRE_BEHIND_SURFACE < 1.0


def test_holes_and_rim_do_not_move_the_depth() -> None:
    rng = np.random.default_rng(3)
    depth = np.full((H, W), 6.0)
    mask = np.zeros((H, W), dtype=bool)
    mask[40:90, 50:110] = True
    depth[mask] = 2.0
    depth[40:42, 50:110] = 4.0  # the rim is smeared, as estimators do
    depth[rng.random((H, W)) < 0.4] = 0.0
    depth[50, 60], depth[51, 60] = np.nan, np.inf
    scene = build_scene(
        width=W,
        height=H,
        detections=[Detection(1, "box", (50, 40, 110, 90), mask)],
        depth=depth,
        camera=CAMERA,
    )
    assert scene[1].depth == pytest.approx(2.0)
    assert scene[1].valid_depth_fraction == pytest.approx(0.6, abs=0.06)


def test_box_without_mask_takes_the_layer_in_front() -> None:
    depth = np.full((H, W), 6.0)
    depth[42:88, 55:105] = 2.0
    near = Detection(1, "box", (50, 40, 110, 90))
    scene = build_scene(width=W, height=H, detections=[near], depth=depth, camera=CAMERA)
    assert scene[1].depth == pytest.approx(2.0)
    assert not scene[1].masked


def test_box_filled_mostly_by_background_abstains() -> None:
    depth = np.full((H, W), 6.0)
    depth[40:90, 50:66] = 2.0  # a thin thing in a wide box
    scene = build_scene(
        width=W,
        height=H,
        detections=[Detection(1, "pole", (40, 40, 110, 90)), Detection(2, "box", (120, 40, 150, 90))],
        depth=depth,
        camera=CAMERA,
    )
    assert relate(scene, 1, 2, "depth").relation is None


def test_no_depth_in_the_mask() -> None:
    depth = np.zeros((H, W))
    scene = build_scene(width=W, height=H, detections=[Detection(1, "box", (50, 40, 110, 90))], depth=depth)
    assert scene[1].depth is None
    assert scene[1].valid_depth_fraction == 0.0
    assert scene.camera is not None
    assert scene.camera.source == "default"


def test_default_field_of_view() -> None:
    camera = default_camera(640, 480)
    assert math.degrees(2 * math.atan(320 / camera.fx)) == pytest.approx(60.0)


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected depth of shape"):
        build_scene(width=W, height=H, detections=[], depth=np.ones((H, W + 1)))


def test_erosion_keeps_small_masks() -> None:
    small = np.zeros((9, 9), dtype=bool)
    small[4:6, 4:6] = True
    assert eroded(small).sum() == 4
    large = np.ones((50, 50), dtype=bool)
    assert 0 < eroded(large).sum() < large.sum()


@pytest.mark.parametrize("pitch", [0, 15, 35])
@pytest.mark.parametrize("roll", [-10, 0, 10])
def test_floor_is_found_with_its_normal(pitch: float, roll: float) -> None:
    p, r = math.radians(pitch), math.radians(roll)
    up = np.array([math.sin(r) * math.cos(p), -math.cos(r) * math.cos(p), -math.sin(p)])
    depth = plane_depth(up, 1.5)
    rows, columns = np.nonzero(depth)
    points = unproject(columns[::5], rows[::5], depth[rows, columns][::5], CAMERA)
    floor = find_floor(points)
    assert floor.found
    assert np.dot(floor.normal, up) > 0.999
    assert floor.offset == pytest.approx(1.5, rel=0.02)


def test_wall_and_ceiling_are_no_floor() -> None:
    wall = unproject(*np.mgrid[0:W:4, 0:H:4].reshape(2, -1), np.full(1200, 3.0), CAMERA)
    assert not find_floor(wall).found
    depth = plane_depth(np.array([0.0, 1.0, 0.0]), 1.2)  # above the camera
    rows, columns = np.nonzero(depth)
    ceiling = find_floor(unproject(columns[::5], rows[::5], depth[rows, columns][::5], CAMERA))
    assert not ceiling.found
    assert ceiling.reason


def test_table_top_with_the_floor_beneath_is_no_floor() -> None:
    rng = np.random.default_rng(0)
    top = np.column_stack([rng.uniform(-1, 1, 1500), np.full(1500, 0.5), rng.uniform(1, 2, 1500)])
    beneath = np.column_stack([rng.uniform(-2, 2, 500), np.full(500, 1.3), rng.uniform(1, 4, 500)])
    floor = find_floor(np.vstack([top, beneath]))
    assert not floor.found or floor.offset == pytest.approx(1.3, abs=0.05)


def test_floor_never_alters_answers() -> None:
    depth = np.maximum(plane_depth(np.array([0.0, -1.0, 0.0]), 1.5), 0.0)
    masks = []
    for left, z in ((20, 2.0), (100, 4.0)):
        mask = np.zeros((H, W), dtype=bool)
        mask[50:80, left : left + 30] = True
        depth[mask] = z
        masks.append(Detection(left, f"thing{left}", (left, 50, left + 30, 80), mask))
    with_floor = build_scene(width=W, height=H, detections=masks, depth=depth, camera=CAMERA)
    without = build_scene(width=W, height=H, detections=masks, depth=depth, camera=CAMERA, look_for_floor=False)
    assert with_floor.floor is not None
    assert with_floor.floor.found
    assert without.floor is None
    above = {"floor_clearance": None, "carrier_base": None}
    assert tuple(item.model_copy(update=above) for item in with_floor.objects) == without.objects
    assert relate(with_floor, 20, 100, "depth") == relate(without, 20, 100, "depth")


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 100.0), st.integers(0, 10))
def test_scaling_depth_scales_the_scene(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = rng.uniform(1.0, 1.1, (H, W))
    depth[30:70, 20:60] = 2.0
    depth[30:100, 90:140] = 0.8
    detections = [Detection(1, "box", (20, 30, 60, 70)), Detection(2, "rug", (90, 30, 140, 100))]
    one = build_scene(width=W, height=H, detections=detections, depth=depth, camera=CAMERA)
    two = build_scene(width=W, height=H, detections=detections, depth=depth * scale, camera=CAMERA)
    for a, b in zip(one.objects, two.objects, strict=True):
        assert b.depth == pytest.approx(a.depth * scale)
    assert relate(one, 1, 2, "depth").relation == relate(two, 1, 2, "depth").relation
