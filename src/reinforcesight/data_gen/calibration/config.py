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
    input_checks: Literal["stop", "warn"] = Field(
        "stop", description="Stop or warn if the annotations look wrong as a whole"
    )
    output: Path = Field(Path("calibration.json"), description="Output file, the input of generate --calibration")
    estimates: Literal["model", "stored"] = Field(
        "model",
        description="Source of the estimated depth. model: run perception.depth_model; stored: read the depth map in "
        "each image's estimated_depth_file_name",
    )
    camera: Literal["photograph", "given"] = Field(
        "photograph",
        description="Camera intrinsics for 3-D positions from estimated depth. photograph: from EXIF, else from the "
        "depth model, else a default field of view, as generate does; given: from the annotation file",
    )
    names: Path | None = Field(
        None,
        description="COCO JSON of pictures with labelled boxes, to measure how often detectors give wrong names",
    )
    name_detections: tuple[Path, ...] = Field(
        (),
        max_length=2,
        description="Detections on the pictures of --names (COCO results JSON); repeat the flag for a second detector",
    )
    max_label_error: float = Field(
        0.01, gt=0, lt=1, description="Maximum fraction of wrong labels; the printed thresholds satisfy it"
    )
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="Confidence level of the upper bounds on the label error rate"
    )
    rules: RelationRules = RelationRules()
    perception: PerceptionConfig = PerceptionConfig(depth_views=True)
