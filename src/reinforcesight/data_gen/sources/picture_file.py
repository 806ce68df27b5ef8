"""Read picture files as 8-bit upright RGB for the data set, or reject them with a reason."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.pictures.decode import PictureError, opened, orientation, read_bytes, to_rgb, upright

_SWAPS_SIDES = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """Encoded picture as stored in the data set, and its size in pixels."""

    data: bytes  # PNG or JPEG, 8-bit RGB, upright without an EXIF orientation
    width: int
    height: int
    turned: bool = False  # whether the file's EXIF orientation was applied


# From stored and shown (turned) size: whether to turn a picture that has an EXIF orientation.
TurnChoice = Callable[[tuple[int, int], tuple[int, int]], bool]


def read_picture_file(
    path: Path, *, source_id: str, turn: TurnChoice | None = None, expected: tuple[int, int] | None = None
) -> PictureBytes:
    """Read a picture file; see :func:`prepare_picture`.

    Raises:
        PictureRejected: For the reasons of :func:`prepare_picture`, or missing_file.
    """
    with rejecting(path.name, source_id):
        data = read_bytes(path)
    return prepare_picture(data, name=path.name, source_id=source_id, turn=turn, expected=expected)


@contextlib.contextmanager
def rejecting(name: str, source_id: str) -> Iterator[None]:
    """Reject the picture with file name ``name`` if a ``PictureError`` is raised."""
    try:
        yield
    except PictureError as error:
        raise _rejected(error.reason, error.what, name, source_id) from error


def prepare_picture(
    data: bytes,
    *,
    name: str,
    source_id: str,
    turn: TurnChoice | None = None,
    expected: tuple[int, int] | None = None,
) -> PictureBytes:
    """Return an upright 8-bit RGB JPEG or PNG unchanged, and convert any other picture to PNG.

    Args:
        turn: For pictures that boxes refer to: whether to apply the EXIF orientation. Others are always turned.
        expected: Width and height that the annotations were drawn for.

    Raises:
        PictureRejected: The reasons of :mod:`reinforcesight.pictures.decode`, size_mismatch, or what ``turn`` raises.
    """
    with rejecting(name, source_id), opened(data, where=name) as image:
        image.load()
        stored, shown = sizes_of(image)
        tagged = orientation(image) != 1
        if expected is not None and expected not in (stored, shown):
            what = f"the picture is {_size(stored)}, the annotations say {_size(expected)}"
            if expected == stored[::-1]:
                what += ": it was turned, or its sides were exchanged"
            raise _rejected("size_mismatch", what, name, source_id)
        turned = tagged and (turn is None or turn(stored, shown))
        one_rgb = image.mode == "RGB" and getattr(image, "n_frames", 1) == 1
        # Pillow reports 16-bit RGB as 8-bit; in a PNG, the byte after width and height is the bit depth.
        eight_bit = image.format == "JPEG" or (image.format == "PNG" and data[24] == 8)
        if one_rgb and eight_bit and not tagged:
            return PictureBytes(data, *stored)
        clean = to_rgb(upright(image) if turned else image)
    clean.info.clear()  # write neither colour profile nor comment
    buffer = io.BytesIO()
    clean.save(buffer, "PNG")
    return PictureBytes(buffer.getvalue(), *clean.size, turned=turned)


def sizes_of(image: Image.Image) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return width and height as stored, and after applying the EXIF orientation."""
    return image.size, image.size[::-1] if orientation(image) in _SWAPS_SIDES else image.size


def _rejected(reason: str, what: str, name: str, source_id: str) -> PictureRejected:
    return PictureRejected(reason, f"{name[:100]}: {what}", source_id=source_id)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
