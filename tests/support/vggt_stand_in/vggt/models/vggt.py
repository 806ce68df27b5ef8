"""Not VGGT: a few weights behind the interface that VGGT's README documents, to test the adapter's calls.

Depth is the brightness of the picture times a learnt scale; the pose encoding holds fields of view of 60 degrees
along the height and of what square pixels make of it along the width.
"""

from __future__ import annotations

import math

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn


class _Aggregator(nn.Module):
    def forward(self, images):
        assert images.ndim == 5, images.shape  # (B, S, 3, H, W)
        assert images.shape[2] == 3
        assert images.shape[-1] % 14 == 0
        assert images.shape[-2] % 14 == 0
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1
        return [images], 5


class _CameraHead(nn.Module):
    def forward(self, tokens):
        images = tokens[-1]
        height, width = images.shape[-2:]
        pose = torch.zeros((*images.shape[:2], 9))
        pose[..., 6] = 1.0
        pose[..., 7] = math.radians(60)
        pose[..., 8] = 2 * math.atan(math.tan(math.radians(30)) * width / height)
        return [pose * 0, pose]  # one a refinement; the last counts


class _DepthHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, tokens, images, patch_start):
        assert patch_start == 5
        depth = self.scale * images.mean(dim=2)[..., None]  # (B, S, H, W, 1)
        return depth, torch.ones(depth.shape[:-1])


class VGGT(nn.Module, PyTorchModelHubMixin):
    def __init__(self, img_size=518, patch_size=14, embed_dim=1024):
        super().__init__()
        self.aggregator, self.camera_head, self.depth_head = _Aggregator(), _CameraHead(), _DepthHead()
