"""Depth and focal length by VGGT (Wang et al., 2025), with its own package ``vggt``.

VGGT returns z in OpenCV axes up to an unknown scale, and the field of view in its pose encoding. Pictures are prepared
as in the package's loader: the long side is the model's input size, the short side a multiple of its patch size,
values are from 0 to 1. The loader would crop upright pictures; this module pads them with white to a square, and
removes the padding from the result.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from PIL import Image

from reinforcesight.arrays import Float32Array
from reinforcesight.data_gen.perception.models.stored_model import Loading, StoredModel, in_batches_of_one_size
from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction, Picture
from reinforcesight.errors import MissingDependencyError

if TYPE_CHECKING:
    import torch

# Without dependencies: its pins (an older torch, numpy below 2) would break this environment.
_INSTALL = "pip install --no-deps git+https://github.com/facebookresearch/vggt.git && pip install einops"


def is_vggt(config: dict[str, Any]) -> bool:
    """Return whether a config.json is VGGT's: the constructor's arguments, without a model type."""
    return "model_type" not in config and {"img_size", "patch_size", "embed_dim"} <= set(config)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Resized picture in the model's input, pixels: its size, and its offset in a padded square."""

    width: int
    height: int
    left: int = 0
    top: int = 0


class VggtDepth(StoredModel):
    """VGGT as a depth estimator. The dtype applies to the transformer; the heads run in float32, as VGGT documents."""

    kind: DepthKind = "scale"
    role = "depth vggt"
    expected = "VGGT"
    suggestion = "a model such as facebook/VGGT-1B"

    def __init__(self, model: str, **loading: Unpack[Loading]) -> None:
        super().__init__(model, **loading)
        self._side, self._patch = int(self.config["img_size"]), int(self.config["patch_size"])

    def _fits(self) -> bool:
        return is_vggt(self.config)

    def _read(self) -> tuple[Any, Any]:
        """Return the decoder of pose encodings, and the model."""
        try:
            model_class = importlib.import_module("vggt.models.vggt").VGGT
            decode_pose = importlib.import_module("vggt.utils.pose_enc").pose_encoding_to_extri_intri
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"VGGT needs its own package, and the module {error.name!r} is not installed",
                where=self.name,
                fix=_INSTALL,
            ) from error
        with self._expecting():
            model = model_class.from_pretrained(str(self._files.folder))
        return decode_pose, model.to(self.device).eval()

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]:
        return in_batches_of_one_size(pictures, self._batch_size, self._predict)

    def _predict(self, pictures: list[Picture]) -> list[DepthPrediction]:
        import torch

        decode_pose, model = self._load()
        images, fit = self._prepared(pictures)
        images = images.to(self.device)
        autocast: AbstractContextManager[Any] = nullcontext()
        if self.dtype != torch.float32:
            autocast = torch.autocast(images.device.type, dtype=self.dtype)
        with torch.inference_mode():
            with autocast:
                tokens, first_patch = model.aggregator(images)
            poses = model.camera_head(tokens)[-1]
            _, intrinsics = decode_pose(poses, images.shape[-2:])
            depth, _ = model.depth_head(tokens, images, first_patch)
        maps = depth.float().cpu().numpy()  # (B, 1, h, w, 1)
        lenses = intrinsics.float().cpu().numpy()  # (B, 1, 3, 3)
        height, width = pictures[0].shape[:2]
        results = []
        for z, lens in zip(maps, lenses, strict=True):
            inside = z[0, fit.top : fit.top + fit.height, fit.left : fit.left + fit.width, 0]
            # The scales of width and height differ slightly, since the short side is a whole number of patches.
            focal = float(lens[0, 0, 0] * width / fit.width + lens[0, 1, 1] * height / fit.height) / 2.0
            known = np.isfinite(focal) and focal > 0
            values: Float32Array = np.ascontiguousarray(inside, dtype=np.float32)
            results.append(DepthPrediction(values, self.kind, focal if known else None))
        return results

    def _prepared(self, pictures: list[Picture]) -> tuple[torch.Tensor, _Fit]:
        """Convert pictures of one size to float32 (B, 1, 3, h, w) from 0 to 1; return their size and offset, too."""
        import torch

        height, width = pictures[0].shape[:2]
        scale = self._side / max(height, width)

        def fitted(side: int) -> int:
            patches = max(1, round(side * scale / self._patch))
            return int(min(self._side, patches * self._patch))

        fit = _Fit(fitted(width), fitted(height))
        frame_width, frame_height = fit.width, fit.height
        if height > width:
            frame_width = self._side
            fit = _Fit(fit.width, fit.height, left=(self._side - fit.width) // 2)
        frames = np.ones((len(pictures), 1, 3, frame_height, frame_width), dtype=np.float32)
        for number, picture in enumerate(pictures):
            resized = Image.fromarray(picture).resize((fit.width, fit.height), Image.Resampling.BICUBIC)
            values = np.asarray(resized, dtype=np.float32).transpose(2, 0, 1) / 255.0
            frames[number, 0, :, fit.top : fit.top + fit.height, fit.left : fit.left + fit.width] = values
        return torch.from_numpy(frames), fit
