"""Every picture is read by one decoder: as viewers show it, or refused for a named reason."""

from __future__ import annotations

import ast
import io
import pickle
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.photographs import prepare_picture, read_photograph
from reinforcesight.errors import InputError
from reinforcesight.model.ask import make_question, picture_with_boxes
from reinforcesight.pictures import decode
from reinforcesight.pictures.decode import PictureError, decode_rgb, read_bytes, read_rgb

PACKAGE = Path(__file__).parents[2] / "src" / "reinforcesight"
CASES = Path(__file__).parents[3] / "shared" / "cases"
ORIENTATION = 0x0112
# Where the corner that is stored top left is shown, as (right, bottom), by EXIF orientation.
CORNERS = {
    1: (False, False),
    2: (True, False),
    3: (True, True),
    4: (False, True),
    5: (False, False),
    6: (True, False),
    7: (True, True),
    8: (False, True),
}


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def corner(size: tuple[int, int] = (60, 40), *, orientation: int = 1, format_: str = "JPEG") -> bytes:
    """Blue, with the stored top-left corner red."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 4, size[1] // 4))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(image, format_, exif=exif, **({"quality": 95} if format_ == "JPEG" else {}))


def ramp(dtype: str) -> np.ndarray:
    return np.linspace(0, 65535, 64 * 32).reshape(32, 64).astype(dtype)


def through_training(data: bytes, tmp_path: Path) -> Image.Image:
    from reinforcesight.tuning.data import decode_picture

    return decode_picture({"id": "row-1", "image": {"bytes": data, "path": None}})


def through_ask(data: bytes, tmp_path: Path) -> Image.Image:
    (tmp_path / "p").write_bytes(data)
    return picture_with_boxes(make_question(tmp_path / "p", "What?", []))


def through_generate(data: bytes, tmp_path: Path) -> Image.Image:
    (tmp_path / "p.jpg").write_bytes(data)
    photograph = read_photograph(tmp_path, "p.jpg")
    with Image.open(io.BytesIO(photograph.data)) as image:
        assert image.mode == "RGB"
        assert image.size == (photograph.width, photograph.height)
        assert image.getexif().get(ORIENTATION, 1) == 1
        return image.copy()


READERS = [through_training, through_ask, through_generate]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("orientation", CORNERS)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied_as_viewers_do(
    tmp_path: Path, read: Callable[..., Image.Image], orientation: int, format_: str
) -> None:
    for size in ((60, 40), (48, 48)):
        picture = read(corner(size, orientation=orientation, format_=format_), tmp_path)
        assert picture.size == (size if orientation < 5 else size[::-1])
        right, bottom = CORNERS[orientation]
        x, y = (picture.width - 3 if right else 2), (picture.height - 3 if bottom else 2)
        red, _, blue = picture.getpixel((x, y))
        assert red > 200 > blue


def test_a_thumbnail_is_turned_too() -> None:
    picture = decode_rgb(corner((600, 400), orientation=6), max_side=90)
    assert picture.size == (60, 90)
    assert picture.getpixel((55, 5))[0] > 200


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"])
def test_a_broken_exif_block_costs_no_picture(exif: bytes) -> None:
    data = encoded(Image.new("RGB", (8, 6), "red"), "JPEG", exif=exif)
    assert decode_rgb(data).size == (8, 6)
    assert prepare_picture(data, name="a", source_id="a").data == data


@pytest.mark.parametrize("value", [0, 9, 300])
def test_an_orientation_that_is_none_is_not_applied(value: int) -> None:
    data = corner(orientation=value)
    assert decode_rgb(data).size == (60, 40)
    assert prepare_picture(data, name="a", source_id="a").data == data


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_grey_of_a_sensor_is_scaled_over_its_bits(bits: int) -> None:
    values = np.arange(2**bits, dtype="<u2")[:: 2**bits // 1024].reshape(32, 32)
    found = np.asarray(decode_rgb(encoded(Image.fromarray(values))))[:, :, 0]
    assert np.abs(found - values * 255.0 / (2**bits - 1)).max() <= 1


def test_heic_is_read_with_its_package_or_refused_by_name() -> None:
    if find_spec("pillow_heif") is None:
        with pytest.raises(PictureError, match=r"pillow-heif.*reinforcesight\[heic\]") as caught:
            decode_rgb(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        assert caught.value.reason == "unsupported_format"
        return
    import_module("pillow_heif").register_heif_opener()
    found = decode_rgb(encoded(Image.new("RGB", (64, 48), "red"), "HEIF", quality=95))
    assert found.size == (64, 48)
    assert found.getpixel((9, 9))[0] > 200


@pytest.mark.parametrize(("dtype", "format_"), [("<u2", "PNG"), ("<u2", "TIFF"), (">u2", "TIFF")])
def test_grey_of_16_bits_is_scaled_over_its_whole_range(dtype: str, format_: str) -> None:
    found = np.asarray(decode_rgb(encoded(Image.fromarray(ramp(dtype)), format_)))
    expected = ramp("<u2") / 257
    assert np.abs(found - expected[:, :, None]).max() <= 1
    assert (found.min(), found.max()) == (0, 255)


def test_grey_of_16_bits_is_stored_as_it_is_shown() -> None:
    data = encoded(Image.fromarray(ramp("<u2")))
    stored = decode_rgb(prepare_picture(data, name="a.png", source_id="a").data)
    assert (np.asarray(stored) == np.asarray(decode_rgb(data))).all()


@pytest.mark.parametrize("format_", ["JPEG", "TIFF"])
def test_cmyk_whose_ink_is_stored_inverted_or_not(format_: str) -> None:
    # JPEG: inverted and with Adobe's marker, as Photoshop writes it. TIFF: as it is.
    data = encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), format_, quality=100)
    assert (b"Adobe" in data) == (format_ == "JPEG")
    assert decode_rgb(data).getpixel((16, 16)) == pytest.approx((255, 0, 0), abs=4)


def palette(transparent: object = None) -> bytes:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 0)
    return encoded(image, **({} if transparent is None else {"transparency": transparent}))


@pytest.mark.parametrize(
    ("data", "first", "last"),
    [
        (palette(), (10, 20, 30), (40, 50, 60)),
        (palette(0), (255, 255, 255), (40, 50, 60)),
        (palette(b"\x80\xff"), (132, 137, 142), (40, 50, 60)),
        (encoded(Image.new("RGBA", (4, 2), (200, 0, 0, 0))), (255,) * 3, (255,) * 3),
        (encoded(Image.new("LA", (4, 2), (0, 128))), (127,) * 3, (127,) * 3),
        (encoded(Image.new("RGB", (4, 2), (1, 2, 3)), transparency=(1, 2, 3)), (255,) * 3, (255,) * 3),
        (encoded(Image.new("1", (4, 2), 1)), (255,) * 3, (255,) * 3),
        (encoded(Image.new("L", (4, 2), 7)), (7,) * 3, (7,) * 3),
        (encoded(Image.new("P", (4, 2), 0), "GIF", transparency=0), (255,) * 3, (255,) * 3),
    ],
    ids=["P", "P one colour", "P alpha", "RGBA", "LA", "RGB one colour", "1", "L", "GIF"],
)
def test_modes_and_transparency_over_white(data: bytes, first: tuple[int, ...], last: tuple[int, ...]) -> None:
    picture = decode_rgb(data)
    assert picture.mode == "RGB"
    assert picture.getpixel((0, 0)) == pytest.approx(first, abs=1)
    assert picture.getpixel((3, 1)) == pytest.approx(last, abs=1)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


BAD = {
    "empty": (lambda: b"", "unreadable_picture"),
    "text": (lambda: b"no picture", "unreadable_picture"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n", "unreadable_picture"),
    "cut png": (lambda: cut(encoded(Image.new("RGB", (64, 48), "red"))), "unreadable_picture"),
    "cut jpeg": (lambda: cut(corner((640, 480))), "unreadable_picture"),
    "float": (lambda: encoded(Image.fromarray(ramp("<f4")), "TIFF"), "unsupported_mode"),
    "32 bits": (lambda: encoded(Image.fromarray(ramp("<i4")), "TIFF"), "unsupported_mode"),
    "strip": (lambda: encoded(Image.new("RGB", (1000, 4))), "picture_too_narrow"),
    "tall strip": (lambda: encoded(Image.new("RGB", (2, 400))), "picture_too_narrow"),
    "large": (lambda: encoded(Image.new("1", (8100, 8000))), "picture_too_large"),
    "bomb": (lambda: encoded(Image.new("1", (16000, 16000))), "picture_too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_refused_with_reason_and_name(name: str, tmp_path: Path) -> None:
    make, reason = BAD[name]
    data = make()
    (tmp_path / "p.png").write_bytes(data)
    with pytest.raises(PictureError, match=r"p\.png") as caught:
        read_rgb(tmp_path / "p.png")
    assert caught.value.reason == reason
    assert " at 0x" not in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.reason) == (str(caught.value), reason)
    with pytest.raises(InputError, match="row-1"):
        through_training(data, tmp_path)
    with pytest.raises(PictureRejected, match=r"p\.jpg") as rejected:
        through_generate(data, tmp_path)
    assert rejected.value.reason == reason


def test_just_not_too_narrow() -> None:
    assert decode_rgb(encoded(Image.new("RGB", (398, 2)))).size == (398, 2)


def test_files_that_are_absent_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "absent", tmp_path / ("x" * 500), tmp_path / "a\0b"):
        with pytest.raises(PictureError) as caught:
            read_bytes(path)
        assert caught.value.reason == "missing_file"
    (tmp_path / "a").write_bytes(corner())
    monkeypatch.setattr(decode, "MAX_BYTES", 100)
    for read in (lambda: read_bytes(tmp_path / "a"), lambda: decode_rgb(corner())):
        with pytest.raises(PictureError) as caught:
            read()
        assert caught.value.reason == "picture_too_large"


@pytest.mark.skipif(not CASES.is_dir(), reason="the handed cases are not here")
def test_the_handed_pictures() -> None:
    phone, upright = (np.asarray(read_rgb(CASES / "11" / name)) for name in ("phone.jpg", "upright.jpg"))
    assert phone.shape == upright.shape == (640, 480, 3)
    assert np.abs(phone.astype(int) - upright).mean() < 3
    assert 5 < np.asarray(read_rgb(CASES / "11" / "grey16.png")).mean() < 250
    with pytest.raises(PictureError, match=r"strip\.png") as caught:
        read_rgb(CASES / "10" / "strip.png")
    assert caught.value.reason == "picture_too_narrow"


# Depth maps are no pictures, and the stages run in VQASynth's environment, which lacks this package.
OTHER_DECODERS = {"pictures/decode.py", "data_gen/sources/annotated/depth_files.py", "data_gen/vqasynth/stages.py"}


def test_nothing_else_decodes_pictures() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if called and (node.value.id, node.attr) == ("Image", "open"):
                found.add(path.relative_to(PACKAGE).as_posix())
            if isinstance(node, ast.Attribute) and node.attr == "exif_transpose":
                found.add(path.relative_to(PACKAGE).as_posix())
    assert found == OTHER_DECODERS
