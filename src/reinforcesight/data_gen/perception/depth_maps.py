"""Check depth maps, compare the maps of two models, and resize maps to their picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction
from reinforcesight.data_gen.source import Skipped

# Relative models give inverse depth with unknown offset, so only its order is known. To apply margins to it, the
# farthest part of the picture is assumed to be this many times as far as the nearest.
_FAR_OVER_NEAR = 4.0
_FLAT_DEPTH = 1.02  # ratio of farthest to nearest depth below which a map counts as flat
_FIT_ROUNDS = 4
_MIN_FIT = 64  # minimum number of pixels with a value in both maps


def depth_fault(values: Float32Array, kind: DepthKind, rules: DetectionThresholds) -> Skipped | None:
    """Return the reason why a depth map can't be used, or ``None``."""
    valid = _has_reading(values, kind)
    share = float(valid.mean()) if valid.size else 0.0
    if share < rules.min_valid_depth:
        return Skipped("invalid_depth", f"{share:.0%} of the picture has depth")
    low, high = (float(v) for v in np.percentile(values[valid], (2, 98)))
    flat = high - low <= 1e-3 * max(abs(high), abs(low)) if kind == "inverse" else high / low < _FLAT_DEPTH
    return Skipped("flat_depth", f"all depth between {low:.4g} and {high:.4g}") if flat else None


def agreeing_depth(
    first: Float32Array,
    first_kind: DepthKind,
    second: Float32Array,
    second_kind: DepthKind,
    rules: DetectionThresholds,
) -> tuple[BoolArray | None, Skipped | None]:
    """Return where two depth maps of one picture agree, bool (H, W), or the reason why they can't be compared.

    The second map is fitted to the first: a scale, or for inverse depth scale and shift, by least squares repeated on
    the better half of the pixels. Two depths agree if their ratio is within ``depth_agreement``. Inverse depths have
    no meaningful ratios; they agree if they differ by less than that fraction of the picture's range.
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
    """Return inverse depth up to scale (and, for relative maps, shift)."""
    if kind == "inverse":
        return values.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 / values.astype(np.float64)


def _robust_line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Fit slope and offset of y over x by least squares, repeated on the half of the points nearest to the line."""
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
    """Convert affine-invariant inverse depth to depth with the same order; the nearest part of the picture gets 1.

    The central 96 % of the values are assumed to span :data:`_FAR_OVER_NEAR`. Non-finite values become 0 (no depth).
    """
    finite = np.isfinite(inverse)
    low, high = np.percentile(inverse[finite], (2, 98))
    least = 1.0 / _FAR_OVER_NEAR
    with np.errstate(invalid="ignore"):
        closeness = least + (1.0 - least) * (inverse.astype(np.float64) - low) / (high - low)
    z = 1.0 / np.clip(np.where(finite, closeness, 1.0), least / 2.0, 2.0)
    return np.asarray(np.where(finite, z, 0.0), dtype=np.float32)


def fitted_reading(depth: DepthPrediction, width: int, height: int) -> Float32Array:
    """Resize a depth map to the picture's size. Missing pixels are NaN in inverse depth and 0 in depth."""
    if depth.kind != "inverse":
        return fitted_depth(depth.values, width, height)
    # Every finite value of inverse depth is valid, so values are shifted above zero before resizing.
    finite = np.isfinite(depth.values)
    low = float(depth.values[finite].min()) if finite.any() else 0.0
    raised = fitted_depth(np.where(finite, depth.values - low + 1.0, 0.0).astype(np.float32), width, height)
    return np.where(raised > 0, raised + np.float32(low - 1.0), np.float32(np.nan))


def fitted_depth(values: Float32Array, width: int, height: int) -> Float32Array:
    """Resize a depth map to the picture's size; pixels next to a pixel without a value become 0."""
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
