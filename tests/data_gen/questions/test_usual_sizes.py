"""Usual sizes contain those of the renderer's objects; an object that looks too large for its kind is nearer."""

import math

import numpy as np
import pytest

from reinforcesight.data_gen.questions.cues import CueKind, find_cues
from reinforcesight.data_gen.questions.usual_sizes import usual_size
from reinforcesight.data_gen.rendering.objects.real_kinds import REAL_KINDS, build_real
from reinforcesight.relations import Relation
from reinforcesight.scene import Camera, Contact, Floor, Scene, SceneObject

COCO = """
person, bicycle, car, motorcycle, bus, truck, traffic light, fire hydrant, stop sign, parking meter, bench, cat, dog,
horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag, suitcase, frisbee, snowboard,
sports ball,
baseball bat, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple,
sandwich, orange, carrot, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse,
remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear,
hair drier, toothbrush"""


@pytest.mark.parametrize("key", REAL_KINDS)
def test_the_renderers_things_have_usual_sizes(key):
    kind = REAL_KINDS[key]
    usual = usual_size(kind.name)
    assert usual is not None
    rng = np.random.default_rng(1)
    for _ in range(60):
        wide, deep, tall = (float(v) for v in build_real(kind, kind.colours[0], rng, 0.25).size)
        assert usual.height[0] <= tall <= usual.height[1], (key, tall)
        assert usual.breadth[0] <= min(wide, deep), (key, wide, deep)
        assert max(wide, deep) <= usual.breadth[1], (key, wide, deep)


def test_names_of_photographs_are_known():
    assert [name for name in COCO.split(",") if usual_size(name.strip()) is None] == []


def test_colours_synonyms_and_plurals():
    assert usual_size("the white mug") == usual_size("cup") is not None
    assert usual_size("wooden chair") == usual_size("chair")
    assert usual_size("books") != usual_size("book") != usual_size("chairs") is None
    for other in ("toy car", "car door", "chair leg", "model ship", "chairs", "mug shelf"):
        assert usual_size(other) is None, other


def test_the_shape_of_the_box_tells_which_side_of_a_thing_is_seen():
    car = usual_size("car")
    from_side, from_front = car.longer_side(1.0, 0.0, 2.9), car.longer_side(1.0, 0.0, 1.2)
    assert from_front[1] < from_side[0]
    assert car.longer_side(1.0, 0.0, 0.3) is None
    assert car.longer_side(1.0, 0.0, None) == (1.55, 5.4)


def scene(*things, contacts=()):
    """Things before a level camera: name, depth, real width and height, left edge; their lower edges are level."""
    camera = Camera(fx=500.0, fy=500.0, cx=400.0, cy=100.0)
    objects = []
    for number, (name, depth, wide, tall, left, options) in enumerate(things):
        width, height = 500.0 * wide / depth, 500.0 * tall / depth
        box = (left, 500.0 - height, left + width, 500.0)
        values = {"masked": True, "visible_fraction": 1.0} | options
        objects.append(
            SceneObject(
                id=number, name=name, box=box, depth=depth, depth_near=depth, depth_far=depth,
                centre=(0.0, 0.0, depth), **values,
            )
        )  # fmt: skip
    floor = Floor(found=True, normal=(0.0, -1.0, 0.0), offset=4.0, support=0.5) if contacts else None
    size = {"width": 800, "height": 600, "depth_unit": "m"}
    return Scene(**size, camera=camera, objects=tuple(objects), contacts=contacts, floor=floor)


def usual_cues(made):
    found = find_cues(made, Relation.IN_FRONT, {"subject": 0, "reference": 1})
    return [cue.values["looks"] for cue in found if cue.kind is CueKind.USUAL_SIZE]


WARDROBE = ("wardrobe", 6.0, 1.2, 2.0, 400.0, {})


@pytest.mark.parametrize(
    ("depth", "looks"),
    [(0.25, "larger"), (0.33, "alike"), (1.2, "less")],
)
def test_a_mug_before_a_wardrobe(depth, looks):
    assert usual_cues(scene(("mug", depth, 0.11, 0.1, 10.0, {}), WARDROBE)) == [looks]


def test_what_looks_larger_than_its_kind_explains_is_nearer():
    assert usual_cues(scene(("refrigerator", 2.0, 0.6, 1.8, 10.0, {}), ("person", 5.0, 0.5, 1.7, 500.0, {}))) == [
        "too large"
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"truncated": True}, False),
        ({"visible_fraction": 0.8}, False),
        ({"visible_fraction": 0.99}, True),
        ({"masked": False, "visible_fraction": None}, True),
    ],
)
def test_the_farther_one_is_seen_whole(options, told):
    assert bool(usual_cues(scene(("mug", 1.2, 0.11, 0.1, 10.0, {}), (*WARDROBE[:5], options)))) == told


def test_a_box_that_a_nearer_box_overlaps_is_not_whole():
    boxes = {"masked": False, "visible_fraction": None}
    assert usual_cues(scene(("mug", 1.2, 0.11, 0.1, 420.0, boxes), (*WARDROBE[:5], boxes))) == []


def test_a_person_behind_a_bench_still_shows_the_height():
    hidden = {"visible_fraction": 0.7, "floor_clearance": 0.0}
    covered = (Contact(kind="covers", subject=2, reference=1, pixels=60),)
    low, high = ("bin", 4.0, 0.3, 0.5, 500.0, {}), ("bin", 4.0, 0.3, 1.9, 500.0, {})
    first, person = ("refrigerator", 2.0, 0.6, 1.8, 10.0, {}), ("person", 5.0, 0.5, 1.7, 500.0, hidden)
    assert usual_cues(scene(first, person, low, contacts=covered)) == ["too large"]
    assert usual_cues(scene(first, person, high, contacts=covered)) == []


def test_real_sizes_that_are_not_usual_give_no_cue():
    # A toy wardrobe, as depth shows.
    assert usual_cues(scene(("mug", 0.25, 0.11, 0.1, 10.0, {}), ("wardrobe", 0.6, 0.12, 0.2, 400.0, {}))) == []


def test_nothing_is_told_of_unknown_things_and_of_pairs_that_may_look_so():
    assert usual_cues(scene(("gadget", 0.3, 0.11, 0.1, 10.0, {}), WARDROBE)) == []
    assert usual_cues(scene(("bin", 2.0, 0.3, 0.5, 10.0, {}), ("lamp", 3.0, 0.4, 1.0, 400.0, {}))) == []
    assert not math.isnan(usual_size("bin").height[0])
