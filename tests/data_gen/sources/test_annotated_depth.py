"""Depth of the source ``annotated``: files, scales and units, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from annotated_support import HEIGHT, WIDTH, Folder, reasons, two_planes, with_depth
from PIL import Image

from reinforcesight.relations import Relation, relate


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


INTRINSICS = {"fx": 60.0, "fy": 60.0, "cx": 32.0, "cy": 24.0}


@pytest.mark.parametrize(
    ("depth", "extra", "expected"),
    [
        (two_planes(2000, 4000, np.uint16), {}, 2.0),
        (two_planes(10000, 20000, np.uint16), {"depth_scale": 5000}, 2.0),
        (two_planes(2.0, 4.0, np.float32), {}, 2.0),
        (two_planes(2.0, 4.0, np.float64)[:, :, None], {}, 2.0),
        (two_planes(2.0, 4.0, np.float16)[::2, ::2], {}, 2.0),
        (two_planes(20, 40, np.int32), {"depth_scale": 10.0}, 2.0),
    ],
)
def test_depth_files_and_scales(folder, depth, extra, expected):
    with_depth(folder, depth, intrinsics=INTRINSICS, **extra)
    picture = folder.load()
    assert not picture.skipped
    assert picture.scene.depth_unit == "m"
    assert picture.scene.camera.fx == 60.0
    assert picture.scene.objects[0].depth == pytest.approx(expected)
    assert picture.scene.objects[1].depth == pytest.approx(2 * expected)
    assert relate(picture.scene, 1, 2, "depth").relation is Relation.IN_FRONT


def test_relative_depth_keeps_its_unit(folder):
    with_depth(folder, two_planes(0.2, 0.4, np.float32), depth_unit="scene")
    assert folder.load().scene.depth_unit == "scene"


def test_values_that_are_no_reading(folder):
    depth = two_planes(2.0, 4.0, np.float32)
    depth[::2, 0::4], depth[::2, 1::4], depth[::2, 2::4], depth[::2, 3::4] = np.nan, np.inf, -1.0, 0.0
    with_depth(folder, depth)
    first = folder.load().scene.objects[0]
    assert first.depth == pytest.approx(2.0)
    assert first.valid_depth_fraction == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("depth", "extra", "reason"),
    [
        (two_planes(2.0, 4.0, np.float32)[:, :50], {}, "depth_shape_differs"),
        (two_planes(2.0, 4.0, np.float32).T, {}, "depth_shape_differs"),
        (two_planes(0.0, np.nan, np.float32), {}, "empty_depth"),
        (two_planes(2.0, 4.0, np.float32), {"depth_scale": 0}, "bad_depth_scale"),
        (two_planes(2.0, 4.0, np.float32), {"depth_scale": "1000"}, "bad_depth_scale"),
        (two_planes(2.0, 4.0, np.float32), {"depth_scale": 10**400}, "bad_depth_scale"),
        (two_planes(2.0, 4.0, np.float32), {"depth_unit": "inch"}, "bad_depth_unit"),
        (np.zeros((HEIGHT, WIDTH, 3), np.float32), {}, "unreadable_depth"),
        (two_planes(True, True, np.bool_), {}, "unreadable_depth"),
    ],
)
def test_depth_that_is_refused_leaves_the_picture(folder, depth, extra, reason):
    with_depth(folder, depth, **extra)
    picture = folder.load()
    assert reasons(picture) == [reason]
    assert picture.scene.depth_unit is None
    assert len(picture.scene.objects) == 2


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (None, "d.png", "missing_depth_file"),
        (b"not a picture", "d.png", "unreadable_depth"),
        (b"not an array", "d.npy", "unreadable_depth"),
        (pickle.dumps([1, 2]), "d.npy", "unreadable_depth"),
        (b"", "d.npy", "unreadable_depth"),
        (None, "../d.png", "depth_path_leaves_folder"),
        (None, "/etc/passwd", "depth_path_leaves_folder"),
        (None, 7, "depth_path_leaves_folder"),
    ],
)
def test_depth_files_that_cannot_be_read(folder, content, name, reason):
    folder.picture(depth_file_name=name)
    if content is not None:
        (folder.root / name).write_bytes(content)
    assert reasons(folder.load()) == [reason]


def test_eight_bit_depth_and_pickled_arrays_are_refused(folder):
    Image.fromarray(two_planes(20, 40, np.uint8)).save(folder.root / "d.png")
    np.save(folder.root / "d.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    folder.picture(depth_file_name="d.png")
    folder.picture("b.png", depth_file_name="d.npy")
    assert reasons(folder.load(0)) == ["unreadable_depth"]
    assert reasons(folder.load(1)) == ["unreadable_depth"]


@pytest.mark.parametrize("wrong", [7, {"fx": 1.0}, {**INTRINSICS, "fx": 0}, {**INTRINSICS, "cx": "a"}])
def test_bad_intrinsics_leave_the_depth(folder, wrong):
    with_depth(folder, two_planes(2.0, 4.0, np.float32), intrinsics=wrong)
    picture = folder.load()
    assert reasons(picture) == ["bad_intrinsics"]
    assert picture.scene.depth_unit == "m"
    assert picture.scene.camera.source == "default"
