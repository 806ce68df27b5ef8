"""The one decoder: a picture file to upright 8-bit RGB, or a named reason why not.

Reasons (``PictureError.reason``): ``missing_file``, ``unreadable_picture`` (broken, cut off, or another format),
``picture_too_large`` (also decompression bombs), ``picture_too_narrow`` and ``unsupported_mode``.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image, ImageOps

from reinforcesight.errors import InputError

# Only formats whose reader is plain Python or a common codec library; others may call outside programs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_BYTES = 128 * 1024 * 1024
MAX_PIXELS = 64_000_000
# Longer side by shorter side. The picture processors of the Qwen2-VL family raise a ValueError from 200 on.
MAX_ASPECT = 200

# What Pillow's readers raise on broken files.
BROKEN_PICTURE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
_ORIENTATION = 0x0112
_FIXES = {
    "missing_file": "check the path",
    "unreadable_picture": f"replace it; formats: {', '.join(FORMATS)}",
    "picture_too_large": "make it smaller",
    "picture_too_narrow": "crop or pad it",
    "unsupported_mode": "save it with 8 bits a channel",
}


class PictureError(InputError):
    """A picture can't be used.

    Attributes:
        reason: One of the reasons in the module's docstring.
    """

    # A data-loader worker's error is built again from its text alone.
    def __init__(self, what: str, reason: str = "unreadable_picture", *, where: str | None = None) -> None:
        super().__init__(what, where=where, fix=_FIXES[reason])
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (partial(PictureError, where=self.where), (self.what, self.reason))


def read_bytes(path: Path) -> bytes:
    """The bytes of a picture file, at most ``MAX_BYTES``.

    Raises:
        PictureError: missing_file, picture_too_large or unreadable_picture.
    """
    try:
        regular = path.is_file()
    except (OSError, ValueError):  # a name that the file system can't hold
        regular = False
    if not regular:
        raise PictureError("no such picture", "missing_file", where=str(path))
    try:
        _check_bytes(path.stat().st_size, str(path))
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise PictureError(f"the picture can't be read: {reason}", "unreadable_picture", where=str(path)) from error


def _check_bytes(size: int, where: str | None) -> None:
    if size > MAX_BYTES:
        raise PictureError(f"{size} bytes, more than {MAX_BYTES}", "picture_too_large", where=where)


@contextlib.contextmanager
def opened(data: bytes, *, where: str | None = None) -> Iterator[Image.Image]:
    """Pillow's picture, with its size checked and its pixels not read yet.

    What Pillow raises in the body of the ``with`` statement becomes a ``PictureError``, too.

    Raises:
        PictureError: unreadable_picture, picture_too_large, picture_too_narrow or unsupported_mode.
    """
    _check_bytes(len(data), where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    what = f"{width}x{height} pixels, more than {MAX_PIXELS} in all"
                    raise PictureError(what, "picture_too_large", where=where)
                if max(width, height) >= MAX_ASPECT * min(width, height):
                    what = f"{width}x{height} pixels: the longer side must be less than {MAX_ASPECT} times the shorter"
                    raise PictureError(what, "picture_too_narrow", where=where)
                if image.mode in ("I", "F"):
                    what = f"mode {image.mode} has no fixed range: expected 8 bits a channel, or 16-bit grey"
                    raise PictureError(what, "unsupported_mode", where=where)
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(str(error), "picture_too_large", where=where) from error
    except BROKEN_PICTURE as error:
        # Pillow names the open stream by its place in memory, which differs from run to run.
        detail = re.sub(r" <_io\.\w+ object at 0x[0-9a-f]+>", "", str(error))
        what = f"the picture can't be read: {type(error).__name__}: {detail}"
        raise PictureError(what, "unreadable_picture", where=where) from error


def decode_rgb(data: bytes, *, where: str | None = None, max_side: int | None = None) -> Image.Image:
    """A picture as viewers show it: EXIF orientation applied, in RGB as :func:`to_rgb` gives it.

    Args:
        data: The encoded picture.
        where: The picture's name in errors.
        max_side: Shrink a larger picture to this many pixels along its longer side.

    Raises:
        PictureError: unreadable_picture, picture_too_large, picture_too_narrow or unsupported_mode.
    """
    with opened(data, where=where) as image:
        if max_side is not None:
            image.draft("RGB", (max_side, max_side))  # JPEG: decoded at a fraction of its size
        result = to_rgb(upright(image))
        if max_side is not None:
            result.thumbnail((max_side, max_side))
        return result


def read_rgb(path: Path, *, max_side: int | None = None) -> Image.Image:
    """A picture file as :func:`decode_rgb` gives it.

    Raises:
        PictureError: Any of the reasons.
    """
    return decode_rgb(read_bytes(path), where=str(path), max_side=max_side)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where the tag is absent or invalid or the EXIF block is broken."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except BROKEN_PICTURE:
        return 1
    return value if value in range(1, 9) else 1


def upright(image: Image.Image) -> Image.Image:
    """The picture with its EXIF orientation applied."""
    return ImageOps.exif_transpose(image) if orientation(image) != 1 else image


def to_rgb(image: Image.Image) -> Image.Image:
    """A new 8-bit RGB picture.

    Transparent parts become white. 16-bit grey is scaled to 8 bits over its whole range; Pillow's own conversion clips
    it at 255.
    """
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 257).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        result = Image.new("RGB", layer.size, "white")
        result.paste(layer, mask=layer.getchannel("A"))
        return result
    return image.convert("RGB") if image.mode != "RGB" else image.copy()
