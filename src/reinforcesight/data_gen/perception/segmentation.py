"""Outlines from boxes and points by SAM 2 (transformers' ``Sam2Model``).

The picture is prepared here as SAM 2's own processor does (square, bilinear with antialiasing, ImageNet mean and
deviation, boxes scaled alike), so that torchvision, which that processor requires, is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from reinforcesight.data_gen.perception.model_files import (
    find_model,
    pick_device,
    pick_dtype,
    quiet_loading,
    run_dtype,
    wrong_kind,
)
from reinforcesight.data_gen.perception.protocols import Picture, SegmentedMask, SegmentPrompt
from reinforcesight.errors import InputError

if TYPE_CHECKING:
    import torch

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_PROMPTS_AT_ONCE = 32


class Sam2Segmenter:
    """SAM 2 with one mask a prompt: for a box its single mask, for a point the best of three.

    Args:
        model: Folder or hub id of a SAM 2 or 2.1 image model.
        revision: Hub revision.
        device: "auto", "cpu", "cuda", ...
        dtype: "auto", "float32" or "bfloat16".

    Raises:
        InputError: There is no such model, or it is of another family.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str = "main",
        device: str = "auto",
        dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    ) -> None:
        self.name = model
        self._files = find_model(model, revision)
        self._device, self._dtype = device, dtype
        config = json.loads((self._files.folder / "config.json").read_text(encoding="utf-8"))
        if config.get("model_type") not in ("sam2", "sam2_video"):
            raise InputError(
                f"expected SAM 2, got the model family {config.get('model_type')!r}",
                where=model,
                fix="use a model such as facebook/sam2.1-hiera-small",
            )
        self._loaded: tuple[Any, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}

    @property
    def identity(self) -> str:
        """Weights and precision."""
        return f"segmentation {self._files.identity} {run_dtype(self._dtype, self._device)}"

    def release(self) -> None:
        """Give the model's memory back."""
        self._loaded = None

    def _load(self) -> tuple[Any, int]:
        """The model and the side of the square that it sees."""
        if self._loaded is None:
            from transformers import Sam2Model

            device = pick_device(self._device)
            try:
                with quiet_loading():
                    model: Any = Sam2Model.from_pretrained(
                        self._files.folder, dtype=pick_dtype(self._dtype, device), use_safetensors=True
                    )
            except (ValueError, OSError, ImportError) as error:
                raise wrong_kind(self.name, "SAM 2", error) from error
            side = model.config.prompt_encoder_config.image_size
            self._loaded = model.to(device).eval(), int(side if isinstance(side, int) else side[0])
        return self._loaded

    def segment(
        self, pictures: Sequence[Picture], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        """One mask a prompt, in order."""
        return [self._segment(picture, asked) for picture, asked in zip(pictures, prompts, strict=True)]

    def _segment(self, picture: Picture, prompts: Sequence[SegmentPrompt]) -> list[SegmentedMask]:
        import torch

        if not prompts:
            return []
        model, side = self._load()
        height, width = picture.shape[:2]
        results: dict[int, SegmentedMask] = {}
        with torch.inference_mode():
            pixels = _prepared(picture, side).to(model.device, model.dtype)
            embeddings = model.get_image_embeddings(pixels)
            # Prompts of one call must be of one kind.
            kinds: dict[tuple[bool, bool], list[int]] = {}
            for position, prompt in enumerate(prompts):
                kinds.setdefault((prompt.box is not None, prompt.point is not None), []).append(position)
            for (has_box, has_point), members in kinds.items():
                for start in range(0, len(members), _PROMPTS_AT_ONCE):
                    part = members[start : start + _PROMPTS_AT_ONCE]
                    arguments: dict[str, Any] = {}
                    if has_box:
                        boxes = [_scaled(prompts[p].box or (), width, height, side) for p in part]
                        arguments["input_boxes"] = torch.tensor([boxes], device=model.device)
                    if has_point:
                        points = [[_scaled(prompts[p].point or (), width, height, side)] for p in part]
                        arguments["input_points"] = torch.tensor([points], device=model.device)
                        labels = torch.ones((1, len(part), 1), dtype=torch.int32, device=model.device)
                        arguments["input_labels"] = labels
                    outputs = model(
                        image_embeddings=list(embeddings), multimask_output=not has_box, **arguments
                    )
                    for row, position in enumerate(part):
                        quality = outputs.iou_scores[0, row].float()
                        best = int(quality.argmax())
                        logits = outputs.pred_masks[0, row, best].float()[None, None]
                        # (1, 1, side / 4, side / 4) to the picture's size, as SAM 2 does
                        full = torch.nn.functional.interpolate(
                            logits, size=(height, width), mode="bilinear", align_corners=False
                        )
                        mask = (full[0, 0] > 0).cpu().numpy()
                        score = min(max(float(quality[best]), 0.0), 1.0)
                        results[position] = SegmentedMask(mask, score)
        return [results[position] for position in range(len(prompts))]


def _prepared(picture: Picture, side: int) -> torch.Tensor:
    """A uint8 picture (H, W, 3) as float32 (1, 3, side, side)."""
    import numpy as np
    import torch
    from PIL import Image

    square = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
    values = torch.from_numpy(np.asarray(square, dtype=np.float32) / 255.0).permute(2, 0, 1)
    mean, deviation = torch.tensor(_MEAN)[:, None, None], torch.tensor(_DEVIATION)[:, None, None]
    return ((values - mean) / deviation)[None]


def _scaled(values: Sequence[float], width: int, height: int, side: int) -> list[float]:
    """x, y, ... of the picture as of the square."""
    return [value * side / (height if position % 2 else width) for position, value in enumerate(values)]
