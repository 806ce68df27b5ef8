"""Monocular depth by a transformers model: Depth Anything V2 (relative, metric), Depth Pro, DPT."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from reinforcesight.data_gen.perception import depth_pro
from reinforcesight.data_gen.perception.batches import batches_of_one_size
from reinforcesight.data_gen.perception.model_files import (
    find_model,
    pick_device,
    pick_dtype,
    quiet_loading,
    run_dtype,
    wrong_kind,
)
from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction, FloatMap, Picture
from reinforcesight.errors import InputError

# What the numbers of a model family are. Families whose output is not known here are refused, not guessed:
# depth read upside down would turn every answer round.
_INVERSE_FAMILIES = ("dpt",)


class TransformersDepth:
    """A depth model of ``AutoModelForDepthEstimation``.

    Args:
        model: Folder or hub id.
        revision: Hub revision.
        device: "auto", "cpu", "cuda", ...
        dtype: "auto", "float32" or "bfloat16".
        batch_size: Pictures in one forward pass; only pictures of one size go together.

    Raises:
        InputError: There is no such model, or it is of a family whose output is not known.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str = "main",
        device: str = "auto",
        dtype: Literal["auto", "float32", "bfloat16"] = "auto",
        batch_size: int = 4,
    ) -> None:
        self.name = model
        self._files = find_model(model, revision)
        self._device, self._dtype, self._batch_size = device, dtype, batch_size
        config = json.loads((self._files.folder / "config.json").read_text(encoding="utf-8"))
        self.kind = _kind_of(config, model)
        self._depth_pro = config.get("model_type") == "depth_pro"
        self._loaded: tuple[Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}

    @property
    def identity(self) -> str:
        """Weights, precision and kind."""
        return f"depth {self._files.identity} {run_dtype(self._dtype, self._device)} {self.kind}"

    def release(self) -> None:
        """Give the model's memory back."""
        self._loaded = None

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModelForDepthEstimation

            # The name at the top of the package refuses to work without torchvision; the class itself falls back.
            from transformers.models.auto.image_processing_auto import AutoImageProcessor

            device = pick_device(self._device)
            auto_processor: Any = AutoImageProcessor
            try:
                with quiet_loading():
                    processor = (
                        None if self._depth_pro else auto_processor.from_pretrained(self._files.folder)
                    )
                    model = AutoModelForDepthEstimation.from_pretrained(
                        self._files.folder, dtype=pick_dtype(self._dtype, device), use_safetensors=True
                    )
            except (ValueError, OSError, ImportError) as error:
                raise wrong_kind(self.name, "a depth estimation model", error) from error
            self._loaded = processor, model.to(device).eval()
        return self._loaded

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]:
        """Depth of each picture, at the resolution that the model works in."""
        import torch

        processor, model = self._load()
        results: dict[int, DepthPrediction] = {}
        for positions in batches_of_one_size(pictures, self._batch_size):
            if self._depth_pro:
                for position, made in zip(
                    positions, depth_pro.predictions(model, [pictures[p] for p in positions]), strict=True
                ):
                    results[position] = replace(made, values=_rounded(made.values))
                continue
            inputs = processor(images=[pictures[p] for p in positions], return_tensors="pt")
            values = inputs["pixel_values"].to(model.device, model.dtype)
            with torch.inference_mode():
                predicted = model(pixel_values=values).predicted_depth
            maps = predicted.float().cpu().numpy()  # (batch, h, w)
            for position, values_of_one in zip(positions, maps, strict=True):
                results[position] = DepthPrediction(_rounded(values_of_one), self.kind)
        return [results[position] for position in range(len(pictures))]


def _rounded(values: FloatMap) -> FloatMap:
    """Values with ten bits of mantissa (a thousandth, relatively), which compress to half the size."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + np.uint32(1 << 12)) & ~np.uint32((1 << 13) - 1)).view(np.float32)


def _kind_of(config: dict[str, Any], name: str) -> DepthKind:
    family = config.get("model_type")
    if family == "depth_anything":
        # "metric" models end in a scaled sigmoid (metres), "relative" ones in disparity.
        return "metric" if config.get("depth_estimation_type") == "metric" else "inverse"
    if family == "depth_pro":
        return "metric" if config.get("use_fov_model") else "scale"
    if family in _INVERSE_FAMILIES:
        return "inverse"
    raise InputError(
        f"whether the model family {family!r} gives depth or its inverse is not known here",
        where=name,
        fix="use Depth Anything V2 (relative or metric), Depth Pro, DPT or VGGT",
    )
