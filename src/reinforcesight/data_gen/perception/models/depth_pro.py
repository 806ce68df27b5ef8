"""Metric depth and field of view by Depth Pro in transformers (Bochkovskii et al., 2024).

Pictures are prepared as in Depth Pro's processor (mean and std 0.5, resized to a square, bilinear without
antialiasing), since that processor requires torchvision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from reinforcesight.arrays import Float32Array
from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction, Picture

if TYPE_CHECKING:
    import torch

# Limits of 1/depth in the model's post-processing.
_LEAST_INVERSE, _MOST_INVERSE = 1e-4, 1e4


def side_of(model: Any) -> int:
    """Return the side of the model's square input, pixels: its patches at the largest scale, without overlap."""
    patch = model.config.patch_size
    side = int(patch if isinstance(patch, int) else patch[0])
    return side * round(1.0 / float(min(model.config.scaled_images_ratios)))


def prepared(pictures: list[Picture], side: int) -> torch.Tensor:
    """Convert uint8 pictures (H, W, 3) of one size to float32 (B, 3, side, side), from -1 to 1."""
    import torch

    values = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255.0
    return torch.nn.functional.interpolate(
        (values - 0.5) / 0.5, size=(side, side), mode="bilinear", align_corners=False, antialias=False
    )


def depth_of(
    canonical: Float32Array, fov_degrees: float | None, width: int
) -> tuple[Float32Array, DepthKind, float | None]:
    """Convert canonical inverse depth (h, w) to z; return z, its kind, and the focal length in pixels.

    Canonical inverse depth is that of a camera with f = width; multiplied by width / f, it is in 1/m. Without a field
    of view, this factor is unknown.
    """
    if fov_degrees is None or not 0 < fov_degrees < 180:
        return 1.0 / np.clip(canonical, _LEAST_INVERSE, _MOST_INVERSE), "scale", None
    focal = 0.5 * width / math.tan(math.radians(fov_degrees) / 2)
    inverse = np.clip(canonical * np.float32(width / focal), _LEAST_INVERSE, _MOST_INVERSE)
    return 1.0 / inverse, "metric", focal


def predictions(model: Any, pictures: list[Picture]) -> list[DepthPrediction]:
    import torch

    width = pictures[0].shape[1]
    pixels = prepared(pictures, side_of(model)).to(model.device, model.dtype)
    with torch.inference_mode():
        outputs = model(pixel_values=pixels)
    maps = outputs.predicted_depth.float().cpu().numpy()  # (B, h, w)
    fields = outputs.field_of_view
    angles = [None] * len(maps) if fields is None else fields.float().reshape(-1).cpu().tolist()
    results = []
    for canonical, angle in zip(maps, angles, strict=True):
        z, kind, focal = depth_of(canonical, angle, width)
        results.append(DepthPrediction(z, kind, focal))
    return results
