"""Tiny perception models with random weights, saved as real ones are, and pictures for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reinforcesight.data_gen.perception.protocols import (
    DepthPrediction,
    GroundedBox,
    PerceptionModels,
    SegmentedMask,
    SegmentPrompt,
)

_WORDS = ("the", "a", "of", "photo", "red", "white", "blue", "chair", "table", "lamp", "cup", "dog", ".", ",")


def save_depth_anything(folder: Path, *, metric: bool) -> Path:
    """A Depth Anything of a few thousand parameters, with its DPT image processor."""
    import torch
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessorPil

    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type="metric" if metric else "relative",
        max_depth=20 if metric else None,
    )
    model = DepthAnythingForDepthEstimation(config)
    for weights in model.parameters():  # larger than by default, so that the depth varies
        torch.nn.init.normal_(weights, std=0.15)
    torch.nn.init.constant_(model.head.conv3.bias, 1.0)  # the last step cuts off below zero
    model.save_pretrained(folder)
    processor = DPTImageProcessorPil(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14, do_pad=False
    )
    processor.save_pretrained(folder)
    return folder


def save_depth_pro(folder: Path) -> Path:
    """A Depth Pro of a hundred thousand parameters that sees squares of 128 pixels."""
    import torch
    from transformers import DepthProConfig, DepthProForDepthEstimation

    torch.manual_seed(0)
    encoder = {"model_type": "dinov2", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    encoder |= {"patch_size": 8, "image_size": 32}
    config = DepthProConfig(
        fusion_hidden_size=16, patch_size=32, intermediate_hook_ids=[1, 0], intermediate_feature_dims=[16, 16],
        scaled_images_ratios=[0.25, 0.5, 1], scaled_images_overlap_ratios=[0.0, 0.5, 0.25],
        scaled_images_feature_dims=[16, 16, 16], merge_padding_value=1, use_fov_model=True,
        image_model_config=encoder, patch_model_config=encoder, fov_model_config=encoder,
    )  # fmt: skip
    DepthProForDepthEstimation(config).save_pretrained(folder)
    return folder


def save_grounding_dino(folder: Path) -> Path:
    """A GroundingDINO of a few ten thousand parameters, with a word-level BERT vocabulary."""
    import torch
    from transformers import (
        BertConfig,
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessorPil,
        GroundingDinoProcessor,
        SwinConfig,
    )

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(_WORDS)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"))
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
            out_indices=[2, 3, 4],
        ),
        text_config=BertConfig(
            vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=16,
        ),
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=12,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    image_processor = GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(image_processor, tokenizer).save_pretrained(folder)
    return folder


def save_owlv2(folder: Path) -> Path:
    """An OWLv2 of a few ten thousand parameters, with a CLIP vocabulary of single letters."""
    import json

    import torch
    from transformers import (
        CLIPTokenizerFast,
        Owlv2Config,
        Owlv2ForObjectDetection,
        Owlv2ImageProcessorPil,
        Owlv2Processor,
    )

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    tokenizer = CLIPTokenizerFast(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), pad_token="<|endoftext|>",
        model_max_length=64,
    )  # fmt: skip
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Owlv2Config(
        text_config=small
        | {
            "vocab_size": len(tokens), "max_position_embeddings": 64,
            "pad_token_id": len(tokens) - 1, "bos_token_id": len(tokens) - 2, "eos_token_id": len(tokens) - 1,
        },
        vision_config=small | {"image_size": 64, "patch_size": 16},
        projection_dim=16,
    )  # fmt: skip
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    image_processor = Owlv2ImageProcessorPil(size={"height": 64, "width": 64})
    Owlv2Processor(image_processor, tokenizer).save_pretrained(folder)
    return folder


def save_sam2(folder: Path) -> Path:
    """A SAM 2 of a few hundred thousand parameters that sees squares of 128 pixels."""
    import torch
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    torch.manual_seed(0)
    backbone = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[128, 128], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 4], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    config = Sam2Config(
        vision_config=Sam2VisionConfig(
            backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=32,
            backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        ),
        prompt_encoder_config=Sam2PromptEncoderConfig(hidden_size=32, image_size=128, patch_size=16),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=32, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
        ),
    )  # fmt: skip
    Sam2Model(config).save_pretrained(folder)
    return folder


class KnownScenes:
    """Depth, boxes and masks of pictures that are known, given through the protocols; counts its calls.

    Attributes:
        calls: Pictures seen by each stage.
        broken_after: Pictures after which the next call of a stage raises KeyboardInterrupt.
    """

    identity = "known scenes"

    def __init__(self) -> None:
        self.depths: dict[bytes, DepthPrediction] = {}
        self.boxes: dict[bytes, list[tuple[str, tuple[float, ...], float]]] = {}
        self.masks: dict[bytes, dict[tuple[float, ...], SegmentedMask]] = {}
        self.calls = {"depth": 0, "grounding": 0, "segmentation": 0}
        self.broken_after: dict[str, int] = {}
        self.released: list[str] = []

    def add(
        self,
        picture: np.ndarray,
        depth: DepthPrediction,
        things: Sequence[tuple[str, tuple[float, ...], float, np.ndarray]],
    ) -> None:
        key = picture.tobytes()
        self.depths[key] = depth
        self.boxes[key] = [(name, box, score) for name, box, score, _ in things]
        self.masks[key] = {box: SegmentedMask(mask, 0.95) for _, box, _, mask in things}

    def models(self) -> PerceptionModels:
        return PerceptionModels(grounder=_KnownBoxes(self), depth=_KnownDepth(self), segmenter=_KnownMasks(self))

    def count(self, stage: str, pictures: int) -> None:
        if self.calls[stage] >= self.broken_after.get(stage, 10**9):
            raise KeyboardInterrupt
        self.calls[stage] += pictures


class _Known:
    identity = "known scenes"
    stage = ""

    def __init__(self, truth: KnownScenes) -> None:
        self.truth = truth

    def release(self) -> None:
        self.truth.released.append(self.stage)


class _KnownDepth(_Known):
    stage = "depth"

    def estimate(self, pictures: Sequence[np.ndarray]) -> list[DepthPrediction]:
        self.truth.count(self.stage, len(pictures))
        return [self.truth.depths[picture.tobytes()] for picture in pictures]


class _KnownBoxes(_Known):
    stage = "grounding"

    def ground(self, pictures: Sequence[np.ndarray], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]:
        self.truth.count(self.stage, len(pictures))
        return [
            [
                GroundedBox(list(asked).index(name), box, score)
                for name, box, score in self.truth.boxes[picture.tobytes()]
                if name in asked
            ]
            for picture, asked in zip(pictures, phrases, strict=True)
        ]


class _KnownMasks(_Known):
    stage = "segmentation"

    def segment(
        self, pictures: Sequence[np.ndarray], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        self.truth.count(self.stage, len(pictures))
        return [
            [self.truth.masks[picture.tobytes()][prompt.box] for prompt in asked]
            for picture, asked in zip(pictures, prompts, strict=True)
        ]
