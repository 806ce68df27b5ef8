"""Compute robust depth and position of objects in the camera frame from depth maps and masks.

The centre of pixel (column c, row r) is at (c + 0.5, r + 0.5); the default principal point is at W / 2, H / 2. Depth
is z along the optical axis; zero, negative, infinite and NaN mean "no value".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reinforcesight.data_gen.perception.contacts import ContourRules, OutlineMap
from reinforcesight.data_gen.perception.floor import find_floor
from reinforcesight.data_gen.perception.mask_checks import (
    holding_others,
    inner_pixels,
    otsu,
    rim_pixels,
    two_layers,
    visible_shares,
)
from reinforcesight.data_gen.perception.nearest import percentiles, smallest_distances
from reinforcesight.pictures.boxes import box_area, shared_area
from reinforcesight.scene import Camera, Floor, ObjectId, Scene, SceneObject

# Along the long side, a phone's main camera has 65 to 75 degrees and a normal lens 55: a value in between.
_DEFAULT_FOV_DEGREES = 60.0
# Distance of the centre behind the median visible point, in units of the thickness (measured at that point, so
# slightly too small): 0.95 for a ball, 1.1 for a box seen face-on, less for objects seen from above.
CENTRE_BEHIND_SURFACE = 0.8
_SHARED_BOX_REST = 0.35  # minimum fraction of a box that must remain without the part that a larger box covers
_SHARED_BOX_COVER = 0.25  # the depth may belong to another box that covers at least this fraction ...
_SHARED_BOX_DEPTH = 0.15  # ... if the logarithm of the ratio of their depths is below this
_COVERED_BOX = 0.9  # share of a box from which another one covers it almost wholly
_BESIDE = 0.05  # logarithm of the ratio of the depths in a box and beside it, below which they may be one surface
_BARS = 0.03  # share of a box that is nearer, from which that may be the bars of an open thing
_NO_DEPTH = {
    **dict.fromkeys(("depth", "depth_spread", "depth_near", "depth_far", "centre", "thickness", "depth_shared_with")),
    "depth_views": (),
}
_SAMPLES = 4096  # pixels used of one object; more do not change the quantiles
_SURFACE_SAMPLES = 200  # points inside an outline, kept for the distance between two surfaces ...
_RIM_SAMPLES = 300  # ... and points on its rim, where things touch what they stand on


@dataclass(frozen=True, slots=True)
class Detection:
    """Annotated or detected object before its depth is known; see SceneObject for other fields.

    Attributes:
        mask: Visible pixels, bool (H, W), or ``None`` if only the box is known.
        truncated: Whether the picture border cuts the object; ``None``: decided by whether the box touches the border.
        hidden_by: For each other object, the number of pixels of this object that it occludes, if known.
    """

    id: int | str
    name: str
    box: tuple[float, float, float, float]
    mask: BoolArray | None = None
    category: str | None = None
    attributes: tuple[str, ...] = ()
    visible_fraction: float | None = None
    truncated: bool | None = None
    part_of: int | str | None = None
    hidden_by: Mapping[ObjectId, int] | None = None


def default_camera(width: int, height: int) -> Camera:
    """Return intrinsics for an unknown lens: 60 degrees along the long side, centred, square pixels."""
    focal = max(width, height) / 2.0 / math.tan(math.radians(_DEFAULT_FOV_DEGREES) / 2.0)
    return Camera.centred(focal, width, height, "default")


def unproject(columns: npt.ArrayLike, rows: npt.ArrayLike, depth: npt.ArrayLike, camera: Camera) -> FloatArray:
    """Return camera-frame points (N, 3) for integer pixel columns and rows (N,) and depth z (N,)."""
    z = np.asarray(depth, dtype=np.float64)
    x = (np.asarray(columns, dtype=np.float64) + 0.5 - camera.cx) / camera.fx * z
    y = (np.asarray(rows, dtype=np.float64) + 0.5 - camera.cy) / camera.fy * z
    return np.stack([x, y, z], axis=-1)


def valid_depth(depth: Float32Array) -> BoolArray:
    """Return which pixels of a depth map have a value, bool (H, W)."""
    with np.errstate(invalid="ignore"):
        return np.isfinite(depth) & (depth > 0)


def build_scene(
    *,
    width: int,
    height: int,
    detections: Sequence[Detection],
    depth: Float32Array | None = None,
    camera: Camera | None = None,
    depth_unit: Literal["m", "scene"] | None = None,
    look_for_floor: bool = True,
    depth_views: Sequence[Float32Array] = (),
    contour_rules: ContourRules = ContourRules(),  # noqa: B008
) -> Scene:
    """Build a scene from detections and an optional depth map.

    Args:
        width: Picture width, pixels.
        height: Picture height, pixels.
        detections: Objects, with boxes inside the picture.
        depth: z per pixel, (H, W) of the picture.
        camera: Intrinsics; ``None``: :func:`default_camera`. They are stored in the scene.
        depth_unit: Unit of depth; "m" by default.
        look_for_floor: Whether to search for a floor plane, which is only recorded.
        depth_views: Depth of the picture, estimated from other views of it, each (H, W).
        contour_rules: Settings of contacts and carriers.

    Raises:
        ValueError: The depth map has another size than the picture, or a box is invalid.
    """
    if depth is None:
        objects = tuple(_flat_object(d, width, height) for d in detections)
        return Scene(width=width, height=height, objects=objects)
    if depth.shape != (height, width):
        raise ValueError(f"expected depth of shape {(height, width)} as the picture, got {depth.shape}")
    camera = camera or default_camera(width, height)
    valid = valid_depth(depth)
    detections = _with_visible_shares(detections, np.where(valid, depth, 0.0))
    built = [_solid_object(d, detections, depth, valid, camera, depth_views) for d in detections]
    marked = _mark_shared_depth([item for item, _, _ in built], [layered for _, _, layered in built])
    # Without points, the depth may be another object's: it only counted for the marks.
    objects = tuple(
        item if points is not None else item.model_copy(update=_NO_DEPTH)
        for item, (_, points, _) in zip(marked, built, strict=True)
    )
    floor: Floor | None = None
    if look_for_floor:
        rows, columns = _background_pixels(detections, valid)
        floor = find_floor(unproject(columns, rows, depth[rows, columns], camera))
    outlines = OutlineMap([d.mask for d in detections], depth, valid, contour_rules)
    masks = {number: d.mask for number, d in enumerate(detections) if d.mask is not None}
    merged = holding_others(masks, np.where(valid, depth, 0.0))
    objects = tuple(
        item.model_copy(
            update={"floor_clearance": clearance, "carrier_base": base, "merged": item.merged or number in merged}
        )
        for number, (item, (clearance, base)) in enumerate(
            zip(objects, outlines.clearances(camera, floor), strict=True)
        )
    )
    touching = _touching_distances(outlines, depth, camera) if contour_rules.contact_distances else {}
    return Scene(
        width=width,
        height=height,
        depth_unit=depth_unit or "m",
        camera=camera,
        objects=objects,
        surface_distances=_surface_distances([points for _, points, _ in built], touching),
        floor=floor,
        contacts=outlines.contacts([d.id for d in detections], [d.hidden_by for d in detections]),
        outline_gaps=outlines.gaps(),
    )


def _with_visible_shares(detections: Sequence[Detection], depth: Float32Array) -> Sequence[Detection]:
    """Return the detections; missing visible fractions are estimated from the masks in front."""
    masks = {number: d.mask for number, d in enumerate(detections) if d.mask is not None}
    if all(d.visible_fraction is not None for d in detections) or len(masks) < 2:
        return detections
    shares = visible_shares(masks, depth)
    return [
        replace(d, visible_fraction=shares.get(number)) if d.visible_fraction is None else d
        for number, d in enumerate(detections)
    ]


def _flat_object(d: Detection, width: int, height: int) -> SceneObject:
    return SceneObject(
        id=d.id,
        name=d.name,
        box=d.box,
        category=d.category,
        attributes=d.attributes,
        visible_fraction=d.visible_fraction,
        truncated=_touches_border(d.box, width, height) if d.truncated is None else d.truncated,
        masked=d.mask is not None,
        part_of=d.part_of,
    )


def _touches_border(box: Sequence[float], width: int, height: int) -> bool:
    return box[0] <= 1 or box[1] <= 1 or box[2] >= width - 1 or box[3] >= height - 1


def _solid_object(
    d: Detection,
    all_detections: Sequence[Detection],
    depth: Float32Array,
    valid: BoolArray,
    camera: Camera,
    views: Sequence[Float32Array] = (),
) -> tuple[SceneObject, FloatArray | None, bool]:
    """Return an object with depth and position, its surface points (N, 3), and whether its box has layers.

    The points are ``None`` if there is no depth, or if it may be that of something else.
    """
    layered = False
    height, width = depth.shape
    flat = _flat_object(d, width, height)
    outline, (top, left) = _own_pixels(d, all_detections, width, height)
    crop = (slice(top, top + outline.shape[0]), slice(left, left + outline.shape[1]))
    rows, columns = np.nonzero(outline)
    if rows.size == 0:
        return flat, None, layered
    if rows.size > _SAMPLES:
        # Evenly spaced in raster order, so that the choice is deterministic.
        pick = np.linspace(0, rows.size - 1, _SAMPLES).astype(np.int64)
        rows, columns = rows[pick], columns[pick]
    rows, columns = rows + top, columns + left
    read = valid[rows, columns]
    fraction = np.count_nonzero(read) / read.size
    rows, columns = rows[read], columns[read]
    if rows.size < 8:
        return flat.model_copy(update={"valid_depth_fraction": fraction}), None, layered
    z = depth[rows, columns].astype(np.float64)
    if d.mask is None:
        chosen = _foreground(z)
        rows, columns, z = rows[chosen], columns[chosen], z[chosen]
        left, top_row, right, bottom = (round(v) for v in d.box)
        boxed = (slice(top_row, bottom), slice(left, right))
        bars = depth[boxed][valid[boxed]] < math.exp(-_SHARED_BOX_DEPTH) * np.median(z)
        layered = bool(not chosen.all() or bars.mean() >= _BARS)
    low, sixteenth, middle, high, far = percentiles(z, 5, 16, 50, 84, 95)
    points = unproject(columns, rows, z, camera)
    x0, y0, x1, y1 = d.box
    thickness = 0.5 * min((x1 - x0) / camera.fx, (y1 - y0) / camera.fy) * middle
    surface = np.median(points, axis=0)
    centre = surface * (1.0 + CENTRE_BEHIND_SURFACE * thickness / float(np.linalg.norm(surface)))
    item = flat.model_copy(
        update={
            "depth": middle,
            "depth_spread": (high - sixteenth) / 2.0,
            "depth_near": low,
            "depth_far": far,
            "depth_views": _view_depths(views, rows, columns),
            "centre": (float(centre[0]), float(centre[1]), float(centre[2])),
            "thickness": thickness,
            "valid_depth_fraction": fraction,
            "merged": d.mask is not None
            and two_layers(outline & valid[crop], d.mask[crop] & valid[crop], depth[crop]),
        }
    )
    if layered and _goes_on_beside(rows, z, d.box, depth, valid):
        return item, None, layered
    keep = np.linspace(0, len(points) - 1, min(len(points), _SURFACE_SAMPLES)).astype(np.int64)
    cloud, z = points[keep], z[keep]
    if d.mask is not None:
        rim_rows, rim_columns = rim_pixels(d.mask & valid)
        keep = np.linspace(0, len(rim_rows) - 1, min(len(rim_rows), _RIM_SAMPLES)).astype(np.int64)
        rim_rows, rim_columns = rim_rows[keep], rim_columns[keep]
        rim_z = depth[rim_rows, rim_columns].astype(np.float64)
        cloud = np.concatenate([cloud, unproject(rim_columns, rim_rows, rim_z, camera)])
        z = np.concatenate([z, rim_z])
    # Without outliers on the outline, which would make any two surfaces touch.
    near = np.abs(z - middle) <= 3.0 * max(high - sixteenth, 0.02 * middle)
    return item, cloud[near], layered


def _view_depths(
    views: Sequence[Float32Array], rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> tuple[float, ...]:
    """Return the median depth of an object's pixels in each view; empty if a view has no value there."""
    medians = []
    for view in views:
        z = view[rows, columns]
        read = z[valid_depth(z)]
        if read.size:
            medians.append(float(np.median(read)))
    return tuple(medians) if len(medians) == len(views) else ()


def _mark_shared_depth(objects: Sequence[SceneObject], layered: Sequence[bool]) -> tuple[SceneObject, ...]:
    """Mark objects without a mask whose depth may belong to another object whose box covers much of theirs.

    In a box with layers of depth that another box covers almost wholly, it is enough that the other object has this
    depth anywhere.
    """

    def other_owner(item: SceneObject, layers: bool) -> int | str | None:
        if item.masked or item.depth is None:
            return None
        for other in objects:
            if other.id == item.id or other.depth is None:
                continue
            cover = shared_area(item.box, other.box) / box_area(item.box)
            low = high = other.depth
            if layers and cover >= _COVERED_BOX:
                low, high = other.depth_near or low, other.depth_far or high
            inside = low * math.exp(-_SHARED_BOX_DEPTH) < item.depth < high * math.exp(_SHARED_BOX_DEPTH)
            if inside and cover >= _SHARED_BOX_COVER:
                return other.id
        return None

    owners = [other_owner(item, layers) for item, layers in zip(objects, layered, strict=True)]
    return tuple(
        item.model_copy(update={"depth_shared_with": owner}) for item, owner in zip(objects, owners, strict=True)
    )


def _own_pixels(
    d: Detection, all_detections: Sequence[Detection], width: int, height: int
) -> tuple[BoolArray, tuple[int, int]]:
    """Return the pixels that belong to an object, as a crop, and the crop's (row, column) in the picture."""
    x0, y0, x1, y1 = d.box
    left, top = max(int(x0), 0), max(int(y0), 0)
    right, bottom = min(math.ceil(x1), width), min(math.ceil(y1), height)
    if d.mask is not None:
        return eroded(d.mask[top:bottom, left:right]), (top, left)
    # Without a mask: the inner part of the box, without the smaller boxes in it.
    inner = np.zeros((bottom - top, right - left), dtype=bool)
    margin_y, margin_x = int(0.15 * inner.shape[0]), int(0.15 * inner.shape[1])
    inner[margin_y : inner.shape[0] - margin_y, margin_x : inner.shape[1] - margin_x] = True
    area = (x1 - x0) * (y1 - y0)
    for larger in (False, True):
        for other in all_detections:
            ox0, oy0, ox1, oy1 = other.box
            if other.id == d.id or ((ox1 - ox0) * (oy1 - oy0) >= area) is not larger:
                continue
            rest = inner.copy()
            r0, r1 = max(int(oy0) - top, 0), max(math.ceil(oy1) - top, 0)
            c0, c1 = max(int(ox0) - left, 0), max(math.ceil(ox1) - left, 0)
            rest[r0:r1, c0:c1] = False
            # Pixels inside a larger box may belong to either object, so they are left out if enough others remain (a
            # cup on a table has no pixels outside the table's box).
            if not larger or rest.sum() >= _SHARED_BOX_REST * inner.sum():
                inner = rest
    return inner, (top, left)


def eroded(mask: BoolArray) -> BoolArray:
    """Return a mask without its border, where depth maps mix object and background; a small mask is not changed.

    The border is about a twentieth of the object's size wide, from one to four pixels.
    """
    count = np.count_nonzero(mask)
    steps = int(np.clip(round(0.05 * math.sqrt(count)), 1, 4))
    core = mask
    for _ in range(steps):
        core = inner_pixels(core)
    return core if np.count_nonzero(core) >= max(16, 0.25 * count) else mask


def _goes_on_beside(
    rows: IntArray, z: FloatArray, box: Sequence[float], depth: Float32Array, valid: BoolArray
) -> bool:
    """Return whether the depth read in a box may be that of the background, or of a larger object in front.

    This is so if a strip to the left or right of the box has most of the depths ``z`` (N,) in the same ``rows`` (N,),
    or their median along the middle half of the box's height.
    """
    x0, y0, x1, y1 = (round(v) for v in box)
    wide, quarter = max(2, (x1 - x0) // 6), (y1 - y0) // 4
    for strip in (slice(max(0, x0 - wide), x0), slice(x1, x1 + wide)):
        beside = np.where(valid[y0:y1, strip], depth[y0:y1, strip], 0.0)
        if beside.shape[1]:
            with np.errstate(divide="ignore"):
                apart = np.abs(np.log(z / np.median(beside, axis=1)[np.clip(rows - y0, 0, len(beside) - 1)]))
            middle = beside[quarter : len(beside) - quarter]
            read = middle[middle > 0]
            alike = read.size > 0 and abs(math.log(float(np.median(z)) / float(np.median(read)))) < _BESIDE
            if alike or (apart < _BESIDE).mean() >= 0.5:
                return True
    return False


def _foreground(z: FloatArray) -> BoolArray:
    """Return which depth values in a box belong to the object in front, bool (N,).

    A box also contains background. If the depths form two clear layers (Otsu's threshold on log depth, means at least
    15 % apart) and the nearer layer has from half to 98 % of the values, the nearer layer is the object. Otherwise all
    values are kept, and their large spread prevents claims about depth.
    """
    chosen = np.ones(z.size, dtype=bool)
    for _ in range(2):
        values = np.log(z[chosen])
        if float(np.ptp(values)) < 0.14:
            break
        threshold = otsu(values)
        near = values <= threshold
        share = float(near.mean())
        if share < 0.5 or share > 0.98:
            break
        if float(values[~near].mean() - values[near].mean()) < 0.14:
            break
        chosen[np.flatnonzero(chosen)[~near]] = False
    return chosen


def _touching_distances(outlines: OutlineMap, depth: Float32Array, camera: Camera) -> dict[tuple[int, int], float]:
    """Return the distance between each object and what it rests on: the median over the pixels where they touch.

    Seen at a low angle, the far part of a table is few of its pixels, and its point cloud has none there.
    """
    found = {}
    for pair, (rows, columns) in outlines.resting.items():
        above, below = (unproject(columns, r, depth[r, columns], camera) for r in (rows, rows + 1))
        found[pair] = float(np.median(np.linalg.norm(above - below, axis=1)))
    return found


def _surface_distances(
    clouds: Sequence[FloatArray | None], touching: Mapping[tuple[int, int], float]
) -> tuple[tuple[float | None, ...], ...]:
    """Return the smallest distance between each two point clouds as a symmetric table; ``None`` for a missing cloud.

    Args:
        clouds: (N, 3) each.
        touching: Distances that were measured where two objects touch; the smaller one counts.
    """
    trees = [cKDTree(cloud) if cloud is not None and len(cloud) else None for cloud in clouds]
    count = len(clouds)
    table: list[list[float | None]] = [[None] * count for _ in range(count)]
    for i in range(count):
        if trees[i] is not None:
            table[i][i] = 0.0
        for j in range(i):
            first, second = trees[i], trees[j]
            if first is None or second is None:
                continue
            # The second percentile instead of the minimum: robust to outliers.
            least = []
            for tree, cloud in ((first, np.asarray(second.data)), (second, np.asarray(first.data))):
                count = min(len(cloud), int(0.02 * len(cloud)) + 2)
                least.append(percentiles(smallest_distances(tree, cloud, count), 2)[0])
            least += [touching[pair] for pair in ((i, j), (j, i)) if pair in touching]
            table[i][j] = table[j][i] = min(least)
    return tuple(tuple(row) for row in table)


def _background_pixels(detections: Sequence[Detection], valid: BoolArray) -> tuple[IntArray, IntArray]:
    """Return rows and columns of about four thousand pixels with depth outside all objects."""
    free = valid.copy()
    for d in detections:
        if d.mask is not None:
            free &= ~d.mask
        else:
            free[int(d.box[1]) : math.ceil(d.box[3]), int(d.box[0]) : math.ceil(d.box[2])] = False
    step = max(1, math.isqrt(free.size // 4096))
    rows, columns = np.nonzero(free[::step, ::step])
    return rows * step, columns * step
