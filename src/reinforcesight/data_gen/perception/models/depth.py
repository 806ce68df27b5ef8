"""Monocular depth by transformers models: Depth Anything V2 (relative, metric), Depth Pro, DPT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reinforcesight.arrays import Float32Array
from reinforcesight.data_gen.perception.models import depth_pro
from reinforcesight.data_gen.perception.models.stored_model import StoredModel, in_batches_of_one_size
from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction, Picture


class TransformersDepth(StoredModel):
    """Depth model of ``AutoModelForDepthEstimation``."""

    role = "depth"
    # For other families it is unknown whether they return depth or its inverse, and inverse depth inverts every
    # answer.
    families = frozenset({"depth_anything", "depth_pro", "dpt"})
    expected = "a depth model that is known to give depth or its inverse"
    suggestion = "Depth Anything V2 (relative or metric), Depth Pro, DPT or VGGT"

    @property
    def _is_depth_pro(self) -> bool:
        return bool(self.config["model_type"] == "depth_pro")

    @property
    def kind(self) -> DepthKind:
        if self._is_depth_pro:
            return "metric" if self.config.get("use_fov_model") else "scale"
        # Depth Anything's "metric" models end in a scaled sigmoid (metres), all others in disparity.
        return "metric" if self.config.get("depth_estimation_type") == "metric" else "inverse"

    def _settings(self) -> tuple[object, ...]:
        return (self.kind,)

    def _read(self) -> tuple[Any, Any]:
        from transformers import AutoModelForDepthEstimation

        # transformers.AutoImageProcessor raises an error without torchvision; the class imported here has a fallback.
        from transformers.models.auto.image_processing_auto import AutoImageProcessor

        return self._from_folder(AutoModelForDepthEstimation, None if self._is_depth_pro else AutoImageProcessor)

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]:
        return in_batches_of_one_size(pictures, self._batch_size, self._predict)

    def _predict(self, pictures: list[Picture]) -> list[DepthPrediction]:
        import torch

        processor, model = self._load()
        if self._is_depth_pro:
            made = depth_pro.predictions(model, pictures)
            return [replace(one, values=_rounded(one.values)) for one in made]
        inputs = processor(images=pictures, return_tensors="pt")
        values = inputs["pixel_values"].to(model.device, model.dtype)
        with torch.inference_mode():
            predicted = model(pixel_values=values).predicted_depth
        maps = predicted.float().cpu().numpy()  # (batch, h, w)
        return [DepthPrediction(_rounded(one), self.kind) for one in maps]


def _rounded(values: Float32Array) -> Float32Array:
    """Round to ten bits of mantissa (a relative error of a thousandth); such values compress to half the size."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + np.uint32(1 << 12)) & ~np.uint32((1 << 13) - 1)).view(np.float32)
