"""Depth maps: whether one can be used, where two models agree, and the map at the size of its picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray
from reinforcesight.data_gen.perception.config import GateRules
from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction
from reinforcesight.data_gen.source import Skipped

# Relative models give inverse depth with an unknown offset: only its order is known. To compare it with the margins,
# the farthest part of the picture is assumed to be this many times as far as the nearest.
_FAR_OVER_NEAR = 4.0
_FLAT_DEPTH = 1.02  # farthest over nearest depth of a picture, below which the map holds no depth
_FIT_ROUNDS = 4
_MIN_FIT = 64  # pixels with a reading in both maps


def depth_fault(values: Float32Array, kind: DepthKind, rules: GateRules) -> Skipped | None:
    """Why a depth map can't be used, or ``None``."""
    valid = _has_reading(values, kind)
    share = float(valid.mean()) if valid.size else 0.0
    if share < rules.min_valid_depth:
        return Skipped("invalid_depth", f"{share:.0%} of the picture has depth")
    low, high = (float(v) for v in np.percentile(values[valid], (2, 98)))
    flat = high - low <= 1e-3 * max(abs(high), abs(low)) if kind == "inverse" else high / low < _FLAT_DEPTH
    return Skipped("flat_depth", f"all depth between {low:.4g} and {high:.4g}") if flat else None


def agreeing_depth(
    first: Float32Array, first_kind: DepthKind, second: Float32Array, second_kind: DepthKind, rules: GateRules
) -> tuple[BoolArray | None, Skipped | None]:
    """Where two depth maps of one picture agree, bool (H, W), or why they can't be compared.

    The second map is fitted to the first by its scale (inverse depth: scale and shift; least squares, repeated on the
    better half). Two depths agree where their ratio is within ``depth_agreement``; inverse depths, whose ratios mean
    nothing, where they differ by less than that share of the picture's range.
    """
    both = _has_reading(first, first_kind) & _has_reading(second, second_kind)
    if int(both.sum()) < _MIN_FIT:
        return None, Skipped("depth_models_disagree", "almost no pixel has both depths")
    agree = np.zeros(first.shape, dtype=bool)
    if "inverse" in (first_kind, second_kind):
        target, given = _closeness(first, first_kind)[both], _closeness(second, second_kind)[both]
        low, high = np.percentile(target, (2, 98))
        slope, offset = _robust_line(given, target)
        if slope <= 0 or high <= low:
            return None, Skipped("depth_models_disagree", "what is near in one map is far in the other")
        agree[both] = np.abs(slope * given + offset - target) <= rules.depth_agreement * (high - low)
    else:
        ratio = np.log(first[both].astype(np.float64)) - np.log(second[both].astype(np.float64))
        agree[both] = np.abs(ratio - np.median(ratio)) <= np.log1p(rules.depth_agreement)
    share = float(agree.sum() / both.sum())
    if share < rules.min_valid_depth:
        return None, Skipped("depth_models_disagree", f"they agree on {share:.0%} of the picture")
    return agree, None


def _has_reading(values: Float32Array, kind: DepthKind) -> BoolArray:
    finite = np.isfinite(values)
    return finite if kind == "inverse" else finite & (values > 0)


def _closeness(values: Float32Array, kind: DepthKind) -> FloatArray:
    """Inverse depth up to scale (and, for relative maps, shift)."""
    if kind == "inverse":
        return values.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 / values.astype(np.float64)


def _robust_line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and offset of y over x by least squares, repeated on the half of the points that is nearest the line."""
    chosen = np.ones(x.size, dtype=bool)
    slope, offset = 0.0, float(np.median(y))
    for _ in range(_FIT_ROUNDS):
        deviation = x[chosen] - x[chosen].mean()
        spread = float(deviation @ deviation)
        if spread <= 0:
            break
        slope = float(deviation @ y[chosen]) / spread
        offset = float(y[chosen].mean() - slope * x[chosen].mean())
        distance = np.abs(slope * x + offset - y)
        chosen = distance <= np.median(distance)
    return slope, offset


def depth_in_scene_units(inverse: Float32Array) -> Float32Array:
    """Depth with the order of an affine-invariant inverse depth: 1 at the nearest part of the picture.

    The central 96 % of the values span :data:`_FAR_OVER_NEAR`, which is an assumption. Values that are not finite give
    no depth (zero).
    """
    finite = np.isfinite(inverse)
    low, high = np.percentile(inverse[finite], (2, 98))
    least = 1.0 / _FAR_OVER_NEAR
    with np.errstate(invalid="ignore"):
        closeness = least + (1.0 - least) * (inverse.astype(np.float64) - low) / (high - low)
    z = 1.0 / np.clip(np.where(finite, closeness, 1.0), least / 2.0, 2.0)
    return np.asarray(np.where(finite, z, 0.0), dtype=np.float32)


def fitted_reading(depth: DepthPrediction, width: int, height: int) -> Float32Array:
    """A prediction at the picture's size, of its own kind; NaN or zero where there is no reading."""
    if depth.kind != "inverse":
        return fitted_depth(depth.values, width, height)
    # Of inverse depth any finite value counts: it is moved above zero for the resizing.
    finite = np.isfinite(depth.values)
    low = float(depth.values[finite].min()) if finite.any() else 0.0
    raised = fitted_depth(np.where(finite, depth.values - low + 1.0, 0.0).astype(np.float32), width, height)
    return np.where(raised > 0, raised + np.float32(low - 1.0), np.float32(np.nan))


def fitted_depth(values: Float32Array, width: int, height: int) -> Float32Array:
    """A depth map at the picture's size; pixels next to one without a reading get none (zero)."""
    if values.shape == (height, width):
        return values
    valid = np.isfinite(values) & (values > 0)
    clean = Image.fromarray(np.where(valid, values, 0.0).astype(np.float32))
    size = (width, height)
    fitted = np.array(clean.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    if not valid.all():
        share = Image.fromarray(valid.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        fitted[np.asarray(share) < 0.999] = 0.0
    return fitted
