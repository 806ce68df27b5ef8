"""Masks from boxes and points by SAM 2 (transformers' ``Sam2Model``).

Pictures are prepared as in SAM 2's processor (resized to a square, bilinear with antialiasing, ImageNet mean and std,
boxes scaled accordingly), since that processor requires torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reinforcesight.data_gen.perception.models.stored_model import StoredModel
from reinforcesight.data_gen.perception.protocols import Picture, SegmentedMask, SegmentPrompt

if TYPE_CHECKING:
    import torch

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_PROMPTS_AT_ONCE = 32


class Sam2Segmenter(StoredModel):
    """SAM 2 with one mask per prompt: the single mask for a box, the best of three for a point."""

    role = "segmentation"
    families = frozenset({"sam2", "sam2_video"})
    expected = "SAM 2"
    suggestion = "a model such as facebook/sam2.1-hiera-small"

    def _read(self) -> tuple[Any, Any]:
        from transformers import Sam2Model

        return self._from_folder(Sam2Model, None)

    def segment(
        self, pictures: Sequence[Picture], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        return [self._segment(picture, asked) for picture, asked in zip(pictures, prompts, strict=True)]

    def _segment(self, picture: Picture, prompts: Sequence[SegmentPrompt]) -> list[SegmentedMask]:
        import torch

        if not prompts:
            return []
        _, model = self._load()
        size = model.config.prompt_encoder_config.image_size
        side = int(size if isinstance(size, int) else size[0])
        # All prompts of a call must be of one kind: box, point or both.
        kinds: dict[tuple[bool, bool], list[int]] = {}
        for position, prompt in enumerate(prompts):
            kinds.setdefault((prompt.box is None, prompt.point is None), []).append(position)
        results: dict[int, SegmentedMask] = {}
        with torch.inference_mode():
            embeddings = model.get_image_embeddings(_prepared(picture, side).to(model.device, model.dtype))
            for members in kinds.values():
                for start in range(0, len(members), _PROMPTS_AT_ONCE):
                    part = members[start : start + _PROMPTS_AT_ONCE]
                    asked = [prompts[position] for position in part]
                    masks = _masks(model, embeddings, asked, picture.shape[1], picture.shape[0], side)
                    results.update(zip(part, masks, strict=True))
        return [results[position] for position in range(len(prompts))]


def _masks(
    model: Any, embeddings: Any, prompts: Sequence[SegmentPrompt], width: int, height: int, side: int
) -> list[SegmentedMask]:
    """Return masks (height, width) for prompts of one kind, from the embeddings of a picture resized to a square."""
    import torch

    def scaled(values: Sequence[float]) -> list[float]:
        return [value * side / (height if position % 2 else width) for position, value in enumerate(values)]

    arguments: dict[str, Any] = {}
    boxes = [scaled(prompt.box) for prompt in prompts if prompt.box is not None]
    points = [[scaled(prompt.point)] for prompt in prompts if prompt.point is not None]
    if boxes:
        arguments["input_boxes"] = torch.tensor([boxes], device=model.device)
    if points:
        arguments["input_points"] = torch.tensor([points], device=model.device)
        arguments["input_labels"] = torch.ones((1, len(points), 1), dtype=torch.int32, device=model.device)
    outputs = model(image_embeddings=list(embeddings), multimask_output=not boxes, **arguments)
    results = []
    for qualities, logits in zip(outputs.iou_scores[0].float(), outputs.pred_masks[0].float(), strict=True):
        best = int(qualities.argmax())
        # (1, 1, side / 4, side / 4) to the picture's size, as SAM 2 does
        full = torch.nn.functional.interpolate(
            logits[best][None, None], size=(height, width), mode="bilinear", align_corners=False
        )
        score = min(max(float(qualities[best]), 0.0), 1.0)
        results.append(SegmentedMask((full[0, 0] > 0).cpu().numpy(), score))
    return results


def _prepared(picture: Picture, side: int) -> torch.Tensor:
    """Convert a uint8 picture (H, W, 3) to float32 (1, 3, side, side)."""
    import numpy as np
    import torch
    from PIL import Image

    square = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
    values = torch.from_numpy(np.asarray(square, dtype=np.float32) / 255.0).permute(2, 0, 1)
    mean, deviation = torch.tensor(_MEAN)[:, None, None], torch.tensor(_DEVIATION)[:, None, None]
    return ((values - mean) / deviation)[None]
