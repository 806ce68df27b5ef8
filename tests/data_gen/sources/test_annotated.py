"""The source ``annotated``: what is read, and that every defect is named and none is fatal."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from annotated_support import WIDTH, Folder, reasons, rejection, two_planes, with_depth
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.errors import InputError
from reinforcesight.language.names import ambiguous_names
from reinforcesight.language.object_names import look_attributes, tidy_category, tidy_phrase, with_attributes
from reinforcesight.relations import Relation, relate

REAL = Path("../shared/real_inputs")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_boxes_become_a_scene_without_depth(folder):
    folder.picture()
    folder.box([2, 3, 10, 12])
    folder.box([40, 20, 12, 20], 2)
    picture = folder.load()
    assert picture.source_id == "a.png"
    assert picture.scene.depth_unit is None
    assert [item.name for item in picture.scene.objects] == ["chair", "table"]
    assert picture.scene.objects[0].box == (2, 3, 12, 15)
    assert not picture.skipped
    assert relate(picture.scene, 1, 2, "horizontal").relation is Relation.LEFT
    assert picture.image == (folder.root / "a.png").read_bytes()


@pytest.mark.parametrize("named", ["folder", "file", "only_json"])
def test_the_annotation_file_is_found(folder, named):
    folder.picture()
    folder.source()
    file = folder.root / "annotations.json"
    if named == "only_json":
        file = file.rename(folder.root / "labels.json")
    assert AnnotatedSource(file if named == "file" else folder.root).count() == 1


def test_no_or_several_annotation_files(tmp_path):
    with pytest.raises(InputError, match="no annotation file"):
        AnnotatedSource(tmp_path)
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="2 JSON files"):
        AnnotatedSource(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        AnnotatedSource(tmp_path / "absent")


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_a_missing_key_is_named(folder, key):
    del folder.data[key]
    with pytest.raises(InputError, match=key):
        folder.source()
    folder.data[key] = {"a": 1}
    with pytest.raises(InputError, match=f"{key}.*list"):
        folder.source()


@pytest.mark.parametrize("text", [b"", b"[1, 2]", b"{", b"\xff\xfe{}", b'"a"', b"[" * 200_000])
def test_a_file_that_is_not_coco(tmp_path, text):
    (tmp_path / "annotations.json").write_bytes(text)
    with pytest.raises(InputError, match=r"annotations\.json"):
        AnnotatedSource(tmp_path)


# Annotations


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([1, 2, 0, 5], "zero_area_box"),
        ([1, 2, 5, -5], "zero_area_box"),
        ([float("nan"), 2, 5, 5], "bad_box"),
        ([1, 2, float("inf"), 5], "bad_box"),
        ([1, 2, 5], "bad_box"),
        ([1, 2, 5, "6"], "bad_box"),
        ([1, 2, 5, 10**400], "bad_box"),
        ("1234", "bad_box"),
        (None, "bad_box"),
        ([WIDTH + 1, 2, 5, 5], "box_outside_picture"),
        ([-9, 2, 5, 5], "box_outside_picture"),
    ],
)
def test_unusable_boxes_are_skipped_by_name(folder, box, reason):
    folder.picture()
    folder.box(box)
    folder.box([20, 20, 10, 10], 2)
    picture = folder.load()
    assert reasons(picture) == [reason]
    assert "annotation 1" in picture.skipped[0].detail
    assert [item.name for item in picture.scene.objects] == ["table"]


def test_a_box_partly_outside_is_cut_and_counted(folder):
    folder.picture()
    folder.box([-5, 10, 20, 20])
    folder.box([50, 10, 14.4, 20], 2)  # rounding alone: not worth a word
    picture = folder.load()
    assert reasons(picture) == ["box_clipped"]
    assert picture.scene.objects[0].box == (0, 10, 15, 30)
    assert picture.scene.objects[0].truncated
    assert picture.scene.objects[1].box == (50, 10, 64, 30)


def test_crowds_unknown_categories_and_repeated_ids(folder):
    folder.data["categories"] += [{"id": 8}, {"name": "x"}, "y", {"id": 9, "name": "<b>"}]
    folder.picture()
    folder.box([2, 3, 10, 12], 3)
    folder.box([2, 3, 10, 12], 1, iscrowd=1)
    for category in (77, None, 8, 9, "one", True, [1]):
        folder.box([20, 3, 10, 12], category)
    folder.box([40, 3, 10, 12], 2)
    folder.box([40, 3, 10, 12], 2, id=10)
    picture = folder.load()
    assert reasons(picture) == ["crowd", *["unknown_category"] * 7, "duplicate_annotation_id"]
    assert [item.name for item in picture.scene.objects] == ["lamp", "table"]
    assert [p.reason for p in folder.source().problems()] == ["bad_category"] * 2


def test_a_name_is_not_unique_because_its_namesake_was_unusable(folder):
    folder.picture()
    folder.box([2, 3, 10, 12])
    folder.box([20, 3, 0, 12])
    folder.box([40, 3, 10, 12], 2)
    picture = folder.load()
    assert reasons(picture) == ["zero_area_box", "name_shared_with_skipped"]
    assert [item.name for item in picture.scene.objects] == ["table"]


def test_annotations_of_no_picture_are_reported(folder):
    folder.picture()
    folder.box([2, 3, 10, 12], image=99)
    folder.box([2, 3, 10, 12], image="a.png")
    folder.box([2, 3, 10, 12], image=None)
    folder.data["annotations"].append("nonsense")
    source = folder.source()
    assert [p.reason for p in source.problems()] == ["unknown_image"] * 3 + ["bad_annotation"]
    assert not source.load(0).scene.objects


def test_own_names_and_attributes(folder):
    folder.picture()
    folder.box([0, 0, 10, 12], attributes=["red"])
    folder.box([20, 0, 10, 12], attributes={"color": "yellow", "truncated": False, "pose": "left"})
    folder.box([40, 0, 10, 12], 2, name="the Kitchen table", attributes=["old"])
    folder.box([0, 30, 10, 12], 3, caption="lamp on the left side")
    scene = folder.load().scene
    assert [item.name for item in scene.objects] == ["red chair", "yellow chair", "Kitchen table", "lamp"]
    assert scene.objects[1].attributes == ("yellow",)
    assert scene.objects[0].category == "chair"
    assert relate(scene, 1, 2, "horizontal").relation is Relation.LEFT


def test_three_chairs_are_never_confused(folder):
    folder.picture()
    for x, words in ((0, ["red"]), (20, ["blue"]), (40, ["blue"])):
        folder.box([x, 0, 12, 12], attributes=words)
    folder.box([20, 30, 12, 12], 2)
    scene = folder.load().scene
    assert [item.name for item in scene.objects] == ["red chair", "blue chair", "blue chair", "table"]
    assert ambiguous_names([item.name for item in scene.objects]) == [False, True, True, False]


names = st.sampled_from(["chair", "table", "red chair", "lamp"])
words = st.lists(st.sampled_from(["red", "blue", "wooden", "small"]), max_size=2, unique=True).map(tuple)


@given(st.lists(st.tuples(names, words), max_size=6))
def test_attributes_never_make_fewer_names_unique(items):
    bare = [name for name, _ in items]
    full = with_attributes(bare, [attributes for _, attributes in items])
    assert ambiguous_names(full).count(False) >= ambiguous_names(bare).count(False)
    for name, (noun, attributes) in zip(full, items, strict=True):
        assert name.endswith(noun)
        assert set(name.removesuffix(noun).split()) <= set(attributes)


def test_names_are_cleaned():
    assert tidy_category("Potted_Plant") == "potted plant"
    assert tidy_category("monitor_(computer_equipment) computer_monitor") == "monitor computer monitor"
    assert tidy_category("Bread/Bun") == "bread"
    assert tidy_category("TV") == "TV"
    for wrong in ("N/A", "none", "Unknown", "", "  ", "</think><answer>(A)", "a" * 80, 7, None, "x\ny<z"):
        assert tidy_category(wrong) is None
    assert tidy_phrase("A red chair.") == "red chair"
    assert tidy_phrase("A man is riding a brown horse down the street") is None
    assert tidy_phrase("leftmost cup") is None
    assert look_attributes(["Red", "red", "left", "3", 5, {"material": "wood"}]) == ("red", "wood")


# The source as a whole


def test_the_fingerprint_follows_the_files(folder):
    with_depth(folder, two_planes(2.0, 4.0, np.float32))
    first = folder.source().fingerprint()
    os.utime(folder.root / "a.png", (1, 1))
    assert folder.source().fingerprint() == first
    depth = two_planes(2.0, 5.0, np.float32)
    np.save(folder.root / "d.npy", depth)
    second = folder.source().fingerprint()
    assert second != first
    folder.box([1, 1, 5, 5], 3)
    assert folder.source().fingerprint() != second


def test_a_worker_gets_the_same_pictures(folder):
    with_depth(folder, two_planes(2.0, 4.0, np.float32))
    source = folder.source()
    assert pickle.loads(pickle.dumps(source)).load(0) == source.load(0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
)


@given(
    st.dictionaries(st.sampled_from(["id", "bbox", "category_id", "segmentation", "name", "attributes"]), json_values),
    st.dictionaries(st.sampled_from(["depth_file_name", "depth_scale", "width", "intrinsics"]), json_values),
)
@settings(max_examples=80, deadline=None)
def test_nothing_in_the_json_is_fatal(tmp_path_factory, annotation, image):
    folder = Folder(tmp_path_factory.mktemp("fuzz"))
    folder.picture(**image)
    folder.box([2, 3, 10, 12], **annotation)
    folder.box([2, 3, 10, 12], 2)
    if image.get("width", WIDTH) != WIDTH:
        assert rejection(folder).reason in ("bad_image_entry", "size_mismatch")
        return
    picture = folder.load()
    assert picture.skipped or any(item.name == "table" for item in picture.scene.objects)


# Real photographs


@pytest.mark.skipif(not REAL.exists(), reason="the real photographs are not here")
def test_real_photographs():
    desk = AnnotatedSource(REAL / "tum_desk").load(0)
    assert not desk.skipped
    by_name = {item.name: item.id for item in desk.scene.objects}
    front = relate(desk.scene, by_name["red office chair"], by_name["shopping bag"], "depth")
    assert front.relation is Relation.IN_FRONT
    rooms = AnnotatedSource(REAL / "indoor_boxes")
    for index in range(rooms.count()):
        picture = rooms.load(index)
        assert picture.scene.depth_unit is None
        assert picture.image.startswith(b"\xff\xd8")
        assert not picture.skipped
