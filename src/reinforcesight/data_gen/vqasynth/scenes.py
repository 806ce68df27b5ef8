"""Convert a row of VQASynth to a scene; masks, captions, depth and focal length are used, its labels are not.

Columns, as VQASynth writes them (remyxai/VQASynth at commit 4a4dc1b):

* ``masks``: N images of 0 and 255, each (H, W), or (1, H, W) if SAM 2 got several boxes at once
  (``vqasynth/localize.py``, ``LocationRefiner.run`` and ``Localizer.run``);
* ``bboxes_or_points``: N times [x0, y0, x1, y1] (Florence-2) or [x, y] (Molmo), pixels (same file);
* ``captions``: N texts;
* ``depth_map``: floats (h, w) in VGGT's unit, of the picture resized to a width of 518 pixels and a height that is a
  multiple of 14; at most the middle 518 rows (``vqasynth/scene_fusion.py``, ``preprocess_images`` in mode "crop",
  ``create_point_cloud_from_model``);
* ``focallength``: VGGT's fx in pixels of that resized picture (``extract_focal_from_intrinsic``);
* ``pointclouds``: paths of .pcd files, and ``is_canonicalized``: whether ``canonicalize_point_cloud`` rotated them.

**z-axis.** For a level camera, that rotation is diag(-1, 1, -1) followed by half a turn about z: it negates z and y.
It is applied only to the clouds, after ``depth_map`` is stored. So depth is read from the map, and the clouds are not
opened: the rotation is not stored, and for a pitched camera their z is not the depth. If a row is marked as
canonicalized and its depth map has only negative values, the map was negated with the clouds; its sign is restored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reinforcesight.arrays import BoolArray, Float32Array
from reinforcesight.data_gen.perception.camera import MAX_FOV_DEGREES, MIN_FOV_DEGREES
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.depth_maps import depth_fault, fitted_depth
from reinforcesight.data_gen.perception.filtering import (
    FilteredDetections,
    Query,
    filter_boxes,
    filter_masks,
    filter_names,
)
from reinforcesight.data_gen.perception.geometry import build_scene
from reinforcesight.data_gen.perception.perceive import Perceived
from reinforcesight.data_gen.perception.protocols import GroundedBox, SegmentedMask
from reinforcesight.data_gen.source import PictureRejected, Skipped
from reinforcesight.data_gen.vqasynth.binding import BoundCaptions, bind_captions
from reinforcesight.scene import Camera

_PATCH = 14  # VGGT's patch size: preprocess_images rounds the resized height to a multiple of it


@dataclass(frozen=True, slots=True)
class VqasynthRow:
    """Columns of one row that are used."""

    masks: BoolArray | None  # (N, H, W)
    prompts: Sequence[Sequence[float]]  # boxes or points, N lists of four or two pixel coordinates
    captions: Sequence[str | None]
    depth: Float32Array | None = None  # (h, w)
    focal: float | None = None  # in pixels of the depth map
    canonicalized: bool = False  # whether the point clouds were rotated


def scene_of_row(
    row: VqasynthRow, *, width: int, height: int, source_id: str, rules: DetectionThresholds | None = None
) -> Perceived:
    """Convert one row to a scene.

    The depth unit is "scene" (VGGT's, up to scale), and the camera comes from the row's focal length. Without usable
    depth, only picture relations can be asked. Rows have no scores, so every detection passes the filters on scores.

    Raises:
        PictureRejected: no_masks, mask_size or captions_unbound.
    """
    rules = rules or DetectionThresholds()
    bound = _bound(row, width, height, source_id, rules)
    filtered = _filtered(bound, width, height, rules)
    skipped = [*bound.skipped, *filtered.skipped]
    detections = filtered.detections()
    z = _usable_depth(row, width, height, rules, skipped)
    if z is None:
        scene = build_scene(width=width, height=height, detections=detections)
    else:
        assert row.depth is not None
        camera = _camera(row.focal, row.depth.shape[1], width, height, skipped)
        scene = build_scene(
            width=width, height=height, detections=detections, depth=z, camera=camera, depth_unit="scene"
        )
    return Perceived(scene, tuple(skipped))


def _bound(row: VqasynthRow, width: int, height: int, source_id: str, rules: DetectionThresholds) -> BoundCaptions:
    if row.masks is None or len(row.masks) == 0:
        raise PictureRejected("no_masks", "VQASynth localised nothing in this picture", source_id=source_id)
    if row.masks.shape[1:] != (height, width):
        seen = f"{row.masks.shape[2]}x{row.masks.shape[1]}"
        detail = f"masks of {seen} pixels, the picture has {width}x{height}"
        raise PictureRejected("mask_size", detail, source_id=source_id)
    try:
        return bind_captions(list(row.masks), row.prompts, row.captions, least_overlap=rules.mask_box)
    except ValueError as error:
        raise PictureRejected("captions_unbound", str(error), source_id=source_id) from error


def _filtered(bound: BoundCaptions, width: int, height: int, rules: DetectionThresholds) -> FilteredDetections:
    """Remove parts, duplicates, impossible boxes and objects with ambiguous names."""
    queries = [Query(thing.name, thing.category) for thing in bound.things]
    boxes = [GroundedBox(number, thing.box, 1.0) for number, thing in enumerate(bound.things)]
    filtered = filter_boxes(boxes, queries, width=width, height=height, rules=rules)
    filtered.unseen.extend(bound.unseen)
    # Of two objects with the same name and box, the first one was accepted.
    mask_of = {(thing.name, thing.box): thing.mask for thing in reversed(bound.things)}
    masks = [SegmentedMask(mask_of[item.name, item.box], 1.0) for item in filtered.found]
    return filter_names(filter_masks(filtered, masks, rules))


def _usable_depth(
    row: VqasynthRow, width: int, height: int, rules: DetectionThresholds, skipped: list[Skipped]
) -> Float32Array | None:
    """Return z of every pixel of the picture, 0 where unknown, or ``None`` if there is no usable depth."""
    values = row.depth
    if values is None:
        skipped.append(Skipped("no_depth", "the row has no depth map"))
        return None
    readings = values[np.isfinite(values) & (values != 0)]
    if row.canonicalized and readings.size and bool((readings < 0).all()):
        values = -values
        skipped.append(Skipped("depth_sign_restored", "every depth was negative in a canonicalized row"))
    fault = depth_fault(values, "scale", rules)
    if fault is not None:
        skipped.append(fault)
        return None
    whole = _uncropped(values, width, height)
    if whole is None:
        detail = f"{values.shape[1]}x{values.shape[0]} does not fit a picture of {width}x{height}"
        skipped.append(Skipped("depth_size", detail))
        return None
    return fitted_depth(whole, width, height)


def _uncropped(values: Float32Array, width: int, height: int) -> Float32Array | None:
    """Add zeros for the rows that VQASynth cut off a depth map; return ``None`` if its shape does not fit the picture.

    ``preprocess_images`` resizes to a width w and a height round(H * w / W / 14) * 14, and keeps only the middle w
    rows if the height is larger.
    """
    rows, columns = values.shape
    exact = height * columns / width
    full = max(round(exact / _PATCH) * _PATCH, _PATCH)
    if abs(rows - exact) <= _PATCH / 2 + 0.5:
        return values
    if rows == columns and full > rows:
        above = (full - rows) // 2
        return np.pad(values, ((above, full - rows - above), (0, 0)))
    return None


def _camera(focal: float | None, columns: int, width: int, height: int, skipped: list[Skipped]) -> Camera | None:
    """Return intrinsics in pixels of the picture, centred as in VGGT, or ``None`` for the default lens."""
    if focal is not None and math.isfinite(focal) and focal > 0:
        scaled = focal * width / columns
        fov = math.degrees(2.0 * math.atan(max(width, height) / 2.0 / scaled))
        if MIN_FOV_DEGREES <= fov <= MAX_FOV_DEGREES:
            return Camera.centred(scaled, width, height, "model")
    skipped.append(Skipped("focal_length", f"{focal!r} pixels at a width of {columns} is not a possible lens"))
    return None
