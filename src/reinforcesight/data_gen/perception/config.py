"""Settings of perception: which models, how sure they must be, and where their results are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig

Share = Annotated[float, Field(ge=0, le=1)]

# What is looked for in pictures that come without words: things that are usually whole and one by one. Nouns that
# detectors mix up (mug and cup, sofa and couch) appear once.
DEFAULT_VOCABULARY: tuple[str, ...] = (
    *("person", "dog", "cat", "bird", "horse", "cow", "sheep"),
    *(
        "car",
        "bus",
        "truck",
        "train",
        "bicycle",
        "motorcycle",
        "boat",
        "bench",
        "traffic light",
        "fire hydrant",
    ),
    *("chair", "sofa", "bed", "table", "desk", "cabinet", "bookshelf", "door", "window", "mirror", "lamp"),
    *("television", "computer monitor", "laptop", "keyboard", "computer mouse", "telephone", "clock", "fan"),
    *("refrigerator", "oven", "microwave", "sink", "toilet", "bathtub", "washing machine"),
    *("bottle", "cup", "bowl", "plate", "vase", "potted plant", "book", "bag", "suitcase", "umbrella"),
    *("pillow", "towel", "box", "basket", "bin", "picture frame", "guitar", "ball", "toy", "hat"),
)


class GateRules(StrictConfig):
    """When a detection is trusted. All are shares or scores from zero to one."""

    min_score: Share = Field(0.35, description="least score of a detection that is used")
    doubt_score: Share = Field(
        0.2,
        description="a detection between this and min_score is not used, but its name is no longer unique",
    )
    same_box: Share = Field(0.6, description="overlap of two boxes of one name that makes them one thing")
    nested: Share = Field(0.85, description="share of a box inside another of its name that makes it a part")
    other_name: Share = Field(0.75, description="overlap of boxes of two names that makes them one thing")
    name_margin: Share = Field(
        0.1, description="least lead of a box's score over one of another name on the same thing"
    )
    second_look: Share = Field(
        0.5, description="least overlap with a second detector's box (where there is a second detector)"
    )
    depth_agreement: Share = Field(
        0.15, description="how far two depths of a pixel may differ (where there is a second depth model)"
    )
    fills_picture: Share = Field(0.9, description="share of the picture that no single thing covers")
    min_visited: Share = Field(0.3, description="least share of a phrase's trace inside its box")
    min_mask_score: Share = Field(0.6, description="least quality that the segmenter expects of its mask")
    mask_box: Share = Field(0.6, description="least overlap of a box with its mask's box")
    same_mask: Share = Field(0.7, description="overlap of two masks that makes them one thing")
    min_valid_depth: Share = Field(0.5, description="least share of a picture with depth")
    max_objects: int = Field(40, ge=1, description="detections of one picture that are looked at, best first")


class PerceptionConfig(StrictConfig):
    """Models and settings. Names are hub ids or local folders; weights are read from safetensors alone."""

    depth_model: str | None = Field(
        "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
        description="depth model (Depth Anything V2, Depth Pro, DPT, VGGT); none: no depth",
    )
    depth_revision: str = Field("main", description="hub revision of the depth model")
    grounding_model: str = Field(
        "IDEA-Research/grounding-dino-tiny",
        description="what finds named things (GroundingDINO, OWLv2, Florence-2; Molmo2 for points)",
    )
    grounding_revision: str = Field("main", description="hub revision of the detector")
    second_grounding_model: str | None = Field(
        "google/owlv2-base-patch16-ensemble",
        description="a detector of other making, without whose consent no box is used; none: one detector, whose sure "
        "mistakes become wrong labels. Where grounding_model alone is given: none",
    )
    second_grounding_revision: str = Field("main", description="hub revision of the second detector")
    second_depth_model: str | None = Field(
        None, description="a depth model without whose consent no depth is used; none: one depth model"
    )
    second_depth_revision: str = Field("main", description="hub revision of the second depth model")
    segmentation_model: str | None = Field(
        "facebook/sam2.1-hiera-small", description="segmenter (SAM 2); none: boxes alone"
    )
    segmentation_revision: str = Field("main", description="hub revision of the segmenter")
    vocabulary: tuple[str, ...] = Field(
        DEFAULT_VOCABULARY, min_length=1, description="nouns looked for in pictures without words"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ...")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on a GPU that has it, float32 elsewhere"
    )
    max_side: int = Field(
        1600,
        ge=64,
        description="longest side in pixels; larger pictures are stored and perceived at this size",
    )
    batch_size: int = Field(4, ge=1, description="pictures in one call of a model")
    chunk_size: int = Field(16, ge=1, description="pictures that one model sees before the next one")
    keep_loaded: bool = Field(True, description="keep all models in memory between chunks")
    cache: Path | None = Field(None, description="folder of intermediate results; none: nothing is kept")
    gates: GateRules = GateRules()

    @model_validator(mode="before")
    @classmethod
    def _second_goes_with_first(cls, values: Any) -> Any:
        """The second detector by default goes with the first by default; to another one it may not fit."""
        if isinstance(values, Mapping) and "grounding_model" in values:
            return {"second_grounding_model": None, **values}
        return values
