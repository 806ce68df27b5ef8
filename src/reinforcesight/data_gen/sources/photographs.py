"""Read pictures from files and tables as 8-bit upright RGB for the data set, or reject them with a reason."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from reinforcesight.data_gen.perception.camera import camera_from_exif
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.data_folder import resolve_inside
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import (
    SUFFIXES,
    PictureError,
    decode_rgb,
    opened,
    orientation,
    read_bytes,
    to_rgb,
    upright,
)
from reinforcesight.pictures.encode import encoded_picture
from reinforcesight.scene import Camera

_SWAPS_SIDES = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Photograph:
    """Encoded picture as stored in the data set, and its size in pixels."""

    data: bytes  # PNG or JPEG, 8-bit RGB, upright without an EXIF orientation
    width: int
    height: int
    camera: Camera | None = None  # intrinsics from EXIF; None: unknown, or not read


# From stored and shown (turned) size: whether to turn a picture that has an EXIF orientation.
TurnChoice = Callable[[tuple[int, int], tuple[int, int]], bool]


def list_photographs(folder: Path) -> tuple[str, ...]:
    """Return the paths of all pictures below a folder, relative to it and sorted, without hidden files.

    Raises:
        InputError: There is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InputError("expected a folder of pictures", where=str(folder), fix="give a folder as --input")
    names: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        base = Path(parent).relative_to(folder)
        names += [
            (base / name).as_posix() for name in files if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    if not names:
        raise InputError(
            f"no {', '.join(SUFFIXES)} in the folder", where=str(folder), fix="give a folder of photographs"
        )
    return tuple(sorted(names))


def read_annotated_picture(
    path: Path, *, source_id: str, turn: TurnChoice, expected: tuple[int, int] | None
) -> Photograph:
    """Read a picture file that boxes refer to, without its camera; see :func:`prepare_picture`.

    Raises:
        PictureRejected: For the reasons of :func:`prepare_picture`, or missing_file.
    """
    data = _read(path, source_id)
    return prepare_picture(data, name=path.name, source_id=source_id, turn=turn, expected=expected)


def read_photograph(folder: Path, name: str, source_id: str | None = None) -> Photograph:
    """Read a picture and apply its EXIF orientation (there are no annotations that refer to the stored pixels).

    Args:
        name: Path below the folder.
        source_id: Name of the picture in messages; ``None``: its path.

    Raises:
        PictureRejected: For the reasons of :func:`prepare_picture`, missing_file, or path_leaves_folder (a link leads
            outside).
    """
    source_id = source_id or name
    try:
        path = resolve_inside(folder, name)
    except InputError as error:
        raise PictureRejected("path_leaves_folder", str(error), source_id) from error
    return _with_camera(_read(path, source_id), path.name, source_id)


def photograph_of_cell(cell: object, *, folder: Path | None, source_id: str) -> Photograph:
    """Read a picture from a table cell: bytes, ``{"bytes", "path"}`` as in datasets, or a list (its first entry).

    Args:
        folder: Folder of pictures that are stored as paths, if any.
        source_id: Name of the picture in messages.

    Raises:
        PictureRejected: For the reasons of :func:`read_photograph`, or missing_file if the entry has no picture.
    """
    if isinstance(cell, list):
        cell = cell[0] if cell else None
    content = cell.get("bytes") if isinstance(cell, Mapping) else cell
    path = cell.get("path") if isinstance(cell, Mapping) else None
    if isinstance(content, bytes):
        return _with_camera(content, "picture", source_id)
    if isinstance(path, str) and folder is not None:
        return read_photograph(folder, path, source_id)
    raise PictureRejected("missing_file", "the row holds no picture", source_id=source_id)


def _read(path: Path, source_id: str) -> bytes:
    with _rejecting(path.name, source_id):
        return read_bytes(path)


def _with_camera(data: bytes, name: str, source_id: str) -> Photograph:
    picture = prepare_picture(data, name=name, source_id=source_id)
    return replace(picture, camera=camera_from_exif(data, picture.width, picture.height))


@contextlib.contextmanager
def _rejecting(name: str, source_id: str) -> Iterator[None]:
    """Reject the picture with file name ``name`` if a ``PictureError`` is raised."""
    try:
        yield
    except PictureError as error:
        raise _rejected(error.reason, error.what, name, source_id) from error


def _rejected(reason: str, what: str, name: str, source_id: str) -> PictureRejected:
    return PictureRejected(reason, f"{name[:100]}: {what}", source_id=source_id)


def prepare_picture(
    data: bytes,
    *,
    name: str,
    source_id: str,
    turn: TurnChoice | None = None,
    expected: tuple[int, int] | None = None,
) -> Photograph:
    """Return an upright 8-bit RGB JPEG or PNG unchanged, and convert any other picture to PNG.

    Args:
        turn: For pictures that boxes refer to: whether to apply the EXIF orientation. Others are always turned.
        expected: Width and height that the annotations were drawn for.

    Raises:
        PictureRejected: The reasons of :mod:`reinforcesight.pictures.decode`, size_mismatch, or what ``turn`` raises.
    """
    with _rejecting(name, source_id), opened(data, where=name) as image:
        image.load()
        stored, shown = sizes_of(image)
        tagged = orientation(image) != 1
        if expected is not None and expected not in (stored, shown):
            what = f"the picture is {stored[0]}x{stored[1]}, the annotations say {expected[0]}x{expected[1]}"
            if expected == stored[::-1]:
                what += ": it was turned, or its sides were exchanged"
            raise _rejected("size_mismatch", what, name, source_id)
        turned = tagged and (turn is None or turn(stored, shown))
        one_rgb = image.mode == "RGB" and getattr(image, "n_frames", 1) == 1
        # Pillow reports 16-bit RGB as 8-bit; in a PNG, the byte after width and height is the bit depth.
        eight_bit = image.format == "JPEG" or (image.format == "PNG" and data[24] == 8)
        if one_rgb and eight_bit and not tagged:
            return Photograph(data, *stored)
        clean = to_rgb(upright(image) if turned else image)
    clean.info.clear()  # write neither colour profile nor comment
    return Photograph(encoded_picture(clean, "PNG"), *clean.size)


def sizes_of(image: Image.Image) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return width and height as stored, and after applying the EXIF orientation."""
    return image.size, image.size[::-1] if orientation(image) in _SWAPS_SIDES else image.size


def shrunk(picture: Photograph, max_side: int) -> Photograph:
    """Downscale a photograph to at most ``max_side`` pixels per side, as JPEG, and scale its intrinsics.

    A smaller photograph is returned unchanged.
    """
    scale = max_side / max(picture.width, picture.height)
    if scale >= 1:
        return picture
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = decode_rgb(picture.data).resize((width, height), Image.Resampling.LANCZOS)
    camera = picture.camera
    if camera is not None:
        across, down = width / picture.width, height / picture.height
        values = {"fx": across, "cx": across, "fy": down, "cy": down}
        camera = camera.model_copy(update={k: getattr(camera, k) * v for k, v in values.items()})
    return Photograph(encoded_picture(small, "JPEG", quality=95, subsampling=0), width, height, camera)
