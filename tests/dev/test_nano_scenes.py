"""A moved picture's truth is what its pixels say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nano.batches import mirrored
from nano.scenes import MAX_OBJECTS, moved, render_scene

from reinforcesight.data_gen.rendering import Distribution, RenderConfig

OPTIONS = RenderConfig(
    world="toys",
    objects_min=3,
    objects_max=5,
    kinds=("ball", "box", "chair", "tree"),
    colours=("red", "blue", "green"),
    min_extent=0.12,
    furnishing=1,
    shadows=False,
)
SHIFT = st.integers(-20, 20)


@pytest.fixture(scope="module")
def scenes():
    return [render_scene(3, index, Distribution.TRAIN, (128, 96), 16, OPTIONS) for index in range(8)]


def test_a_scene_tells_of_each_pixel_what_it_shows(scenes):
    assert sum(int((s.kinds >= 0).sum()) for s in scenes) > 12
    for scene in scenes:
        for row in np.flatnonzero(scene.kinds >= 0):
            down, across = np.nonzero(scene.instances == row)
            assert len(across) >= 40
            assert scene.visible[row] >= 0.4
            box = [across.min(), down.min(), across.max() + 1, down.max() + 1]
            assert scene.boxes[row].tolist() == box
        assert set(np.unique(scene.instances)) <= {-1, *range(MAX_OBJECTS + 1)}


def test_a_scene_that_is_moved_by_nothing_is_the_same(scenes):
    for scene in scenes:
        same = moved(scene, 0, 0)
        for name in ("picture", "kinds", "colours", "boxes", "depths", "visible", "instances", "cells"):
            assert np.array_equal(getattr(same, name), getattr(scene, name)), name


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 7), SHIFT, SHIFT, st.booleans())
def test_a_moved_scene_is_what_its_pixels_say(scenes, index, across, down, mirror):
    scene = mirrored(scenes[index]) if mirror else scenes[index]
    result = moved(scene, across, down)
    # What stays in the picture is found where it went, pixel by pixel.
    names = {}
    for row in np.flatnonzero(result.kinds >= 0):
        seen = result.instances == row
        names[row] = (result.kinds[row], result.colours[row], result.depths[row])
        y, x = np.nonzero(seen)
        assert result.boxes[row].tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
        source_y, source_x = np.clip(y - down, 0, 95), np.clip(x - across, 0, 127)
        (before,) = set(scene.instances[source_y, source_x])
        assert (scene.kinds[before], scene.colours[before], scene.depths[before]) == names[row]
        assert np.array_equal(result.picture[y, x], scene.picture[source_y, source_x])
    # What is named and stays whole is named still.
    for row in np.flatnonzero(scene.kinds >= 0):
        x0, y0, x1, y1 = scene.boxes[row]
        inside = x0 + across >= 0 and x1 + across <= 128 and y0 + down >= 0 and y1 + down <= 96
        if inside and x0 > 0 and x1 < 128 and y0 > 0 and y1 < 96:
            assert (scene.kinds[row], scene.colours[row], scene.depths[row]) in names.values()
    # Each visual token shows what covers most of it, and at least an eighth or so.
    for a in range(6):
        for b in range(8):
            block = result.instances[16 * a : 16 * a + 16, 16 * b : 16 * b + 16]
            counts = [(int((block == row).sum()), row) for row in range(MAX_OBJECTS + 1)]
            most = max(count for count, _ in counts)
            shown = {row for count, row in counts if count == most} if most >= 0.12 * 256 else {-1}
            assert int(result.cells[a, b]) in {row if row < MAX_OBJECTS else -1 for row in shown}
