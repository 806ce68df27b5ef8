"""Read photographs from a folder or table, apply their EXIF orientation, and read camera intrinsics from EXIF."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from reinforcesight.data_gen.perception.camera import camera_from_exif
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.data_folder import resolve_inside
from reinforcesight.data_gen.sources.picture_file import PictureBytes, prepare_picture, rejecting
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import SUFFIXES, decode_rgb, read_bytes
from reinforcesight.scene import Camera


@dataclass(frozen=True, slots=True)
class Photograph:
    """Upright picture, and its camera intrinsics from EXIF (``None``: unknown)."""

    picture: PictureBytes
    camera: Camera | None


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


def read_photograph(folder: Path, name: str, source_id: str | None = None) -> Photograph:
    """Read a picture and apply its EXIF orientation (there are no annotations that refer to the stored pixels).

    Args:
        name: Path below the folder.
        source_id: Name of the picture in messages; ``None``: its path.

    Raises:
        PictureRejected: For the reasons of :func:`~reinforcesight.data_gen.sources.picture_file.prepare_picture`,
            missing_file, or path_leaves_folder (a link leads outside).
    """
    source_id = source_id or name
    try:
        path = resolve_inside(folder, name)
    except InputError as error:
        raise PictureRejected("path_leaves_folder", str(error), source_id) from error
    with rejecting(path.name, source_id):
        data = read_bytes(path)
    return _photograph(data, path.name, source_id)


def _photograph(data: bytes, name: str, source_id: str) -> Photograph:
    picture = prepare_picture(data, name=name, source_id=source_id)
    return Photograph(picture, camera_from_exif(data, picture.width, picture.height))


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
        return _photograph(content, "picture", source_id)
    if isinstance(path, str) and folder is not None:
        return read_photograph(folder, path, source_id)
    raise PictureRejected("missing_file", "the row holds no picture", source_id=source_id)


def shrunk(photograph: Photograph, max_side: int) -> Photograph:
    """Downscale a photograph to at most ``max_side`` pixels per side, as JPEG, and scale its intrinsics.

    A smaller photograph is returned unchanged.
    """
    picture, camera = photograph.picture, photograph.camera
    scale = max_side / max(picture.width, picture.height)
    if scale >= 1:
        return photograph
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = decode_rgb(picture.data).resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=95, subsampling=0)
    if camera is not None:
        across, down = width / picture.width, height / picture.height
        values = {"fx": across, "cx": across, "fy": down, "cy": down}
        camera = camera.model_copy(update={k: getattr(camera, k) * v for k, v in values.items()})
    return Photograph(PictureBytes(buffer.getvalue(), width, height, turned=picture.turned), camera)
