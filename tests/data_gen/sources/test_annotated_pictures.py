"""Pictures and outlines of the source ``annotated``: forms, orientation, and what is rejected by name."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from annotated_support import HEIGHT, WIDTH, Folder, pixels, reasons, rejection
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from reinforcesight.data_gen.sources.annotated.coco_masks import mask_of_segmentation
from reinforcesight.data_gen.sources.data_folder import resolve_inside
from reinforcesight.pictures.decode import to_rgb


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


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
        assert (mask_of_segmentation({"size": [height, width], "counts": counts}, width, height) == mask).all()


def test_long_runs_agree_with_pycocotools():
    mask = np.zeros((500, 400), dtype=bool)
    mask[100:300, 37:300] = True
    packed = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode()
    assert (mask_of_segmentation({"size": [500, 400], "counts": packed}, 400, 500) == mask).all()


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
        (b"\0\0\0\x18ftypheic\0\0\0\0", "unsupported_format"),
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
        (Image.fromarray(pixels()[:, :, 0].astype(np.uint16) * 256), "PNG"),
        (rgb(), "BMP"),
        (rgb(), "TIFF"),
        (rgb(), "WEBP"),
    ],
)
def test_other_modes_and_formats_become_rgb_png(folder, image, format_):
    folder.picture()
    (folder.root / "a.png").write_bytes(encoded(image, format_))
    with Image.open(io.BytesIO(folder.load().image)) as stored:
        assert (stored.format, stored.mode, stored.size) == ("PNG", "RGB", (WIDTH, HEIGHT))
        shown = to_rgb(image) if image.mode.startswith("I;16") else image.convert("RGB")
        difference = np.abs(np.asarray(stored, dtype=int) - np.asarray(shown, dtype=int))
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
