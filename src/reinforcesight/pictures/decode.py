"""Decode picture files to upright 8-bit RGB, or raise an error with a reason.

Reasons (``PictureError.reason``): ``missing_file``, ``unreadable_picture`` (broken, truncated, or another format),
``unsupported_format`` (HEIC without its package), ``picture_too_large`` (also decompression bombs),
``picture_too_narrow`` and ``unsupported_mode``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from reinforcesight.errors import InputError

# Only formats that Pillow reads itself or with a common codec library; readers of other formats may call external
# programs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# File names that folders are searched for; those that can't be read are counted.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif", ".jp2")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MAX_BYTES = 128 * 1024 * 1024
MAX_PIXELS = 64_000_000
# Maximum ratio of longer to shorter side. The image processors of the Qwen2-VL family raise a ValueError at 200.
MAX_ASPECT = 200

# Errors that Pillow raises for broken files.
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
    "unsupported_format": 'pip install "reinforcesight[heic]", or save it as JPEG',
    "picture_too_large": "make it smaller",
    "picture_too_narrow": "crop or pad it",
    "unsupported_mode": "save it with 8 bits a channel",
}


class PictureError(InputError):
    """Error for a picture that can't be used.

    Attributes:
        reason: One of the reasons in the module's docstring.
    """

    # All parameters but the first are optional, since an error from a data-loader worker is rebuilt from its text
    # alone.
    def __init__(self, what: str, reason: str = "unreadable_picture", *, where: str | None = None) -> None:
        super().__init__(what, where=where, fix=_FIXES[reason])
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (partial(PictureError, where=self.where), (self.what, self.reason))


def read_bytes(path: Path) -> bytes:
    """Read a picture file of at most ``MAX_BYTES``.

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


def read_start(path: Path, size: int) -> bytes:
    """Read the first bytes of a picture file, which hold its size and EXIF block; raises as :func:`read_bytes`."""
    if not path.is_file():
        raise PictureError("no such picture", "missing_file", where=str(path))
    with path.open("rb") as stream:
        return stream.read(size)


def _check_bytes(size: int, where: str | None) -> None:
    if size > MAX_BYTES:
        raise PictureError(f"{size} bytes, more than {MAX_BYTES}", "picture_too_large", where=where)


def _formats_for(data: bytes, where: str | None) -> tuple[str, ...]:
    """Return Pillow's formats to try for these bytes; HEIC only for HEIC, which another package reads."""
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIF_BRANDS:
        return FORMATS
    try:
        pillow_heif = importlib.import_module("pillow_heif")
    except ImportError as error:
        raise PictureError("HEIC needs the package pillow-heif", "unsupported_format", where=where) from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)


@contextlib.contextmanager
def opened(data: bytes, *, where: str | None = None) -> Iterator[Image.Image]:
    """Open a picture with Pillow and check its size, before its pixels are decoded.

    Errors that Pillow raises in the body of the ``with`` statement become a ``PictureError``, too.

    Raises:
        PictureError: All reasons but missing_file.
    """
    _check_bytes(len(data), where)
    formats = _formats_for(data, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=formats) as image:
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
        # Pillow's message contains the memory address of the stream, which differs between runs.
        detail = re.sub(r" <_io\.\w+ object at 0x[0-9a-f]+>", "", str(error))
        what = f"the picture can't be read: {type(error).__name__}: {detail}"
        raise PictureError(what, "unreadable_picture", where=where) from error


def decode_rgb(data: bytes, *, where: str | None = None, max_side: int | None = None) -> Image.Image:
    """Decode a picture, apply its EXIF orientation, and convert it with :func:`to_rgb`.

    Args:
        where: Name of the picture in error messages.
        max_side: Maximum length of the longer side, in pixels; larger pictures are downscaled.

    Raises:
        PictureError: All reasons but missing_file.
    """
    with opened(data, where=where) as image:
        if max_side is not None:
            image.draft("RGB", (max_side, max_side))  # JPEG: decoded at a fraction of its size
        result = to_rgb(upright(image))
        if max_side is not None:
            result.thumbnail((max_side, max_side))
        return result


def read_rgb(path: Path) -> Image.Image:
    """Read a picture file and decode it with :func:`decode_rgb`; raises :class:`PictureError` if this fails."""
    return decode_rgb(read_bytes(path), where=str(path))


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if the tag is missing or invalid, or the EXIF block is broken."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except BROKEN_PICTURE:
        return 1
    return value if value in range(1, 9) else 1


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation to a picture."""
    return ImageOps.exif_transpose(image) if orientation(image) != 1 else image


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a picture to 8-bit RGB.

    Transparent parts become white. 16-bit grey is scaled to 8 bits from its full range, or from the 10, 12 or 14 bits
    that a sensor uses; Pillow would clip it at 255.
    """
    if image.mode.startswith("I;16"):
        values = image.convert("I")
        largest: Any = values.getextrema()[1]
        full = next(2**bits - 1 for bits in (8, 10, 12, 14, 16) if largest < 2**bits)
        return values.point(lambda value: value * (255 / full)).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        result = Image.new("RGB", layer.size, "white")
        result.paste(layer, mask=layer.getchannel("A"))
        return result
    return image.convert("RGB") if image.mode != "RGB" else image.copy()
