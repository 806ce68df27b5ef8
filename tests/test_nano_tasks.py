"""What the embedded model is taught: true of the scene, nothing about two objects, and in the format of answers."""

import math
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.data_gen.sources.rendering import Distribution, RenderConfig
from reinforcesight.judge import judge
from reinforcesight.model.nano.scenes import render_scene
from reinforcesight.model.nano.tasks import look_up, picture_turns, point_text, seen_objects

OPTIONS = RenderConfig(
    objects_min=3,
    objects_max=5,
    kinds=("chair", "ball", "tree", "box", "mug", "kite"),
    colours=("red", "green", "blue", "pink"),
    min_extent=0.16,
    same_name=0.0,
    furnishing=1,
    shadows=False,
)
COMPARED = re.compile(
    r"\b(than(?! the middle)|in front of|behind|above the|below the|between|both"
    r"|(left|right) of the (?!middle|picture))\b"
)


@pytest.fixture(scope="module")
def scenes():
    return [render_scene(3, index, Distribution.TRAIN, (128, 96), 16, OPTIONS) for index in range(12)]


def test_no_answer_relates_two_objects(scenes):
    rng = random.Random(1)
    for scene in scenes * 30:
        for user, answer in picture_turns(scene, OPTIONS, rng):
            assert not COMPARED.search(answer), answer
            assert not COMPARED.search(user.split(" Select")[0]), user


def test_boxes_depths_and_cells_agree_with_the_picture_that_was_rendered(scenes):
    from reinforcesight.data_gen.sources.rendering import render_picture

    for index, scene in enumerate(scenes):
        truth = render_picture(3, index, Distribution.TRAIN, (128, 96), OPTIONS)
        named = {
            (OPTIONS.kinds[k], OPTIONS.colours[c])
            for k, c in zip(scene.kinds, scene.colours, strict=True)
            if k >= 0
        }
        clear = {
            (o.kind, o.colour) for o in truth.objects if o.visible_pixels > 60 and o.visible_fraction > 0.5
        }
        assert clear <= named
        for row, column in np.argwhere(scene.cells >= 0):
            x0, y0, x1, y1 = scene.boxes[scene.cells[row, column]]
            assert x0 < 16 * (column + 1)
            assert x1 > 16 * column
            assert y0 < 16 * (row + 1)
            assert y1 > 16 * row


def test_points_lie_in_the_boxes_and_count_depth_by_its_logarithm(scenes):
    for scene in scenes:
        for item in seen_objects(scene, OPTIONS):
            across, down, depth = (int(n) for n in re.findall(r"\d\d", point_text(item)))
            inside = [
                x0 / 128 - 0.01 <= across / 100 <= x1 / 128 and y0 / 96 - 0.01 <= down / 100 <= y1 / 96
                for x0, y0, x1, y1 in scene.boxes[scene.kinds >= 0]
            ]
            assert any(inside)
            assert math.exp(depth / 100 * math.log(12)) == pytest.approx(item.depth, rel=0.03)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31))
def test_letters_belong_to_the_answer_that_was_asked_for(seed):
    user, answer = look_up(OPTIONS, random.Random(seed))
    wanted = re.match(r"Choose (?:the )?(.+?)\. Select", user).group(1)
    choices = dict(re.findall(r"^\((\w)\) (.+)$", user, re.MULTILINE))
    letter = next(k for k, text in choices.items() if text == wanted)
    assert judge(answer, [choices[k] for k in sorted(choices)], f"({letter})").correct
