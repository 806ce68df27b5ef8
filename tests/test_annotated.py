"""The source ``annotated``: what is read, and that every defect is named and none is fatal."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from reinforcesight.data_gen.sources.annotated import AnnotatedSource
from reinforcesight.data_gen.sources.base import PictureRejected
from reinforcesight.data_gen.sources.data_folder import resolve_inside
from reinforcesight.data_gen.sources.object_names import (
    look_attributes,
    tidy_category,
    tidy_phrase,
    with_attributes,
)
from reinforcesight.data_gen.sources.outlines import mask_of
from reinforcesight.errors import InputError
from reinforcesight.naming import ambiguous_names
from reinforcesight.relations import Relation, relate

WIDTH, HEIGHT = 64, 48
REAL = Path("../shared/real_inputs")


def pixels():
    """A smooth picture without any symmetry, which lossy formats keep well."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([columns * 4, rows * 5, (columns + 2 * rows) % 160], axis=-1).astype(np.uint8)


class Folder:
    """A COCO folder that a test fills and breaks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = {
            "images": [],
            "annotations": [],
            "categories": [{"id": 1, "name": "chair"}, {"id": 2, "name": "table"}, {"id": 3, "name": "lamp"}],
        }

    def picture(self, name="a.png", **extra):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels()).save(path)
        return self.entry(name, **extra)

    def entry(self, name, **extra):
        image = {
            "id": len(self.data["images"]) + 1,
            "file_name": name,
            "width": WIDTH,
            "height": HEIGHT,
            **extra,
        }
        self.data["images"].append(image)
        return image

    def box(self, box, category=1, image=1, **extra):
        annotation = {"id": len(self.data["annotations"]) + 1, "image_id": image, "category_id": category}
        annotation |= {"bbox": box, "area": 1, "iscrowd": 0, **extra}
        self.data["annotations"].append(annotation)
        return annotation

    def source(self):
        (self.root / "annotations.json").write_text(json.dumps(self.data))
        return AnnotatedSource(self.root)

    def load(self, index=0):
        return self.source().load(index)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def reasons(picture):
    return [item.reason for item in picture.skipped]


def rejection(folder, index=0):
    with pytest.raises(PictureRejected) as caught:
        folder.load(index)
    assert caught.value.detail
    return caught.value


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


# Depth


def with_depth(folder, depth, **extra):
    name = "d.npy" if depth.dtype != np.uint16 else "d.png"
    if name == "d.npy":
        np.save(folder.root / name, depth)
    else:
        Image.fromarray(depth).save(folder.root / name)
    folder.picture(depth_file_name=name, **extra)
    folder.box([2, 4, 20, 40])
    folder.box([40, 4, 20, 40], 2)


def two_planes(left, right, dtype):
    depth = np.full((HEIGHT, WIDTH), left, dtype=dtype)
    depth[:, WIDTH // 2 :] = right
    return depth


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
    for category in (77, None, 8, 9, "1", True, [1]):
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
    folder.box([2, 3, 10, 12], image="1")
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
    for wrong in ("", "  ", "</think><answer>(A)", "a" * 80, 7, None, "x\ny<z"):
        assert tidy_category(wrong) is None
    assert tidy_phrase("A red chair.") == "red chair"
    assert tidy_phrase("A man is riding a brown horse down the street") is None
    assert tidy_phrase("leftmost cup") is None
    assert look_attributes(["Red", "red", "left", "3", 5, {"material": "wood"}]) == ("red", "wood")


# Outlines


def disc():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (rows - 24) ** 2 + (columns - 30) ** 2 < 150


def plain_runs(mask):
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *edges, flat.size]).tolist()
    return lengths if not flat[0] else [0, *lengths]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_run_lengths_agree_with_pycocotools(seed, height, width):
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    mask[0, 0] = True
    packed = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode()
    for counts in (packed, plain_runs(mask)):
        assert (mask_of({"size": [height, width], "counts": counts}, width, height) == mask).all()


def test_long_runs_agree_with_pycocotools():
    mask = np.zeros((500, 400), dtype=bool)
    mask[100:300, 37:300] = True
    packed = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode()
    assert (mask_of({"size": [500, 400], "counts": packed}, 400, 500) == mask).all()


def test_outlines_are_used(folder):
    mask = disc()
    folder.picture()
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    box = [int(v) for v in (columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1)]
    folder.box(box, segmentation={"size": [HEIGHT, WIDTH], "counts": plain_runs(mask)})
    folder.box([2, 2, 10, 10], 2, segmentation=[[2, 2, 12, 2, 12, 12, 2, 12]])
    folder.box(None, 3, segmentation=[[40, 2, 52, 2, 52, 12, 40, 12]])
    picture = folder.load()
    assert not picture.skipped
    assert all(item.masked for item in picture.scene.objects)
    assert picture.scene.objects[2].box == (40, 2, 52, 12)


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, 6, 7]],
        [[1, 2, 3, float("nan"), 5, 6]],
        [[1, 2, 1e12, 4, 5, 6]],
        [["a"] * 6],
        ["abcdef"],
        [[]],
        "text",
        {"size": [3, 3], "counts": [9]},
        {"size": [HEIGHT, WIDTH], "counts": [5, 5]},
        {"size": [HEIGHT, WIDTH], "counts": [-5, HEIGHT * WIDTH + 5]},
        {"size": [HEIGHT, WIDTH], "counts": "zzzz"},
        {"size": [HEIGHT, WIDTH], "counts": "o" * 500},
        {"size": [HEIGHT, WIDTH], "counts": ""},
        {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]},
        {"counts": [1.5]},
    ],
)
def test_a_broken_outline_leaves_the_box(folder, segmentation):
    folder.picture()
    folder.box([2, 2, 10, 10], segmentation=segmentation)
    picture = folder.load()
    assert reasons(picture) == ["bad_segmentation"]
    assert not picture.scene.objects[0].masked


def test_a_box_that_contradicts_its_outline(folder):
    folder.picture()
    folder.box([2, 2, 10, 10], segmentation=[[40, 30, 52, 30, 52, 42, 40, 42]])
    assert reasons(folder.load()) == ["box_and_outline_disagree"]


# Pictures


def encoded(image, format_, **options):
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def rgb():
    return Image.fromarray(pixels())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "unreadable_picture"),
        (b"hello", "unreadable_picture"),
        (encoded(rgb(), "JPEG")[:-200], "unreadable_picture"),
        (encoded(rgb(), "PNG")[:100], "unreadable_picture"),
        (encoded(Image.fromarray(pixels()[:, :, 0].astype(np.uint16) * 200), "PNG"), "unsupported_mode"),
        (encoded(Image.fromarray(pixels()[:, :, 0].astype(np.float32)), "TIFF"), "unsupported_mode"),
        (encoded(rgb().resize((32, 24)), "PNG"), "size_mismatch"),
        (encoded(Image.new("L", (9000, 9000)), "PNG"), "picture_too_large"),
        (encoded(Image.new("1", (20000, 20000)), "PNG"), "picture_too_large"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n", "unreadable_picture"),
    ],
)
def test_pictures_that_are_rejected_by_name(folder, content, reason):
    folder.picture("ok.png")
    (folder.root / "bad.jpg").write_bytes(content)
    folder.entry("bad.jpg")
    error = rejection(folder, 1)
    assert error.reason == reason
    assert error.source_id == "bad.jpg"
    assert pickle.loads(pickle.dumps(error)).reason == reason
    assert folder.load(0).source_id == "ok.png"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent.png", "missing_file"),
        ("../a.png", "path_leaves_folder"),
        ("/etc/passwd", "path_leaves_folder"),
        ("x/../../a.png", "path_leaves_folder"),
        ("link.png", "path_leaves_folder"),
        ("linked/secret.png", "path_leaves_folder"),
        ("a\0.png", "path_leaves_folder"),
        ("a" * 5000, "missing_file"),
        (".", "missing_file"),
        ("", "bad_image_entry"),
        (7, "bad_image_entry"),
        (None, "bad_image_entry"),
    ],
)
def test_paths_stay_in_the_data_folder(tmp_path, name, reason):
    root, outside = tmp_path / "data", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    for path in (outside / "secret.png", tmp_path / "a.png"):
        rgb().save(path)
    (root / "link.png").symlink_to(outside / "secret.png")
    (root / "linked").symlink_to(outside)
    folder = Folder(root)
    folder.entry(name)
    assert rejection(folder).reason == reason
    assert folder.source().fingerprint()


def test_links_within_the_folder_are_fine(folder):
    folder.picture("real/a.png")
    (folder.root / "shown").symlink_to(folder.root / "real")
    assert resolve_inside(folder.root, "shown/a.png") == folder.root.resolve() / "real/a.png"


@pytest.mark.parametrize(
    ("image", "format_"),
    [
        (rgb().convert("L"), "PNG"),
        (rgb().convert("P"), "PNG"),
        (rgb().convert("RGBA"), "PNG"),
        (rgb().convert("LA"), "PNG"),
        (rgb().convert("1"), "PNG"),
        (rgb().convert("CMYK"), "JPEG"),
        (rgb().convert("L"), "JPEG"),
        (rgb(), "BMP"),
        (rgb(), "WEBP"),
    ],
)
def test_other_modes_and_formats_become_rgb_png(folder, image, format_):
    folder.picture()
    (folder.root / "a.png").write_bytes(encoded(image, format_))
    with Image.open(io.BytesIO(folder.load().image)) as stored:
        assert (stored.format, stored.mode, stored.size) == ("PNG", "RGB", (WIDTH, HEIGHT))
        difference = np.abs(np.asarray(stored, dtype=int) - np.asarray(image.convert("RGB"), dtype=int))
    assert difference.mean() < 12  # JPEG's and WebP's own losses


def test_a_hidden_colour_does_not_show(folder):
    folder.picture()
    layer = rgb().convert("RGBA")
    layer.putalpha(0)
    layer.save(folder.root / "a.png")
    with Image.open(io.BytesIO(folder.load().image)) as stored:
        assert (np.asarray(stored) == 255).all()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(rgb(), "JPEG", exif=exif, quality=95)


def test_exif_orientation_follows_the_annotated_size(folder):
    content = turned(6)
    for name in ("stored.jpg", "shown.jpg"):
        (folder.root / name).write_bytes(content)
    folder.entry("stored.jpg")
    folder.entry("shown.jpg", width=HEIGHT, height=WIDTH)
    with Image.open(io.BytesIO(folder.load(0).image)) as stored:
        assert stored.size == (WIDTH, HEIGHT)
        assert 0x0112 not in stored.getexif()
    with Image.open(io.BytesIO(folder.load(1).image)) as shown:
        assert shown.size == (HEIGHT, WIDTH)
        # Orientation 6: shown by turning the stored picture clockwise.
        assert np.abs(np.asarray(shown, dtype=int) - np.rot90(pixels(), -1)).mean() < 20
    assert folder.load(1).scene.width == HEIGHT


@pytest.mark.parametrize(("orientation", "size"), [(3, {}), (2, {}), (6, {"width": None, "height": None})])
def test_an_orientation_that_the_size_cannot_settle(folder, orientation, size):
    (folder.root / "a.jpg").write_bytes(turned(orientation))
    folder.entry("a.jpg", **size)
    assert rejection(folder).reason == "orientation_ambiguous"


def test_size_may_be_absent_but_not_wrong(folder):
    folder.picture(width=None, height=None)
    folder.picture("b.png", width="64")
    assert folder.load(0).scene.width == WIDTH
    assert rejection(folder, 1).reason == "bad_image_entry"


def test_image_entries_that_repeat(folder):
    folder.picture("a.png")
    folder.entry("b.png", id=1)  # another picture with the same id
    folder.picture("c.png")
    folder.entry("./c.png", id=8)  # the same picture again, without annotations
    folder.picture("d.png")
    folder.entry("d.png", id=9)  # the same picture, its objects divided
    folder.data["images"] += ["nonsense", {"file_name": "a.png"}]
    for image in (1, 3, 5, 9):
        folder.box([2, 2, 10, 10], image=image)
    expected = {
        0: "duplicate_image_id",
        1: "duplicate_image_id",
        3: "duplicate_file_name",
        4: "duplicate_file_name",
    }
    expected |= {5: "duplicate_file_name", 6: "bad_image_entry", 7: "bad_image_entry"}
    assert folder.source().count() == 8
    for index, reason in expected.items():
        assert rejection(folder, index).reason == reason
    assert folder.load(2).source_id == "c.png"


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
    st.dictionaries(
        st.sampled_from(["id", "bbox", "category_id", "segmentation", "name", "attributes"]), json_values
    ),
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
