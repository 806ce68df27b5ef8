"""Outlines from boxes and points by SAM 2 (transformers' ``Sam2Model``).

The picture is prepared as SAM 2's processor does (square, bilinear with antialiasing, ImageNet mean and deviation,
boxes scaled alike), since that processor requires torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from reinforcesight.data_gen.perception.models.stored_model import Loading, StoredModel
from reinforcesight.data_gen.perception.protocols import Picture, SegmentedMask, SegmentPrompt

if TYPE_CHECKING:
    import torch

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_PROMPTS_AT_ONCE = 32


class Sam2Segmenter(StoredModel):
    """SAM 2 with one mask for each prompt: a box has a single mask, a point the best of three.

    Args:
        model: Folder or hub id of a SAM 2 or 2.1 image model.
        loading: See :class:`StoredModel`.

    Raises:
        InputError: There is no such model, or it is of another family.
    """

    def __init__(self, model: str, **loading: Unpack[Loading]) -> None:
        super().__init__(model, **loading)
        if self.config.get("model_type") not in ("sam2", "sam2_video"):
            raise self._other_family("SAM 2", fix="use a model such as facebook/sam2.1-hiera-small")

    @property
    def identity(self) -> str:
        return self._identity("segmentation")

    def _read(self) -> tuple[Any, int]:
        """The model and the side of the square that it sees."""
        from transformers import Sam2Model

        _, model = self._from_folder(Sam2Model, None, expected="SAM 2")
        side = model.config.prompt_encoder_config.image_size
        return model, int(side if isinstance(side, int) else side[0])

    def segment(
        self, pictures: Sequence[Picture], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
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
