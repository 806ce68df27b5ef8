"""Monocular depth by a transformers model: Depth Anything V2 (relative, metric), Depth Pro, DPT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from reinforcesight.arrays import Float32Array
from reinforcesight.data_gen.perception.models import depth_pro
from reinforcesight.data_gen.perception.models.stored_model import Loading, StoredModel, in_batches_of_one_size
from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction, Picture
from reinforcesight.errors import InputError


class TransformersDepth(StoredModel):
    """A depth model of ``AutoModelForDepthEstimation``."""

    def __init__(self, model: str, **loading: Unpack[Loading]) -> None:
        super().__init__(model, **loading)
        self.kind = _kind_of(self.config, model)
        self._depth_pro = self.config.get("model_type") == "depth_pro"

    @property
    def identity(self) -> str:
        return self._identity("depth", self.kind)

    def _read(self) -> tuple[Any, Any]:
        from transformers import AutoModelForDepthEstimation

        # transformers.AutoImageProcessor refuses to work without torchvision; the class itself falls back.
        from transformers.models.auto.image_processing_auto import AutoImageProcessor

        return self._from_folder(
            AutoModelForDepthEstimation,
            None if self._depth_pro else AutoImageProcessor,
            expected="a depth estimation model",
        )

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]:
        return in_batches_of_one_size(pictures, self._batch_size, self._predict)

    def _predict(self, pictures: list[Picture]) -> list[DepthPrediction]:
        import torch

        processor, model = self._load()
        if self._depth_pro:
            made = depth_pro.predictions(model, pictures)
            return [replace(one, values=_rounded(one.values)) for one in made]
        inputs = processor(images=pictures, return_tensors="pt")
        values = inputs["pixel_values"].to(model.device, model.dtype)
        with torch.inference_mode():
            predicted = model(pixel_values=values).predicted_depth
        maps = predicted.float().cpu().numpy()  # (batch, h, w)
        return [DepthPrediction(_rounded(one), self.kind) for one in maps]


def _rounded(values: Float32Array) -> Float32Array:
    """Values with ten bits of mantissa (a relative error of a thousandth), which compress to half the size."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + np.uint32(1 << 12)) & ~np.uint32((1 << 13) - 1)).view(np.float32)


def _kind_of(config: dict[str, Any], name: str) -> DepthKind:
    """What the numbers of a model family are. Unknown families are refused: inverted depth inverts every answer."""
    family = config.get("model_type")
    if family == "depth_anything":
        # "metric" models end in a scaled sigmoid (metres), "relative" ones in disparity.
        return "metric" if config.get("depth_estimation_type") == "metric" else "inverse"
    if family == "depth_pro":
        return "metric" if config.get("use_fov_model") else "scale"
    if family == "dpt":
        return "inverse"
    raise InputError(
        f"it is not known whether the model family {family!r} gives depth or its inverse",
        where=name,
        fix="use Depth Anything V2 (relative or metric), Depth Pro, DPT or VGGT",
    )
