"""Settings of perception: models, thresholds, and where results are stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig

Share = Annotated[float, Field(ge=0, le=1)]

# What to look for in pictures without text: things that are usually separate and completely visible. Of nouns that
# detectors confuse (mug and cup, sofa and couch) there is only one.
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


class GateRules(StrictConfig):
    """Thresholds for detections: scores, and overlaps (IoU) or shares from zero to one."""

    RENAMED: ClassVar = {"second_look": "second_overlap", "min_visited": "min_trace_inside"}

    min_score: Share = Field(0.35, description="Minimum score of a detection")
    doubt_score: Share = Field(
        0.2,
        description="A detection between this and min_score is left out, and its name is no longer unique",
    )
    same_box: Share = Field(0.6, description="Overlap from which two boxes of one name are the same thing")
    nested: Share = Field(0.85, description="Share inside another box of its name from which a box is a part")
    other_name: Share = Field(0.75, description="Overlap from which boxes of two names are the same thing")
    name_margin: Share = Field(
        0.1, description="Minimum lead of a box's score over one of another name on the same thing"
    )
    second_overlap: Share = Field(0.5, description="Minimum overlap with the box of a second detector, if any")
    depth_agreement: Share = Field(
        0.15, description="Maximum relative difference from the depth of a second depth model, if any"
    )
    fills_picture: Share = Field(0.9, description="Maximum share of the picture that one thing covers")
    min_trace_inside: Share = Field(0.3, description="Minimum share of a phrase's trace inside its box")
    min_mask_score: Share = Field(0.6, description="Minimum mask quality, as estimated by the segmenter")
    mask_box: Share = Field(0.6, description="Minimum overlap of a box with the box of its mask")
    same_mask: Share = Field(0.7, description="Overlap from which two masks are the same thing")
    min_valid_depth: Share = Field(0.5, description="Minimum share of a picture with a depth reading")
    max_objects: int = Field(40, ge=1, description="Maximum number of detections in one picture, best first")


class PerceptionConfig(StrictConfig):
    """Models and settings. Models are hub ids or local folders; weights are read from safetensors only."""

    depth_model: str | None = Field(
        "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
        description="Depth model (Depth Anything V2, Depth Pro, DPT, VGGT); none: no depth",
    )
    depth_revision: str = Field("main", description="Hub revision of the depth model")
    grounding_model: str = Field(
        "IDEA-Research/grounding-dino-tiny",
        description="Detector of named things (GroundingDINO, OWLv2, Florence-2; Molmo2 for points)",
    )
    grounding_revision: str = Field("main", description="Hub revision of the detector")
    second_grounding_model: str | None = Field(
        "google/owlv2-base-patch16-ensemble",
        description="Second detector of another architecture; keep only boxes that both find. none: one detector, "
        "whose confident mistakes become wrong labels. Default where only grounding_model is given: none",
    )
    second_grounding_revision: str = Field("main", description="Hub revision of the second detector")
    depth_views: bool = Field(
        False,
        description="Also estimate depth from the mirror image, a smaller copy and four crops of each picture (seven "
        "times the cost), so that claims on which they disagree can be left out: see reinforcesight calibrate",
    )
    second_depth_model: str | None = Field(
        None, description="Second depth model; use depth only where both agree. none: one depth model"
    )
    second_depth_revision: str = Field("main", description="Hub revision of the second depth model")
    segmentation_model: str | None = Field(
        "facebook/sam2.1-hiera-small", description="Segmenter (SAM 2); none: boxes only"
    )
    segmentation_revision: str = Field("main", description="Hub revision of the segmenter")
    vocabulary: tuple[str, ...] = Field(
        DEFAULT_VOCABULARY, min_length=1, description="Nouns to look for in pictures without text"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ...")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on a CUDA GPU that supports it, float32 elsewhere"
    )
    max_side: int = Field(
        1600,
        ge=64,
        description="Maximum side in pixels; larger pictures are scaled down, also in the data set",
    )
    batch_size: int = Field(4, ge=1, description="Pictures in one call of a model")
    chunk_size: int = Field(16, ge=1, description="Pictures that go through one model before the next")
    keep_loaded: bool = Field(True, description="Keep all models in memory between chunks")
    cache: Path | None = Field(None, description="Folder of model results; none: not kept after the run")
    gates: GateRules = GateRules()

    @model_validator(mode="before")
    @classmethod
    def _second_goes_with_first(cls, values: Any) -> Any:
        """The default second detector belongs to the default first one; another one may be of the same kind."""
        if isinstance(values, Mapping) and "grounding_model" in values:
            return {"second_grounding_model": None, **values}
        return values
