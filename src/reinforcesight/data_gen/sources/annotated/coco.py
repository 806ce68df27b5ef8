"""Read and check COCO annotation files, and store one compact entry per picture."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from reinforcesight.data_gen.source import Skipped
from reinforcesight.data_gen.sources.data_folder import is_file
from reinforcesight.data_gen.sources.json_values import as_id, parse_json, printable, short
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import PictureError, opened

_IMAGE_KEYS = (
    *("file_name", "width", "height", "depth_file_name", "depth_scale", "depth_unit", "intrinsics"),
    *("estimated_depth_file_name", "estimated_view_file_names", "estimated_depth_scale"),
)
_ANNOTATION_KEYS = (
    "id",
    "category_id",
    "bbox",
    "area",
    "segmentation",
    "iscrowd",
    "name",
    "caption",
    "attributes",
    "part_of",
)


@dataclass(frozen=True, slots=True)
class CocoImage:
    """Entry of ``images`` with its annotations; the values are checked when the picture is loaded."""

    source_id: str  # file name, or "images[INDEX]" if there is none
    record: Mapping[str, object]  # keys of the entry that are used
    packed: bytes = b"[]"  # annotations as compact JSON: Python objects would need several times the memory
    refused: tuple[str, str] | None = None  # reason and detail if the picture can't be used

    def annotations(self) -> list[dict[str, object]]:
        loaded: list[dict[str, object]] = json.loads(self.packed)
        return loaded


@dataclass(frozen=True, slots=True)
class CocoIndex:
    """Contents of an annotation file."""

    images: tuple[CocoImage, ...]  # one per entry of the file's "images", in order
    categories: Mapping[int | str, object]  # id to name, not checked
    problems: tuple[Skipped, ...]  # annotations of unknown pictures, and broken categories


def find_annotation_file(path: Path) -> Path:
    """Return the path if it is a file; in a folder, ``annotations.json``, or the only ``*.json`` in it or below.

    Raises:
        InputError: There is no such file, or more than one.
    """
    if is_file(path):
        return path
    if not path.is_dir():
        raise InputError("no such file or folder", where=str(path), fix="give a COCO JSON or its folder")
    found: list[Path] = []
    # CVAT uses the folder "annotations"; Roboflow and others use one folder per split.
    for pattern in ("annotations.json", "*.json", "annotations/*.json", "*/*.json"):
        found = sorted(file for file in path.glob(pattern) if is_file(file))
        if found:
            break
    if len(found) == 1:
        return found[0]
    listed = ", ".join(file.relative_to(path).as_posix() for file in found[:4])
    what = "no annotation file" if not found else f"{len(found)} JSON files and no annotations.json: {listed}"
    raise InputError(what, where=str(path), fix="name the COCO JSON itself")


def read_coco(path: Path) -> CocoIndex:
    """Read an annotation file and group its annotations by picture.

    Raises:
        InputError: The file can't be read, is not JSON, or lacks a required COCO key.
    """
    data = _read_json(path)
    problem = "" if isinstance(data, dict) else f"expected a mapping, got {type(data).__name__}"
    for key in ("images", "annotations", "categories"):
        if not problem and not isinstance(data.get(key), list):
            found = type(data[key]).__name__ if key in data else "nothing"
            problem = f"{key!r} should be a list, got {found}"
    if problem:
        raise InputError(f"not COCO: {problem}", where=str(path), fix="see docs/annotated-input.md")
    problems: list[Skipped] = []
    categories = _categories(data["categories"], problems)
    ids = [as_id(image.get("id")) if isinstance(image, dict) else None for image in data["images"]]
    positions: dict[int | str, int] = {}
    for position, image_id in enumerate(ids):
        if image_id is not None:
            positions.setdefault(image_id, position)
    groups = _grouped(data["annotations"], positions, problems)
    return CocoIndex(_entries(data["images"], ids, groups), categories, tuple(problems))


def _read_json(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        what = f"the annotations can't be read: {error.strerror}"
        raise InputError(what, where=str(path), fix="check the file") from error
    try:
        return parse_json(data)
    except ValueError as error:
        what, fix = f"the annotations are not JSON in UTF-8: {error}", "correct the file, or export it again"
        if data.startswith(b"PK\x03\x04"):
            what, fix = "expected a COCO JSON, got a ZIP archive", "unpack it, and give its folder"
        with contextlib.suppress(PictureError), opened(data) as image:
            what = f"expected a COCO JSON, got a {image.format} picture"
            fix = "give the JSON or its folder as --input; for pictures without annotations --source image_folder"
        raise InputError(what, where=str(path), fix=fix) from error


def _categories(found: list[object], problems: list[Skipped]) -> dict[int | str, object]:
    categories: dict[int | str, object] = {}
    repeated: set[int | str] = set()
    for position, category in enumerate(found):
        category_id = as_id(category.get("id")) if isinstance(category, dict) else None
        name = category.get("name") if isinstance(category, dict) else None
        name = name if isinstance(name, str) else None
        if not isinstance(category, dict) or category_id is None:
            problems.append(Skipped("bad_category", f"categories[{position}] has no usable id"))
        elif category_id in categories and categories[category_id] != name:
            repeated.add(category_id)
            problems.append(Skipped("duplicate_category_id", f"category {short(category_id)} has two names"))
        else:
            categories[category_id] = name
    return {key: name for key, name in categories.items() if key not in repeated}


def _grouped(
    annotations: list[object], positions: Mapping[int | str, int], problems: list[Skipped]
) -> dict[int, list[dict[str, object]]]:
    groups: dict[int, list[dict[str, object]]] = {}
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            problems.append(Skipped("bad_annotation", f"annotations[{number}] is not a mapping"))
            continue
        if "segments_info" in annotation:
            what = f"annotations[{number}] has segments_info: give the instances file, with a bbox for each object"
            problems.append(Skipped("panoptic_annotation", what))
            continue
        image_id = as_id(annotation.get("image_id"))
        if image_id is None or image_id not in positions:
            name = f"annotation {short(annotation.get('id', f'number {number}'))}"
            problems.append(Skipped("unknown_image", f"{name}: no image {short(annotation.get('image_id'))}"))
            continue
        kept = {key: annotation[key] for key in _ANNOTATION_KEYS if key in annotation}
        kept["number"] = number
        try:
            json.dumps(kept)
        except (ValueError, RecursionError):
            problems.append(Skipped("bad_annotation", f"annotations[{number}] is nested too deeply"))
            continue
        groups.setdefault(positions[image_id], []).append(kept)
    return groups


def _entries(
    images: list[object], ids: list[int | str | None], groups: Mapping[int, list[dict[str, object]]]
) -> tuple[CocoImage, ...]:
    names = [_file_name(image) for image in images]
    same_name: dict[str, list[int]] = {}
    files_of_id: dict[int | str, set[str | None]] = {}
    for position, (image_id, name) in enumerate(zip(ids, names, strict=True)):
        if image_id is not None:
            files_of_id.setdefault(image_id, set()).add(name)
            if name is not None:
                same_name.setdefault(name, []).append(position)
    entries: list[CocoImage] = []
    for position, (image, image_id, name) in enumerate(zip(images, ids, names, strict=True)):
        place = f"images[{position}]"
        if not isinstance(image, dict):
            entries.append(CocoImage(place, {}, refused=("bad_image_entry", f"{place} is not a mapping")))
            continue
        refused: tuple[str, str] | None = None
        if name is None:
            refused = ("bad_image_entry", f"{place} has no file_name")
        elif image_id is None:
            refused = ("bad_image_entry", f"{place} ({short(name)}) has no usable id")
        elif len(files_of_id[image_id]) > 1:
            # It is unknown which of these images the annotations belong to.
            refused = ("duplicate_image_id", f"{short(name)}: other images have the id {short(image_id)} too")
        elif not _keeps(position, same_name[name], groups):
            refused = ("duplicate_file_name", f"{short(name)} is listed more than once")
        record = {key: image[key] for key in _IMAGE_KEYS if key in image}
        packed = json.dumps(groups.get(position, []), separators=(",", ":")).encode()
        entries.append(CocoImage(name or place, record, packed if refused is None else b"[]", refused))
    return tuple(entries)


def _file_name(image: object) -> str | None:
    """Return the normalised file name: "./a.jpg" becomes "a.jpg"."""
    name = image.get("file_name") if isinstance(image, dict) else None
    return printable(PurePosixPath(name).as_posix()) if isinstance(name, str) and name.strip() else None


def _keeps(position: int, same: Sequence[int], groups: Mapping[int, list[dict[str, object]]]) -> bool:
    """Return whether to use this entry, of several entries for the same file.

    If more than one has annotations, none is used: each lists only some of the objects, so unique names are unknown.
    """
    annotated = [other for other in same if other in groups]
    return len(annotated) <= 1 and position == [*annotated, *same][0]
