"""Not VGGT's: the documented function with the documented result, see ``vggt.models.vggt`` beside it."""

from __future__ import annotations

import torch


def pose_encoding_to_extri_intri(pose_encoding, image_size_hw):
    height, width = image_size_hw
    intrinsics = torch.zeros((*pose_encoding.shape[:2], 3, 3))
    intrinsics[..., 0, 0] = width / 2 / torch.tan(pose_encoding[..., 8] / 2)
    intrinsics[..., 1, 1] = height / 2 / torch.tan(pose_encoding[..., 7] / 2)
    intrinsics[..., 0, 2], intrinsics[..., 1, 2], intrinsics[..., 2, 2] = width / 2, height / 2, 1.0
    return torch.zeros((*pose_encoding.shape[:2], 3, 4)), intrinsics
