"""Settings of perception: models, thresholds, and storage of results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.scene import Fraction

# Objects to search for in pictures without text: objects that are usually separate and completely visible. Of nouns
# that detectors confuse (mug and cup, sofa and couch), the list has only one.
DEFAULT_VOCABULARY: tuple[str, ...] = (
    *("person", "dog", "cat", "bird", "horse", "cow", "sheep"),
    *("car", "bus", "truck", "train", "bicycle", "motorcycle", "boat"),
    *("bench", "traffic light", "fire hydrant"),
    *("chair", "sofa", "bed", "table", "desk", "cabinet", "bookshelf", "door", "window", "mirror", "lamp"),
    *("television", "computer monitor", "laptop", "keyboard", "computer mouse", "telephone", "clock", "fan"),
    *("refrigerator", "oven", "microwave", "sink", "toilet", "bathtub", "washing machine"),
    *("bottle", "cup", "bowl", "plate", "vase", "potted plant", "book", "bag", "suitcase", "umbrella"),
    *("pillow", "towel", "box", "basket", "bin", "picture frame", "guitar", "ball", "toy", "hat"),
)


class DetectionThresholds(StrictConfig):
    """Thresholds for detections: scores, overlaps (IoU) and fractions, from 0 to 1."""

    RENAMED: ClassVar = {"second_look": "second_overlap", "min_visited": "min_trace_inside"}

    min_score: Fraction = Field(0.35, description="Minimum detection score")
    second_min_score: Fraction | None = Field(
        None,
        description="Minimum score of the second detector, which has its own scale; default: doubt_score",
    )
    doubt_score: Fraction = Field(
        0.2,
        description="Drop detections with a score from this to min_score, and count their name as not unique in the "
        "picture",
    )
    same_box: Fraction = Field(0.6, description="Boxes with the same name and at least this IoU count as one object")
    nested: Fraction = Field(
        0.85,
        description="A box is dropped if at least this fraction of it lies inside a better box with the same name",
    )
    other_name: Fraction = Field(
        0.75, description="Boxes with different names and at least this IoU count as one object"
    )
    name_margin: Fraction = Field(
        0.1,
        description="If boxes with different names are one object: keep the best box if its score is higher by this "
        "much, else drop the object",
    )
    second_overlap: Fraction = Field(
        0.5, description="Minimum IoU with a box of the second detector; boxes below are dropped"
    )
    depth_agreement: Fraction = Field(
        0.15,
        description="Maximum relative difference between the depths of two depth models; pixels above count as "
        "unknown",
    )
    fills_picture: Fraction = Field(0.9, description="Maximum fraction of the picture that one box may cover")
    min_trace_inside: Fraction = Field(
        0.3, description="Localized Narratives: minimum fraction of a phrase's mouse trace inside its box"
    )
    min_mask_score: Fraction = Field(0.6, description="Minimum mask score, as predicted by the segmentation model")
    mask_box: Fraction = Field(0.6, description="Minimum IoU of a box and the bounding box of its mask")
    same_mask: Fraction = Field(0.7, description="Masks with at least this IoU count as one object")
    min_valid_depth: Fraction = Field(0.5, description="Minimum fraction of a picture's pixels with valid depth")
    max_objects: int = Field(40, ge=1, description="Maximum number of detections per picture, highest scores first")


class PerceptionConfig(StrictConfig):
    """Models that find objects, masks and depth, as hub ids or folders; weights are read only from safetensors."""

    depth_model: str | None = Field(
        "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
        description="Depth model (Depth Anything V2, Depth Pro, DPT, VGGT); null: no depth",
    )
    depth_revision: str = Field("main", description="Hub revision of the depth model")
    grounding_model: str = Field(
        "IDEA-Research/grounding-dino-tiny",
        description="Object detector, as folder or hub id: GroundingDINO, OWLv2 or Florence-2; Molmo2 gives points",
    )
    grounding_revision: str = Field("main", description="Hub revision of the detector")
    second_grounding_model: str | None = Field(
        "google/owlv2-base-patch16-ensemble",
        description="Second detector with another architecture; only boxes that both find are kept. null: one "
        "detector, whose mistakes become wrong labels; also the default if only grounding_model is given",
    )
    second_grounding_revision: str = Field("main", description="Hub revision of the second detector")
    depth_views: bool = Field(
        False,
        description="Also estimate depth from the mirrored picture, a smaller copy and four crops (seven times the "
        "cost); reinforcesight calibrate then rejects labels on which they disagree",
    )
    second_depth_model: str | None = Field(
        None, description="Second depth model; depth is used only where both agree. null: one depth model"
    )
    second_depth_revision: str = Field("main", description="Hub revision of the second depth model")
    segmentation_model: str | None = Field(
        "facebook/sam2.1-hiera-small", description="Segmentation model (SAM 2); null: boxes only"
    )
    segmentation_revision: str = Field("main", description="Hub revision of the segmenter")
    vocabulary: tuple[str, ...] = Field(
        DEFAULT_VOCABULARY, min_length=1, description="Class names to detect with --source image_folder"
    )
    device: str = Field("auto", description="Device of the models: auto, cpu, cuda, cuda:1, ...")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="dtype of the models; auto: bfloat16 on a CUDA GPU that supports it, else float32"
    )
    max_side: int = Field(
        1600,
        ge=64,
        description="Maximum picture side in pixels; larger pictures are downscaled, also in the data set",
    )
    batch_size: int = Field(4, ge=1, description="Pictures per forward pass")
    chunk_size: int = Field(
        16, ge=1, description="Number of pictures to process with one model before switching to the next"
    )
    keep_loaded: bool = Field(
        True, description="Keep all models in memory; false: load each model again for every chunk"
    )
    cache: Path | None = Field(
        None, description="Folder in which model outputs are kept for later runs; null: they are deleted after the run"
    )
    gates: DetectionThresholds = DetectionThresholds()

    @model_validator(mode="before")
    @classmethod
    def _second_goes_with_first(cls, values: Any) -> Any:
        """Remove the default second detector if another first detector is set, since both might be of one kind."""
        if isinstance(values, Mapping) and "grounding_model" in values:
            return {"second_grounding_model": None, **values}
        return values
