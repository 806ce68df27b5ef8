"""The audit notices a cue that does not hold, that points the wrong way, or that the text does not name."""

import math

import pytest
from cue_scenes import id_of, street

from reinforcesight.data_gen.audit.cues import cue_problems
from reinforcesight.data_gen.questions.cues import find_cues
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import Camera, Floor, Scene, SceneObject

TEXT = "The post covers part of the wall. The post is closer to the camera than the wall."


@pytest.fixture(scope="module")
def scene():
    return street()


def problems(scene, cue, text=TEXT, holds=Relation.IN_FRONT, pair=("post", "wall")):
    evidence = {"subject": id_of(scene, pair[0]), "reference": id_of(scene, pair[1]), "cues": [cue] if cue else []}
    return [rule for rule, _ in cue_problems(evidence, scene, Axis.DEPTH, holds, text)]


def cue(scene, kind, subject, reference, **values):
    return {"kind": kind, "subject": id_of(scene, subject), "reference": id_of(scene, reference), **values}


def bases(scene, subject, reference):
    rows = [scene[id_of(scene, name)].box[3] / scene.height for name in (subject, reference)]
    return {
        "subject_base": rows[0],
        "reference_base": rows[1],
        "subject_how": "stands",
        "reference_how": "stands",
    }


def test_a_true_cue_that_the_text_names_passes(scene):
    assert problems(scene, cue(scene, "covers", "post", "wall")) == []
    text = "The wall and the post both stand on the ground, and the base of the wall is higher in the picture."
    assert problems(scene, cue(scene, "ground", "post", "wall", **bases(scene, "post", "wall")), text) == []


@pytest.mark.parametrize(
    ("kind", "subject", "reference"),
    [
        ("covers", "wall", "post"),
        ("covers", "kite", "tree"),
        ("rests on", "vase", "wall"),
        ("eye level", "wall", "post"),
        ("size", "post", "wall"),
        ("magic", "post", "wall"),
    ],
)
def test_a_cue_that_the_scene_does_not_show_is_wrong(scene, kind, subject, reference):
    assert problems(scene, cue(scene, kind, subject, reference)) == ["wrong_cue", "cue_text"]


def test_changed_values_are_wrong(scene):
    values = bases(scene, "post", "wall") | {"subject_base": 0.99}
    assert "wrong_cue" in problems(scene, cue(scene, "ground", "post", "wall", **values))


def test_the_kite_does_not_stand_on_the_ground(scene):
    values = bases(scene, "kite", "tree")
    assert "wrong_cue" in problems(scene, cue(scene, "ground", "kite", "tree", **values), pair=("kite", "tree"))


def test_a_true_cue_for_the_wrong_answer_is_wrong(scene):
    assert problems(scene, cue(scene, "covers", "post", "wall"), holds=Relation.BEHIND)[0] == "wrong_cue"


def test_a_missing_object_is_reported(scene):
    broken = {"kind": "covers", "subject": 99, "reference": 1}
    assert problems(scene, broken)[0] == "wrong_cue"


@pytest.mark.parametrize(
    "text",
    [
        "The post is closer to the camera than the wall.",
        "The post covers part of the tree. The post is closer to the camera than the wall.",
    ],
)
def test_a_cue_that_the_text_does_not_name_is_reported(scene, text):
    assert problems(scene, cue(scene, "covers", "post", "wall"), text) == ["cue_text"]


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "The base of the post is lower in the picture than the base of the wall.",
        "The wall looks smaller than the post, although they are about the same size.",
        "The post rests on the wall.",
    ],
)
def test_a_cue_in_the_text_that_is_not_recorded_is_reported(scene, text):
    assert problems(scene, None, text) == ["cue_text"]


def test_texts_without_cues_pass(scene):
    text = "The post is close to the camera, while the wall is far from the camera. The post is in front of the wall."
    assert problems(scene, None, text) == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("chain", {"via": "tree", "first": "covers", "second": "covers"}),
        ("chain", {"via": "tree", "first": "ground", "second": "carries"}),
        ("cut", {}),
        ("usual size", {"ratio": 1.0, "looks": "too large"}),
        ("order", {"via": "kite"}),
    ],
)
def test_further_cues_that_the_scene_does_not_show_are_wrong(scene, kind, values):
    values = {key: id_of(scene, value) if key == "via" else value for key, value in values.items()}
    assert "wrong_cue" in problems(scene, cue(scene, kind, "post", "wall", **values))


def test_usual_sizes_are_checked_with_the_names_the_boxes_and_the_depths():
    camera = Camera(fx=500.0, fy=500.0, cx=400.0, cy=100.0)
    things = [("mug", 0.25, (10.0, 300.0, 230.0, 500.0)), ("wardrobe", 6.0, (400.0, 333.0, 500.0, 500.0))]
    objects = [
        SceneObject(id=index, name=name, box=box, depth=depth, masked=True, visible_fraction=1.0)
        for index, (name, depth, box) in enumerate(things)
    ]
    scene = Scene(width=800, height=600, depth_unit="m", camera=camera, objects=tuple(objects))
    text = "The mug looks larger than the wardrobe here, although in real life the wardrobe is much larger."
    (true,) = find_cues(scene, Relation.IN_FRONT, {"subject": 0, "reference": 1})
    record = true.record()
    assert (record["kind"], record["looks"]) == ("usual size", "larger")
    assert problems(scene, record, text, pair=("mug", "wardrobe")) == []
    for changed in ({"ratio": 2.0}, {"looks": "less"}, {"subject": 1, "reference": 0}):
        assert "wrong_cue" in problems(scene, record | changed, text, pair=("mug", "wardrobe"))
    assert problems(scene, record | {"looks": "too large"}, text, pair=("mug", "wardrobe")) == ["cue_text"]
    toy = scene.model_copy(update={"objects": (objects[0], objects[1].model_copy(update={"depth": 0.6}))})
    assert problems(toy, record, text, pair=("mug", "wardrobe"))[0] == "wrong_cue"
    plain = "The mug is nearer to the camera than the wardrobe."
    assert problems(scene, record, plain, pair=("mug", "wardrobe")) == ["cue_text"]
    assert problems(scene, None, text, pair=("mug", "wardrobe")) == ["cue_text"]


def seen_from_above(heights, distance, *, name, number):
    """A thing from ``heights[0]`` to ``heights[1]`` above the floor; the camera is 1.7 m high, 33 degrees down."""
    c, s = math.cos(math.radians(33)), math.sin(math.radians(33))

    def point(height):
        return 0.0, (1.7 - height) * c - distance * s, distance * c + (1.7 - height) * s

    rows = [168 + 394 * y / z for _, y, z in map(point, heights)]
    # Most of what is seen is the upper end, as of a lamp.
    depth = point(heights[1])[2]
    return SceneObject(
        id=number,
        name=name,
        box=(200, max(0.0, rows[1]), 240, rows[0]),
        depth=depth,
        depth_near=0.97 * depth,
        depth_far=1.03 * depth,
        centre=point(heights[1]),
        visible_fraction=1.0,
        truncated=False,
        masked=True,
        floor_clearance=heights[0] / 1.7,
    )


@pytest.mark.parametrize(("foot", "expected"), [(0.0, []), (0.4, ["wrong_cue", "cue_text"])])
def test_the_foot_of_a_tall_thing_is_farther_than_its_top_where_the_camera_looks_down(foot, expected):
    angle = math.radians(33)
    floor = Floor(found=True, normal=(0.0, -math.cos(angle), -math.sin(angle)), offset=1.7, support=0.9)
    lamp = seen_from_above((foot, 1.5), 2.3, name="lamp", number=0)
    chest = seen_from_above((0.0, 0.5), 4.0, name="chest", number=1)
    camera = Camera(fx=394, fy=394, cx=224, cy=168)
    above = Scene(width=448, height=336, depth_unit="m", camera=camera, floor=floor, objects=(lamp, chest))
    assert lamp.box[3] > chest.box[3]
    text = "The lamp and the chest both stand on the ground, and the base of the chest is higher in the picture."
    told = cue(above, "ground", "lamp", "chest", **bases(above, "lamp", "chest"))
    assert problems(above, told, text, pair=("lamp", "chest")) == expected
