"""Photographs in a folder: which files there are, and each upright, with what its camera wrote of the lens."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from reinforcesight.data_gen.perception.camera import camera_from_exif
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.data_folder import resolve_inside
from reinforcesight.data_gen.sources.picture_file import FORMATS, PictureBytes, read_picture
from reinforcesight.errors import InputError
from reinforcesight.scene import Camera

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Photograph:
    """An upright picture and its camera.

    Attributes:
        picture: Encoded as the data set stores it.
        camera: Intrinsics, where EXIF tells them.
    """

    picture: PictureBytes
    camera: Camera | None


def list_photographs(folder: Path) -> tuple[str, ...]:
    """Paths of all JPEG, PNG and WebP files below a folder, relative to it, sorted; hidden ones are left out.

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
            (base / name).as_posix()
            for name in files
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    if not names:
        raise InputError(
            f"no {', '.join(SUFFIXES)} in the folder", where=str(folder), fix="give a folder of photographs"
        )
    return tuple(sorted(names))


def read_photograph(folder: Path, name: str) -> Photograph:
    """One picture of a folder, upright: nothing refers to its stored pixels, so that its EXIF orientation holds.

    Raises:
        PictureRejected: As :func:`~reinforcesight.data_gen.sources.picture_file.read_picture`, and
            path_leaves_folder where a link leads elsewhere.
    """
    try:
        path = resolve_inside(folder, name)
    except InputError as error:
        raise PictureRejected("path_leaves_folder", str(error), source_id=name) from error
    try:
        picture = read_picture(path, source_id=name)
    except PictureRejected as error:
        if error.reason != "orientation_ambiguous":
            raise
        # The file opens and is within all limits; only whose coordinates it has was unclear, and there are none here.
        picture = _turned_upright(path, name)
    return Photograph(picture, camera_from_exif(path, picture.width, picture.height))


def photograph_of_cell(cell: object, *, folder: Path | None, source_id: str) -> Photograph:
    """One picture of a table: encoded bytes, ``{"bytes", "path"}`` as datasets stores it, or a list of which the first.

    Args:
        cell: The table's entry.
        folder: Where pictures lie that are given by path; ``None`` where there are none.
        source_id: Name of the picture in messages.

    Raises:
        PictureRejected: As :func:`read_photograph`, and missing_file where the entry holds no picture.
    """
    if isinstance(cell, list):
        cell = cell[0] if cell else None
    content = cell.get("bytes") if isinstance(cell, Mapping) else cell
    path = cell.get("path") if isinstance(cell, Mapping) else None
    try:
        if isinstance(content, bytes):
            # One reader for all pictures, and it reads files.
            with tempfile.TemporaryDirectory() as place:
                (Path(place) / "picture").write_bytes(content)
                return read_photograph(Path(place), "picture")
        if isinstance(path, str) and folder is not None:
            return read_photograph(folder, path)
    except PictureRejected as error:
        raise PictureRejected(error.reason, error.detail, source_id=source_id) from error
    raise PictureRejected("missing_file", "the row holds no picture", source_id=source_id)


def _turned_upright(path: Path, name: str) -> PictureBytes:
    with Image.open(path, formats=FORMATS) as image:
        if image.mode.startswith(("I", "F")):
            detail = f"mode {image.mode}: expected 8 bits a channel"
            raise PictureRejected("unsupported_mode", f"{path.name[:100]}: {detail}", source_id=name)
        upright = ImageOps.exif_transpose(image)
    clean = Image.new("RGB", upright.size, "white")
    if "A" in upright.getbands() or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        clean.paste(layer, mask=layer.getchannel("A"))
    else:
        clean.paste(upright.convert("RGB"))
    buffer = io.BytesIO()
    clean.save(buffer, "PNG")
    return PictureBytes(buffer.getvalue(), clean.width, clean.height, turned=True)


def shrunk(photograph: Photograph, max_side: int) -> Photograph:
    """The same where no side is longer than ``max_side`` pixels, otherwise a JPEG of that size, with its camera."""
    picture, camera = photograph.picture, photograph.camera
    scale = max_side / max(picture.width, picture.height)
    if scale >= 1:
        return photograph
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    with Image.open(io.BytesIO(picture.data)) as image:
        small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=95, subsampling=0)
    if camera is not None:
        across, down = width / picture.width, height / picture.height
        values = {"fx": across, "cx": across, "fy": down, "cy": down}
        camera = camera.model_copy(update={k: getattr(camera, k) * v for k, v in values.items()})
    return Photograph(PictureBytes(buffer.getvalue(), width, height, turned=picture.turned), camera)
