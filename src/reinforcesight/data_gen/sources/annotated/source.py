"""Source ``annotated``: pictures with COCO annotations and optional depth maps.

``docs/annotated-input.md`` describes the files, and how each kind of defect is handled.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from reinforcesight.arrays import BoolArray
from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.data_gen.source import PictureRejected, Skipped, SourcePicture
from reinforcesight.data_gen.sources.annotated.checks.boxes import check_boxes
from reinforcesight.data_gen.sources.annotated.checks.depth import MapSigns, check_depth, signs_of
from reinforcesight.data_gen.sources.annotated.checks.doubts import Doubt, evenly
from reinforcesight.data_gen.sources.annotated.checks.frames import BoxFrame, Size, TurnedPicture, decide_frames
from reinforcesight.data_gen.sources.annotated.coco import CocoImage, find_annotation_file, read_coco
from reinforcesight.data_gen.sources.annotated.coco_masks import mask_of_segmentation
from reinforcesight.data_gen.sources.annotated.depth_files import (
    DepthMap,
    DepthRefusedError,
    read_depth,
    read_intrinsics,
)
from reinforcesight.data_gen.sources.data_folder import FileFinder, MissingFileError, digest_files
from reinforcesight.data_gen.sources.json_values import as_id, as_number, as_numbers, short
from reinforcesight.data_gen.sources.photographs import Photograph, read_annotated_picture, sizes_of
from reinforcesight.errors import InputError
from reinforcesight.language.names import ambiguous_names
from reinforcesight.language.object_names import look_attributes, tidy_category, tidy_phrase, with_attributes
from reinforcesight.pictures.boxes import box_of, box_overlap
from reinforcesight.pictures.decode import opened, orientation, read_start
from reinforcesight.pictures.drawing import Box
from reinforcesight.scene import Camera

# Of large sets, so many pictures are looked at for doubts: headers and boxes, and whole pictures with depth.
_HEADERS, _DEPTH_MAPS = 4000, 24
_HEADER_BYTES = (64 * 1024, 1024 * 1024)  # the second if the first do not reach the picture's size
# Reasons why maps and intrinsics are refused, and the remedy; in most pictures, some of them show a wrong input.
_NEVER_RIGHT = ("implausible_depth", "implausible_intrinsics")
_DEPTH_FIXES = {
    "implausible_depth": "correct depth_scale",
    "implausible_intrinsics": "correct fx, fy, cx, cy",
    "missing_depth_file": "correct depth_file_name",
    "depth_path_leaves_folder": "put the maps below the pictures' folder",
    "unreadable_depth": "give 16-bit greyscale PNG, or .npy of shape (H, W)",
    "depth_shape_differs": "give depth of the pictures' aspect ratio",
    "empty_depth": "give values above 0",
    "bad_depth_scale": "give a positive number",
    "bad_intrinsics": "give fx, fy, cx, cy",
}
_CLIP_TOLERANCE = 1.0  # pixels by which a box may exceed the picture through rounding
_MIN_AGREEMENT = 0.5  # overlap of a box with the box of its outline; below it one of the two is wrong


@dataclass(frozen=True, slots=True)
class AnnotatedPicture:
    """Contents of the files for one picture, before a scene is built."""

    source_id: str
    path: Path
    record: Mapping[str, object]  # entry in "images"
    picture: Photograph
    detections: list[Detection]
    depth: DepthMap | None  # if the entry names a usable map
    camera: Camera | None  # if the entry has intrinsics
    skipped: tuple[Skipped, ...]


class AnnotatedSource:
    """COCO boxes and masks, with depth maps if the images name them.

    Args:
        path: The COCO JSON, or a folder with ``annotations.json`` or exactly one ``*.json``.
        box_frame: Coordinates of boxes in pictures with an EXIF orientation; ``None``: detected from sizes and boxes.
        checks: "stop" raises an error if the annotations look wrong as a whole; "warn" adds it to ``doubts``.
        image_root: Folder of the pictures; by default the folder that was given, or that of the annotation file
            (above ``annotations``). Files outside it are never opened.

    Attributes:
        doubts: Warnings about the input as a whole.
    """

    name = "annotated"

    def __init__(
        self,
        path: Path,
        *,
        image_root: Path | None = None,
        box_frame: BoxFrame | None = None,
        checks: Literal["stop", "warn"] = "stop",
    ) -> None:
        path = Path(path)
        self.annotation_file = find_annotation_file(path)
        if image_root is not None and not Path(image_root).is_dir():
            raise InputError("no such folder", where=f"--image_root {image_root}", fix="give the pictures' folder")
        parent = self.annotation_file.parent
        beside = parent.parent if parent.name == "annotations" else parent
        self.root = Path(image_root) if image_root is not None else path if path.is_dir() else beside
        self._index = read_coco(self.annotation_file)
        self._finder = FileFinder(self.root, self._names())
        self._no_reading = 0.0
        self._frames, frame_doubt = decide_frames(self._turned_pictures(), box_frame)
        doubts = self._box_doubts() or [*self._depth_doubts()]
        self.doubts = tuple(doubt for doubt in (frame_doubt, *doubts) if doubt is not None)
        for doubt in self.doubts:
            if doubt.certain and checks == "stop":
                fix = f"{doubt.fix} (--input_checks warn goes on all the same)"
                raise InputError(doubt.what, where=str(self.annotation_file), fix=fix)

    def print_doubts(self) -> None:
        """Print a note about each sign that the input as a whole is wrong."""
        for doubt in self.doubts:
            click.echo(f"note: {doubt.what}: {doubt.fix}", err=True)

    def count(self) -> int:
        return len(self._index.images)

    def problems(self) -> tuple[Skipped, ...]:
        """Return annotations of unknown images, broken categories, and warnings about the input as a whole."""
        return (*self._index.problems, *(Skipped(doubt.reason, doubt.what) for doubt in self.doubts))

    def _turned_pictures(self) -> Iterator[TurnedPicture]:
        """Yield the pictures with an EXIF orientation; only headers are read."""
        for index in evenly(self.count(), _HEADERS):
            entry = self._index.images[index]
            for size in _HEADER_BYTES if entry.refused is None else ():
                with contextlib.suppress(InputError, MissingFileError, PictureRejected, OSError):
                    with opened(read_start(self.file(entry.record["file_name"]), size)) as image:
                        turned = _turned_picture(entry, *sizes_of(image)) if orientation(image) != 1 else None
                    if turned is not None:
                        yield turned
                    break

    def _box_doubts(self) -> list[Doubt]:
        entries = [self._index.images[index] for index in evenly(self.count(), _HEADERS)]
        pictures = []
        for entry in entries:
            with contextlib.suppress(PictureRejected):
                pictures.append((_expected_size(entry), entry.annotations()))
        return check_boxes(pictures)

    def _depth_doubts(self) -> Iterator[Doubt]:
        """Return warnings about depth and intrinsics, from a sample of pictures."""
        with_depth = [i for i, e in enumerate(self._index.images) if e.record.get("depth_file_name") and not e.refused]
        maps: list[MapSigns] = []
        refused: dict[str, list[str]] = {}
        looked_at = 0
        for index in evenly(len(with_depth), _DEPTH_MAPS):
            try:
                found = self.read(with_depth[index])
            except PictureRejected:
                continue
            looked_at += 1
            if found.depth is not None:
                maps.append(signs_of(found.depth.z, found.detections, metres=found.depth.unit == "m"))
            for skipped in found.skipped:
                refused.setdefault(skipped.reason, []).append(f"{found.source_id}: {skipped.detail}")
        for reason, fix in _DEPTH_FIXES.items():
            details = refused.get(reason, [])
            most = len(details) >= 0.5 * looked_at
            if details and (most or reason in _NEVER_RIGHT):
                what = f"{details[0]}, and {len(details)} of {looked_at} pictures looked at are like that"
                yield Doubt(reason, what, fix, most and reason in _NEVER_RIGHT)
        doubts, self._no_reading = check_depth(maps)
        yield from doubts

    def fingerprint(self) -> str:
        """Return SHA-256 over the annotation file, and over name, size, start and end of each picture and depth map."""
        digest = hashlib.sha256(self.annotation_file.read_bytes())
        names: list[object] = []
        root = self.root.resolve()
        for name in self._names():
            try:
                names.append(self._finder.find(name).relative_to(root).as_posix())
            except (InputError, MissingFileError):
                names.append(name)
        digest.update(digest_files(self.root, names).encode())
        return digest.hexdigest()

    def _names(self) -> Iterator[object]:
        for entry in self._index.images:
            yield from (entry.record[key] for key in ("file_name", "depth_file_name") if key in entry.record)

    def load(self, index: int) -> SourcePicture:
        found = self.read(index)
        scene = build_scene(
            width=found.picture.width,
            height=found.picture.height,
            detections=found.detections,
            depth=found.depth.z if found.depth else None,
            camera=found.camera,
            depth_unit=found.depth.unit if found.depth else None,
        )
        return SourcePicture(index, self.name, found.source_id, scene, found.picture.data, found.skipped)

    def read(self, index: int) -> AnnotatedPicture:
        """Read the files' contents for picture ``index``; raises :class:`PictureRejected` if it can't be used."""
        coco = self._index
        entry = coco.images[index]
        if entry.refused is not None:
            raise PictureRejected(*entry.refused, source_id=entry.source_id)
        try:
            path = self.file(entry.record["file_name"])
        except InputError as error:
            raise PictureRejected("path_leaves_folder", str(error), source_id=entry.source_id) from error
        except MissingFileError as error:
            what = f"{error}: give --image_root DIR"
            raise PictureRejected("missing_file", what, source_id=entry.source_id) from error
        turn = partial(self._turn, entry)
        picture = read_annotated_picture(path, source_id=entry.source_id, turn=turn, expected=_expected_size(entry))
        skipped: list[Skipped] = []
        depth, camera = self._depth(entry.record, picture, skipped)
        detections = _Annotations(picture, coco.categories, skipped).detections(entry.annotations())
        return AnnotatedPicture(
            entry.source_id, path, entry.record, picture, detections, depth, camera, tuple(skipped)
        )

    def file(self, name: object) -> Path:
        return self._finder.find(name)

    def _turn(self, entry: CocoImage, stored: Size, shown: Size) -> bool:
        frame = self._frames.of(_turned_picture(entry, stored, shown))
        if frame is None:
            # Tools differ in whether they apply the tag, and a wrong guess would exchange left and right.
            what = "boxes fit the stored and the turned picture: give --box_frame turned or stored"
            raise PictureRejected("orientation_ambiguous", what, source_id=entry.source_id)
        return frame == "turned"

    def _depth(
        self, record: Mapping[str, object], picture: Photograph, skipped: list[Skipped]
    ) -> tuple[DepthMap | None, Camera | None]:
        if record.get("depth_file_name") is None:
            return None, None
        try:
            depth = read_depth(
                self.file(record["depth_file_name"]),
                width=picture.width,
                height=picture.height,
                scale=record.get("depth_scale"),
                unit=record.get("depth_unit"),
            )
        except InputError as error:
            skipped.append(Skipped("depth_path_leaves_folder", str(error)))
            return None, None
        except MissingFileError as error:
            skipped.append(Skipped("missing_depth_file", str(error)))
            return None, None
        except DepthRefusedError as error:
            skipped.append(Skipped(error.reason, error.detail))
            return None, None
        if self._no_reading:
            depth.z[depth.z == self._no_reading] = 0
        try:
            return depth, read_intrinsics(record.get("intrinsics"), picture.width, picture.height)
        except DepthRefusedError as error:
            skipped.append(Skipped(error.reason, error.detail))
            return depth, None


def _turned_picture(entry: CocoImage, stored: Size, shown: Size) -> TurnedPicture:
    return TurnedPicture(stored, shown, _expected_size(entry), entry.annotations())


def _expected_size(entry: CocoImage) -> tuple[int, int] | None:
    """Return width and height that the annotations refer to; ``None`` if the entry has neither."""
    record = entry.record
    if record.get("width") is None and record.get("height") is None:
        return None
    width, height = as_number(record.get("width")), as_number(record.get("height"))
    if width is None or height is None or width <= 0 or height <= 0 or width % 1 or height % 1:
        given = f"{short(record.get('width'))}, {short(record.get('height'))}"
        what = f"width and height: expected whole numbers, got {given}"
        raise PictureRejected("bad_image_entry", what, source_id=entry.source_id)
    return int(width), int(height)


class _UnusableError(Exception):
    """Raised if an annotation can't be used; ``in_picture``: its object may still be in the picture."""

    def __init__(self, reason: str, detail: str, *, in_picture: bool = True) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail, self.in_picture = reason, detail, in_picture


class _Annotations:
    """Reads the annotations of one picture; what is left out or changed is in ``skipped``."""

    def __init__(self, picture: Photograph, categories: Mapping[int | str, object], skipped: list[Skipped]) -> None:
        self._picture, self._categories, self._skipped = picture, categories, skipped
        self._unseen: list[str] = []  # names of objects that are in the picture but were left out

    def detections(self, annotations: list[dict[str, Any]]) -> list[Detection]:
        """Return the usable annotations with their names."""
        found: list[Detection] = []
        seen: dict[int | str, dict[str, Any]] = {}
        for annotation in annotations:
            given = as_id(annotation.get("id"))
            item_id: int | str = given if given is not None else f"annotation-{annotation['number']}"
            what = f"annotation {short(item_id)}"
            name, category = self._name_of(annotation)
            if item_id in seen:
                self._skip("duplicate_annotation_id", f"{what} occurs more than once")
                about = ("category_id", "bbox", "name", "caption")
                if name is not None and any(annotation.get(key) != seen[item_id].get(key) for key in about):
                    self._unseen.append(name)
                continue
            seen[item_id] = annotation
            try:
                found.append(self._usable(annotation, item_id, name, category))
            except _UnusableError as error:
                self._skip(error.reason, f"{what}: {error.detail}")
                if name is not None and error.in_picture:
                    self._unseen.append(name)
        names = with_attributes([d.name for d in found], [d.attributes for d in found])
        detections = [replace(d, name=name) for d, name in zip(found, names, strict=True)]
        known = {d.id for d in detections}
        detections = [d if d.part_of in known and d.part_of != d.id else replace(d, part_of=None) for d in detections]
        return self._without_doubtful_names(detections)

    def _skip(self, reason: str, detail: str) -> None:
        self._skipped.append(Skipped(reason, detail))

    def _without_doubtful_names(self, detections: list[Detection]) -> list[Detection]:
        """Drop objects whose name is unique only because another object with that name was dropped."""
        while self._unseen and detections:
            names = [d.name for d in detections]
            alone = ambiguous_names(names)
            together = ambiguous_names([*names, *self._unseen])
            doubtful = [d for d, a, b in zip(detections, alone, together, strict=False) if b and not a]
            if not doubtful:
                break
            for d in doubtful:
                what = f"annotation {short(d.id)}: another annotation that {d.name!r} may mean was left out"
                self._skip("name_shared_with_skipped", what)
            gone = {d.id for d in doubtful}
            detections = [d for d in detections if d.id not in gone]
            self._unseen += [d.name for d in doubtful]
        return detections

    def _name_of(self, annotation: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Return name (the annotation's own phrase if that is usable, otherwise the category) and category."""
        category_id = as_id(annotation.get("category_id"))
        category = tidy_category(self._categories.get(category_id)) if category_id is not None else None
        own = tidy_phrase(annotation.get("name")) or tidy_phrase(annotation.get("caption"))
        return own or category, category

    def _usable(
        self, annotation: Mapping[str, Any], item_id: int | str, name: str | None, category: str | None
    ) -> Detection:
        if name is None:
            category_id = annotation.get("category_id")
            raise _UnusableError("unknown_category", f"no usable name; category_id {short(category_id)}")
        if annotation.get("iscrowd"):
            raise _UnusableError("crowd", f"a group of {name!r}, not one object")
        what = f"annotation {short(item_id)}"
        mask: BoolArray | None = None
        if annotation.get("segmentation"):
            try:
                mask = mask_of_segmentation(annotation["segmentation"], self._picture.width, self._picture.height)
            except ValueError as error:
                self._skip("bad_segmentation", f"{what}: {error}; its box is used alone")
        return Detection(
            id=item_id,
            name=name,
            box=self._box(annotation, mask, what),
            mask=mask,
            category=category,
            attributes=look_attributes(annotation.get("attributes")),
            part_of=as_id(annotation.get("part_of")),
        )

    def _box(self, annotation: Mapping[str, Any], mask: BoolArray | None, what: str) -> Box:
        """Return the annotation's box as xyxy, clipped to the picture."""
        if annotation.get("bbox") is None and mask is not None:
            return box_of(mask)
        numbers = as_numbers(annotation.get("bbox"), 4)
        if numbers is None:
            raise _UnusableError("bad_box", f"expected x, y, width, height, got {short(annotation.get('bbox'))}")
        x, y, width, height = numbers
        given = f"box {short(list(numbers))}"
        if width <= 0 or height <= 0:
            raise _UnusableError("zero_area_box", given)
        x0, y0 = max(x, 0.0), max(y, 0.0)
        x1, y1 = min(x + width, float(self._picture.width)), min(y + height, float(self._picture.height))
        if x1 <= x0 or y1 <= y0:
            raise _UnusableError("box_outside_picture", given, in_picture=False)
        beyond = max(x0 - x, y0 - y, x + width - x1, y + height - y1)
        if beyond > _CLIP_TOLERANCE:
            self._skip("box_clipped", f"{what}: {given} was cut at the border and kept")
        box = (round(x0, 3), round(y0, 3), round(x1, 3), round(y1, 3))
        if box[2] <= box[0] or box[3] <= box[1]:
            raise _UnusableError("zero_area_box", given)
        if mask is not None and box_overlap(box, box_of(mask)) < _MIN_AGREEMENT:
            raise _UnusableError("box_and_outline_disagree", f"{given}, outline {list(box_of(mask))}")
        return box
