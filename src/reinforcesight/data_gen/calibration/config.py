"""Settings of ``reinforcesight calibrate``. This module imports fast, since the command line reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from reinforcesight.config import StrictConfig
from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.relations.kinds import RelationRules


class CalibrateConfig(StrictConfig):
    """Settings of ``reinforcesight calibrate``."""

    input: Path = Field(
        description="Annotated pictures with masks and measured depth, in the format of generate --source annotated"
    )
    image_root: Path | None = Field(
        None, description="Picture folder of --input; default: the folder of the annotation file"
    )
    box_frame: Literal["turned", "stored"] | None = Field(
        None,
        description="Coordinates of the boxes in photographs with an EXIF orientation. turned: the upright picture; "
        "stored: the pixels as stored; default: detected from sizes and boxes",
    )
    input_checks: Literal["stop", "warn"] = Field("stop", description="Stop at input that can't be right, or go on")
    output: Path = Field(Path("calibration.json"), description="Output file")
    estimates: Literal["model", "stored"] = Field(
        "model",
        description="model: run perception.depth_model; stored: read estimated_depth_file_name of each image",
    )
    camera: Literal["photograph", "given"] = Field(
        "photograph",
        description="Intrinsics for the estimated positions; photograph: from EXIF or the default field of "
        "view, as generate uses for photographs; given: from the annotation file",
    )
    names: Path | None = Field(
        None,
        description="Pictures with named boxes (COCO JSON), to measure how often the names of detectors are wrong",
    )
    name_detections: tuple[Path, ...] = Field(
        (),
        max_length=2,
        description="Detections on the pictures of --names (COCO results JSON): of the detector, and of the second one",
    )
    max_label_error: float = Field(0.01, gt=0, lt=1, description="Label error rate to report the rules for")
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="Confidence level of the upper bounds on the label error rate"
    )
    rules: RelationRules = RelationRules()
    perception: PerceptionConfig = PerceptionConfig(depth_views=True)
