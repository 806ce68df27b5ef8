"""Annotated input that can't be right as a whole: it is noticed before work begins, and right input is let alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from annotated_support import HEIGHT, WIDTH, Folder, pixels, reasons, rejection
from PIL import Image

from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.errors import InputError

BOXES = ([4, 20, 8, 10], [20, 18, 12, 20], [40, 24, 10, 14], [52, 10, 9, 25])


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def fill(folder, pictures=3, change=lambda box: box, **extra):
    """Pictures with four boxes each, whose form ``change`` alters."""
    for number in range(1, pictures + 1):
        folder.picture(f"{number}.png", **extra)
        for place, box in enumerate(BOXES):
            folder.box(change(box), 1 + place % 3, image=number, area=box[2] * box[3])
    return folder


def warned(folder):
    (folder.root / "annotations.json").write_text(json.dumps(folder.data))
    return AnnotatedSource(folder.root, checks="warn")


# Boxes


FORMS = {
    "corner_boxes": (lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]], "two corners"),
    "normalised_boxes": (
        lambda b: [b[0] / WIDTH, b[1] / HEIGHT, b[2] / WIDTH, b[3] / HEIGHT],
        "from 0 to 1 in 3 of 3 pictures",
    ),
}


@pytest.mark.parametrize("reason", FORMS)
def test_boxes_in_another_form_stop_the_run(folder, reason):
    change, words = FORMS[reason]
    fill(folder, change=change)
    with pytest.raises(InputError, match=words):
        folder.source()
    source = warned(folder)
    assert [doubt.reason for doubt in source.doubts] == [reason]
    assert reason in [problem.reason for problem in source.problems()]


def test_corners_show_also_without_areas(folder):
    fill(folder, change=FORMS["corner_boxes"][0])
    for annotation in folder.data["annotations"]:
        del annotation["area"]
    with pytest.raises(InputError, match="two corners"):
        folder.source()


def test_boxes_of_a_larger_picture_are_warned_of(folder):
    fill(folder, change=lambda box: [2 * value for value in box])
    assert [(d.reason, d.certain) for d in folder.source().doubts] == [("boxes_of_another_size", False)]


def test_percent_is_told_from_pixels(folder):
    for number in range(1, 6):
        Image.new("RGB", (640, 480)).save(folder.root / f"{number}.png")
        folder.entry(f"{number}.png", width=640, height=480)
        for x, y, width, height in BOXES:
            folder.box([100 * x / WIDTH, 100 * y / HEIGHT, 100 * width / WIDTH, 100 * height / HEIGHT], image=number)
    assert [(d.reason, d.certain) for d in folder.source().doubts] == [("percent_boxes", False)]


def test_right_boxes_are_let_alone(folder):
    fill(folder)
    folder.box([50, 40, 30, 30], 2)  # one that leaves the picture
    assert folder.source().doubts == ()


# Orientation: tall pictures stored lying


def turned_photo(folder, name, boxes, size):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels()).save(folder.root / name, exif=exif)
    entry = folder.entry(name, width=size[0], height=size[1])
    for box in boxes:
        folder.box(box, image=entry["id"])


STORED, SHOWN = (WIDTH, HEIGHT), (HEIGHT, WIDTH)
# Fit only into the stored frame, only into the turned one, and into both.
WIDE, TALL, SMALL = [30, 4, 30, 12], [4, 30, 12, 30], [4, 5, 20, 20]


@pytest.mark.parametrize(
    ("boxes", "size", "expected"),
    [
        ([[WIDE], [SMALL]], STORED, STORED),
        ([[TALL], [SMALL]], STORED, SHOWN),  # the tool showed it upright, but wrote the stored size
        ([[TALL], [SMALL]], SHOWN, SHOWN),
        ([[SMALL], [SMALL]], SHOWN, SHOWN),
        ([[WIDE], [SMALL]], SHOWN, STORED),
        ([[TALL], [SMALL]], (None, None), SHOWN),
        ([[SMALL], [SMALL]], STORED, None),
        ([[SMALL], [SMALL]], (None, None), None),
        ([[TALL, WIDE], [SMALL]], STORED, None),
    ],
)
def test_boxes_and_sizes_decide_the_frame(folder, boxes, size, expected):
    for number, of_picture in enumerate(boxes):
        turned_photo(folder, f"{number}.jpg", of_picture, size)
    source = folder.source()
    assert "2 pictures have an EXIF orientation" in source.doubts[0].what
    for index in range(2):
        if expected is None:
            assert rejection(folder, index).reason == "orientation_ambiguous"
            assert "--box_frame" in rejection(folder, index).detail
        else:
            scene = source.load(index).scene
            assert (scene.width, scene.height) == expected
    for frame, answer in (("turned", SHOWN), ("stored", STORED)):
        scene = AnnotatedSource(folder.root, box_frame=frame).load(1).scene
        assert (scene.width, scene.height) == answer


def test_one_box_drawn_wrongly_turns_no_picture(folder):
    for number in range(10):
        turned_photo(folder, f"{number}.jpg", [WIDE, SMALL], STORED)
    turned_photo(folder, "wrong.jpg", [TALL, SMALL], STORED)
    source = folder.source()
    assert "10 keep their stored pixels" in source.doubts[0].what
    assert source.load(3).scene.width == WIDTH
    assert rejection(folder, 10).reason == "orientation_ambiguous"


def test_the_size_may_come_late_in_the_file(folder, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.MAXBLOCK", 1 << 20)  # Pillow's buffer must hold the whole header
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(pixels())
    image.save(folder.root / "a.jpg", exif=exif, icc_profile=b"x" * 60_000, comment=b"y" * 60_000)
    assert (folder.root / "a.jpg").read_bytes().index(b"\xff\xc0") > 64 * 1024
    folder.entry("a.jpg", width=WIDTH, height=HEIGHT)
    folder.box(TALL)
    assert "are turned upright" in folder.source().doubts[0].what


# Depth and cameras


def room(near=1.5, far=6.0):
    """A floor that gets nearer towards the lower edge, with a box standing on it wherever a box is annotated."""
    rows = np.linspace(far, near, HEIGHT)[:, None]
    z = np.repeat(rows, WIDTH, axis=1)
    z += np.random.default_rng(3).normal(0, 0.005, z.shape)
    for x, y, width, height in BOXES:
        z[y : y + height, x : x + width] = z[y + height, x] * 0.8
    return z


def with_maps(folder, values, pictures=3, **extra):
    fill(folder, pictures)
    for image in folder.data["images"]:
        np.save(folder.root / f"{image['id']}.npy", values)
        image |= {"depth_file_name": f"{image['id']}.npy", **extra}
    return folder


def test_right_depth_is_let_alone(folder):
    assert with_maps(folder, room().astype(np.float32)).source().doubts == ()


@pytest.mark.parametrize("pictures", [1, 3])
def test_inverse_depth_is_noticed(folder, pictures):
    with_maps(folder, (1 / room()).astype(np.float32), pictures)
    if pictures == 3:
        with pytest.raises(InputError, match=r"inverted in 3 of 3 maps.*not inverse depth"):
            folder.source()
    doubt = warned(folder).doubts[0]
    assert (doubt.reason, doubt.certain) == ("inverse_depth", pictures == 3)


def test_inverse_depth_shows_by_objects_alone(folder):
    flat = np.full((HEIGHT, WIDTH), 1 / 8)
    for x, y, width, height in BOXES:
        flat[y : y + height, x : x + width] = 1 / 2
    with pytest.raises(InputError, match="inverted"):
        with_maps(folder, flat.astype(np.float32)).source()


@pytest.mark.parametrize(
    ("values", "scale", "advice"),
    [
        (1000 * room(), None, "1000 would fit"),  # millimetres in a .npy, whose default is metres
        (1000 * room(), 0.001, "1000 would fit"),  # metres per unit instead of units per metre
        (room(), 1e6, "1 would fit"),
    ],
)
def test_a_scale_off_by_powers_of_ten_stops_the_run(folder, values, scale, advice):
    with_maps(folder, values.astype(np.uint16 if scale != 1e6 else np.float32), depth_scale=scale)
    with pytest.raises(InputError, match=rf"{advice}, and 3 of 3 pictures"):
        folder.source()
    assert reasons(warned(folder).load(0)) == ["implausible_depth"]


def test_an_unlikely_scale_is_warned_of(folder):
    with_maps(folder, (60 * room()).astype(np.float32))
    assert [(d.reason, d.certain) for d in folder.source().doubts] == [("unlikely_depth", False)]
    for image in folder.data["images"]:
        image["depth_unit"] = "scene"
    assert folder.source().doubts == ()


def test_constants_that_mean_no_reading(folder):
    capped = np.minimum(room(far=12.0), 10.0).astype(np.float32)
    source = with_maps(folder, capped).source()
    assert [doubt.reason for doubt in source.doubts] == ["constant_depth"]
    z = source.read(0).depth.z
    assert z.max() < 10
    assert (z == 0).sum() == (capped == 10).sum() > 0


@pytest.mark.parametrize(("limit", "left_out"), [(10.0, True), (65.535, True), (8.0, False)])
def test_limits_of_sensors_are_known_also_in_a_drawing(folder, limit, left_out):
    flat = np.full((HEIGHT, WIDTH), limit, np.float32)
    for x, y, width, height in BOXES:
        flat[y : y + height, x : x + width] = 2
    source = with_maps(folder, flat).source()
    assert [doubt.reason for doubt in source.doubts] == (["constant_depth"] if left_out else [])


def test_the_largest_number_of_sixteen_bits_is_no_reading(folder):
    values = (1000 * room()).astype(np.uint16)
    values[:8] = 65535
    z = with_maps(folder, values, depth_scale=1000).source().read(0).depth.z
    assert (z[:8] == 0).all()
    assert (z[8:] > 0).all()


@pytest.mark.parametrize(("factor", "advice"), [(2, "one of 128x96: scale all four"), (1 / 64, "become pixels")])
def test_intrinsics_of_another_picture_size(folder, factor, advice):
    lens = {"fx": 60 * factor, "fy": 60 * factor, "cx": 32 * factor, "cy": 24 * factor}
    with_maps(folder, room().astype(np.float32), intrinsics=lens)
    with pytest.raises(InputError, match=advice):
        folder.source()
    scene = warned(folder).load(0)
    assert reasons(scene) == ["implausible_intrinsics"]
    assert scene.scene.camera.source == "default"
