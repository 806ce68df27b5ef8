"""Read depth maps of annotated pictures: 16-bit PNG or .npy, checked and resized to the picture."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from reinforcesight.data_gen.sources.data_folder import is_file
from reinforcesight.data_gen.sources.json_values import as_number, short
from reinforcesight.pictures.decode import MAX_BYTES, MAX_PIXELS
from reinforcesight.scene import Camera

# Default units per metre, without depth_scale: millimetres in PNG, as in most RGB-D data sets; metres in .npy.
_PNG_SCALE, _NPY_SCALE = 1000.0, 1.0
# A median outside these shows a wrong scale.
_METRES = (0.001, 1000.0)
_USUAL_METRES = 3.0
# Renderers write 1e10 for the sky: more than so many medians is no reading.
_ENDLESS = 1000.0
# The principal point lies in the middle of the picture, unless it was cropped: its place over the middle.
_MIDDLE = (0.6, 1.6)


class DepthRefusedError(Exception):
    """Raised if a depth map or intrinsics can't be used; the picture is then used without depth."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class DepthMap:
    """Depth along the optical axis: float32 (H, W), in ``unit``; 0 means no measurement."""

    z: npt.NDArray[np.float32]
    unit: Literal["m", "scene"]


def read_depth(path: Path, *, width: int, height: int, scale: object = None, unit: object = None) -> DepthMap:
    """Read a depth map for a picture.

    Args:
        path: 16-bit greyscale PNG, or .npy array of numbers with shape (H, W).
        width, height: Of the picture, pixels. A map with the same aspect ratio is resized to it (nearest neighbour).
        scale: Stored units per metre (or per scene unit); ``None``: 1000 for PNG, 1 for .npy.
        unit: "m", "scene" (known up to a factor), or ``None`` for "m".

    Raises:
        DepthRefusedError: bad_depth_scale, bad_depth_unit, missing_depth_file, unreadable_depth,
            depth_shape_differs, empty_depth, or implausible_depth.
    """
    is_npy = path.suffix.lower() == ".npy"
    if scale is None:
        scale = _NPY_SCALE if is_npy else _PNG_SCALE
    units = as_number(scale)
    if units is None or units <= 0:
        raise DepthRefusedError("bad_depth_scale", f"depth_scale: expected a positive number, got {short(scale)}")
    if unit not in (None, "m", "scene"):
        raise DepthRefusedError("bad_depth_unit", f'depth_unit: expected "m" or "scene", got {short(unit)}')
    if not is_file(path):
        raise DepthRefusedError("missing_depth_file", f"no such file: {path.name}")
    try:
        stored = _read_npy(path) if is_npy else _read_png(path)
    except DepthRefusedError:
        raise
    except Exception as error:  # numpy and Pillow raise many kinds of errors on a broken file
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DepthRefusedError("unreadable_depth", f"{path.name}: {what}") from error
    if stored.shape != (height, width):
        stored = _resized(stored, width, height, path.name)
    with np.errstate(invalid="ignore", over="ignore"):
        z = (stored.astype(np.float64) / units).astype(np.float32)
        valid = np.isfinite(z) & (z > 0)
        if np.issubdtype(stored.dtype, np.integer):
            valid &= stored != np.iinfo(np.uint16).max  # what 16 bits can't hold, or no reading
    if not valid.any():
        raise DepthRefusedError("empty_depth", f"{path.name}: no valid reading")
    median = float(np.median(z[valid]))
    valid &= z <= _ENDLESS * median
    if unit != "scene" and not _METRES[0] <= median <= _METRES[1]:
        likely = units * 10.0 ** round(math.log10(median / _USUAL_METRES))
        what = f"median depth {median:.3g} m with depth_scale {units:g} (units per metre): {likely:g} would fit"
        raise DepthRefusedError("implausible_depth", f"{path.name}: {what}")
    return DepthMap(np.where(valid, z, np.float32(0)), "scene" if unit == "scene" else "m")


def _read_npy(path: Path) -> npt.NDArray[np.generic]:
    # Memory-mapped, so that the shape is checked before the data are read; pickled objects are refused.
    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(stored, np.ndarray):
        raise DepthRefusedError("unreadable_depth", f"{path.name}: expected one array")
    if stored.ndim == 3 and 1 in (stored.shape[0], stored.shape[2]):
        stored = stored[0] if stored.shape[0] == 1 else stored[:, :, 0]
    numeric = np.issubdtype(stored.dtype, np.integer) or np.issubdtype(stored.dtype, np.floating)
    if stored.ndim != 2 or not numeric or not 0 < stored.size <= MAX_PIXELS:
        what = f"expected numbers of shape (H, W), got {stored.dtype} of shape {stored.shape}"
        raise DepthRefusedError("unreadable_depth", f"{path.name}: {what}")
    return np.array(stored)


def _read_png(path: Path) -> npt.NDArray[np.generic]:
    if path.stat().st_size > MAX_BYTES:
        raise DepthRefusedError("unreadable_depth", f"{path.name}: larger than {MAX_BYTES} bytes")
    with Image.open(io.BytesIO(path.read_bytes()), formats=("PNG",)) as image:
        if not image.mode.startswith("I") or image.width * image.height > MAX_PIXELS:
            what = f"expected a 16-bit greyscale PNG, got mode {image.mode}, {image.width}x{image.height}"
            raise DepthRefusedError("unreadable_depth", f"{path.name}: {what}")
        return np.array(image)


def _resized(stored: npt.NDArray[np.generic], width: int, height: int, name: str) -> npt.NDArray[np.generic]:
    rows, columns = stored.shape
    # The aspect ratios may differ by one pixel of rounding in the depth map.
    if abs(columns * height - rows * width) > max(width, height):
        what = f"depth of {columns}x{rows} for a picture of {width}x{height}: different aspect ratio"
        raise DepthRefusedError("depth_shape_differs", f"{name}: {what}")
    pick_row = ((np.arange(height) + 0.5) * rows / height).astype(np.int64)
    pick_column = ((np.arange(width) + 0.5) * columns / width).astype(np.int64)
    resized: npt.NDArray[np.generic] = stored[pick_row[:, None], pick_column[None, :]]
    return resized


def read_intrinsics(values: object, width: int, height: int) -> Camera | None:
    """Return a camera from ``{"fx", "fy", "cx", "cy"}``, pixels of a picture of this size; ``None`` without values.

    Raises:
        DepthRefusedError: bad_intrinsics, or implausible_intrinsics (of another picture size).
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        raise DepthRefusedError("bad_intrinsics", f"intrinsics: expected fx, fy, cx, cy, got {type(values).__name__}")
    numbers: dict[str, float] = {}
    for name in ("fx", "fy", "cx", "cy"):
        value = as_number(values.get(name))
        if value is None:
            raise DepthRefusedError(
                "bad_intrinsics", f"intrinsics: {name} should be a number, got {short(values.get(name))}"
            )
        numbers[name] = value
    if numbers["fx"] <= 0 or numbers["fy"] <= 0:
        raise DepthRefusedError("bad_intrinsics", "intrinsics: fx and fy should be positive")
    across, down = 2 * numbers["cx"] / width, 2 * numbers["cy"] / height
    low, high = _MIDDLE
    if not (low <= across <= high and low <= down <= high):
        what = (
            f"cx, cy = {numbers['cx']:g}, {numbers['cy']:g} are not near the middle of a picture of {width}x{height}"
        )
        of = f"{2 * numbers['cx']:.4g}x{2 * numbers['cy']:.4g}"
        fix = f"they fit one of {of}: scale all four" if max(across, down) > 0.1 else "shares must become pixels"
        raise DepthRefusedError("implausible_intrinsics", f"intrinsics: {what}; {fix}")
    return Camera(**numbers, source="given")
