"""One picture file to upright 8-bit RGB bytes, or the named reason why it can't be used."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.data_folder import is_file

# Only formats whose reader is plain Python or a common codec library; others may call outside programs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_BYTES = 128 * 1024 * 1024
MAX_PIXELS = 64_000_000

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
_TRANSPOSING = (5, 6, 7, 8)
_TURNING = (2, 3, 4, *_TRANSPOSING)


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """An encoded picture as the data set stores it.

    Attributes:
        data: PNG or JPEG, 8-bit RGB, without an orientation that a reader would have to apply.
        width: Pixels.
        height: Pixels.
        turned: The file's EXIF orientation was applied.
    """

    data: bytes
    width: int
    height: int
    turned: bool = False


def read_picture(path: Path, *, source_id: str, expected: tuple[int, int] | None = None) -> PictureBytes:
    """Read a picture; an upright 8-bit RGB JPEG or PNG keeps its bytes, anything else becomes a PNG.

    Args:
        path: The file.
        source_id: Name of the picture in messages.
        expected: Width and height that the annotations were drawn for. Where the file has an EXIF orientation, they
            tell whether boxes refer to the stored pixels or to the picture as shown.

    Raises:
        PictureRejected: missing_file, picture_too_large, unreadable_picture, unsupported_mode, size_mismatch, or
            orientation_ambiguous.
    """

    def reject(reason: str, detail: str) -> PictureRejected:
        return PictureRejected(reason, f"{path.name[:100]}: {detail}", source_id=source_id)

    try:
        if not is_file(path):
            raise reject("missing_file", "no such file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise reject("picture_too_large", f"{size} bytes, more than {MAX_BYTES}")
        raw = path.read_bytes()
    except OSError as error:
        raise reject("unreadable_picture", str(error)) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    what = f"{image.width}x{image.height} pixels, more than {MAX_PIXELS} in all"
                    raise reject("picture_too_large", what)
                image.load()
                return _upright_rgb(image, raw, expected, reject)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise reject("picture_too_large", str(error)) from error
    except BROKEN_PICTURE as error:
        # Pillow names the open stream by its place in memory, which differs from run to run.
        reason = re.sub(r" <_io\.\w+ object at 0x[0-9a-f]+>", "", str(error))
        raise reject("unreadable_picture", f"{type(error).__name__}: {reason}") from error


def _upright_rgb(
    image: Image.Image,
    raw: bytes,
    expected: tuple[int, int] | None,
    reject: Callable[[str, str], PictureRejected],
) -> PictureBytes:
    orientation = image.getexif().get(_ORIENTATION, 1)
    stored, shown = image.size, image.size[::-1] if orientation in _TRANSPOSING else image.size
    turn = False
    if orientation in _TURNING:
        if expected is None or (expected == stored == shown):
            # Tools differ in whether they apply the tag, and a wrong guess would exchange left and right.
            raise reject(
                "orientation_ambiguous", f"EXIF orientation {orientation} and equal sizes: save it upright"
            )
        turn = expected == shown
    if expected is not None and expected not in (stored, shown):
        raise reject(
            "size_mismatch", f"the picture is {_size(stored)}, the annotations say {_size(expected)}"
        )
    if image.mode.startswith(("I", "F")):
        raise reject("unsupported_mode", f"mode {image.mode}: expected 8 bits a channel")
    width, height = shown if turn else stored
    plain = image.format in ("JPEG", "PNG") and image.mode == "RGB" and getattr(image, "n_frames", 1) == 1
    eight_bit = image.format != "PNG" or raw[24:25] == b"\x08"
    if plain and eight_bit and orientation not in _TURNING:
        return PictureBytes(raw, width, height)
    if turn:
        image = ImageOps.exif_transpose(image)
    buffer = io.BytesIO()
    clean = Image.new("RGB", image.size, "white")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        clean.paste(layer, mask=layer.getchannel("A"))
    else:
        clean.paste(image.convert("RGB"))
    clean.save(buffer, "PNG")
    return PictureBytes(buffer.getvalue(), width, height, turned=turn)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
