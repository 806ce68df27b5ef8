"""What the embedded model is taught: true of the scene, nothing about two objects, and in the format of answers."""

import math
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nano.scenes import render_scene
from nano.tasks import (
    choose_by_place,
    locate_several,
    look_up,
    picture_turns,
    point_text,
    read_places,
    repeat_names,
    seen_objects,
)

from reinforcesight.data_gen.rendering import Distribution, RenderConfig
from reinforcesight.judge import judge

OPTIONS = RenderConfig(
    world="toys",
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
            assert not COMPARED.search(re.split(r" Select|\n", user)[0]), user


def test_boxes_depths_and_cells_agree_with_the_picture_that_was_rendered(scenes):
    from reinforcesight.data_gen.rendering import render_picture

    for index, scene in enumerate(scenes):
        truth = render_picture(3, index, Distribution.TRAIN, (128, 96), OPTIONS)
        named = {
            (OPTIONS.kinds[k], OPTIONS.colours[c]) for k, c in zip(scene.kinds, scene.colours, strict=True) if k >= 0
        }
        clear = {(o.kind, o.colour) for o in truth.objects if o.visible_pixels > 60 and o.visible_fraction > 0.5}
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
    wanted = re.match(r"Choose (?:the )?(.+?)\.[ \n]", user).group(1)
    choices = dict(re.findall(r"^\((\w)\) (.+)$", user, re.MULTILINE))
    letter = next(k for k, text in choices.items() if text == wanted)
    assert judge(answer, [choices[k] for k in sorted(choices)], f"({letter})").correct


# Written apart from the code under test: which phrases fit which share of the picture, and which depth.
ACROSS = (
    "near the left edge|at the far left of the picture",
    "in the left part of the picture|left of the middle",
    "around the middle of the picture|near the middle from side to side",
    "in the right part of the picture|right of the middle",
    "near the right edge|at the far right of the picture",
)
DOWN = (
    "near the upper edge|close to the top of the picture",
    "in the upper part of the picture|higher than the middle",
    "around middle height in the picture|near the middle from top to bottom",
    "in the lower part of the picture|lower than the middle",
    "near the lower edge|close to the bottom of the picture",
)
FAR = (
    "very close to the camera",
    "(?<!very )close to the camera",
    "at a middle distance",
    "(?<!very )far from the camera",
    "very far from the camera",
)


def fits(item, text):
    """Whether every place that is told is the object's."""
    near = sum(item.depth >= limit for limit in (2.4, 3.2, 4.0, 5.2))
    bands = ((ACROSS, int(5 * item.across)), (DOWN, int(5 * item.down)), (FAR, near))
    told = [(band, i) for words, band in bands for i, w in enumerate(words) if re.search(rf"\b(?:{w})\b", text)]
    return bool(told) and all(band == i for band, i in told)


WORDS = "|".join((*OPTIONS.kinds, *OPTIONS.colours))


def parts_of(answer):
    """What is said of each of the objects, which are named once each."""
    thought = answer.removeprefix("<think>").split("As for the options")[0]
    return list(re.split(rf"(?<!in )(?<!by )\b[Tt]he (?=(?:{WORDS})\b)", thought))[1:]


def by_words(objects, words):
    name = words.split(" is ")[0]
    found = [o for o in objects if words.startswith(o.name)] or [
        o for o in objects if o.alone and words.startswith(o.kind)
    ]
    assert len(found) == 1, (name, objects)
    return found[0]


def test_several_objects_are_placed_in_the_order_in_which_they_are_named(scenes):
    rng = random.Random(5)
    counts = set()
    for scene in scenes * 20:
        drawn = dict(zip(range(3), rng.sample(["red", "blue", "green"], 3), strict=True)) if rng.random() < 0.5 else {}
        objects = seen_objects(scene, OPTIONS, drawn)
        user, answer = locate_several(objects, rng)
        asked = [by_words(objects, part) for part in parts_of(user)]
        told = parts_of(answer)
        assert [by_words(objects, part) for part in told] == asked
        counts.add(len(asked))
        for item, words in zip(asked, told, strict=True):
            assert fits(item, words), (item, words)
            mark = re.search(r"in the (red|blue|green) box", words)
            assert mark is None or mark.group(1) == item.box
    assert {2, 3} <= counts


def test_the_object_at_a_place_is_chosen_after_both_are_placed(scenes):
    rng = random.Random(6)
    chosen = 0
    for scene in scenes * 20:
        objects = seen_objects(scene, OPTIONS)
        user, answer = choose_by_place(objects, rng)
        if not user.startswith("Which object is"):
            continue
        chosen += 1
        choices = re.findall(r"^\(\w\) (.+)$", user, re.MULTILINE)
        place = re.match(r"Which object is (.+?)(?:, the|\?)", user).group(1)
        right = [fits(by_words(objects, name), place) for name in choices]
        assert sum(right) == 1
        assert judge(answer, choices, f"({'AB'[right.index(True)]})").correct
        if answer.startswith("<think>"):
            for words in parts_of(answer)[:2]:
                assert fits(by_words(objects, words), words)
    assert chosen > 100


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31))
def test_told_places_and_names_are_read_and_repeated(seed):
    user, answer = read_places(OPTIONS, random.Random(seed))
    facts, question = user.split(" Which object is ")
    at = dict(re.findall(r"The (.+?) is (.+?)\.(?: |$)", facts))
    place = question.split("?")[0]
    choices = re.findall(r"^\(\w\) (.+)$", user, re.MULTILINE)
    right = [at[name] == place for name in choices]
    assert sum(right) == 1
    assert judge(answer, choices, f"({'AB'[right.index(True)]})").correct
    user, answer = repeat_names(OPTIONS, random.Random(seed))
    assert user.removeprefix("Repeat: ").casefold() == answer.casefold()
