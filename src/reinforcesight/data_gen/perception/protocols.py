"""Protocols of depth, grounding and segmentation models.

Pictures are uint8 arrays (H, W, 3), RGB, upright. Boxes are in pixels, xyxy, origin top-left, and may extend slightly
beyond the picture. Each call takes a batch and returns one result per picture, in order. The first call loads the
model, so an adapter is cheap to build and to send to a worker process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from reinforcesight.arrays import BoolArray, Float32Array
from reinforcesight.pictures.drawing import Box

Picture = npt.NDArray[np.uint8]

DepthKind = Literal["metric", "scale", "inverse"]


@dataclass(frozen=True, slots=True)
class DepthPrediction:
    """Depth map of a whole picture, at the model's resolution.

    Attributes:
        values: float32 (h, w). Zero, negative, infinite and NaN mean "no value" (except for "inverse").
        kind: "metric": z in metres. "scale": z up to an unknown factor. "inverse": a/z + b with unknown a > 0 and b,
            as from relative models: larger is nearer, every finite value is valid, ratios have no meaning.
        focal: Focal length in pixels of the full picture, if the model estimates it.
        views: Depth of the picture estimated from its mirror image, a downscaled copy and crops, in the picture's
            frame; empty if only the picture itself was used.
    """

    values: Float32Array
    kind: DepthKind
    focal: float | None = None
    views: tuple[Float32Array, ...] = ()


@dataclass(frozen=True, slots=True)
class GroundedBox:
    """Place in a picture where a phrase was found.

    Attributes:
        phrase: Index of the phrase in the request.
        box: Pixels, xyxy. Four NaN: the model's answer for the phrase can't be parsed, so the object may be present.
        score: Score from 0 to 1.
        point: (x, y) on the object, from models that return points; the box then has no extent, and the segmenter
            finds the object's extent.
    """

    phrase: int
    box: Box
    score: float
    point: tuple[float, float] | None = None

    @staticmethod
    def at(phrase: int, point: tuple[float, float], score: float) -> GroundedBox:
        """Make a point on an object whose mask is not known yet."""
        return GroundedBox(phrase, (*point, *point), score, point)

    @staticmethod
    def unreadable(phrase: int) -> GroundedBox:
        """Mark an answer that can't be parsed: nothing is found, but the object may be present."""
        return GroundedBox(phrase, (math.nan, math.nan, math.nan, math.nan), 0.0)


@dataclass(frozen=True, slots=True)
class SegmentedMask:
    """Mask of one object.

    Attributes:
        mask: bool (H, W) of the picture; may be empty.
        score: Quality estimated by the model, from 0 to 1.
    """

    mask: BoolArray
    score: float


@dataclass(frozen=True, slots=True)
class SegmentPrompt:
    """Prompt for a mask: a box, a point (x, y) on the object, or both.

    Raises:
        ValueError: There is neither box nor point.
    """

    box: Box | None = None
    point: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.box is None and self.point is None:
            raise ValueError("expected a box, a point or both")


class PerceptionModel(Protocol):
    """Common interface of all three kinds of models."""

    @property
    def identity(self) -> str:
        """Return weights and all settings that the results depend on; equal identities give equal results."""

    def release(self) -> None:
        """Free the model's memory; the next call loads it again."""


class DepthEstimator(PerceptionModel, Protocol):
    """Interface of depth models: one depth map per picture."""

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]: ...


class Grounder(PerceptionModel, Protocol):
    """Interface of grounding models: all boxes or points of each picture's phrases, best first, even low scores."""

    def ground(self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]: ...


class Segmenter(PerceptionModel, Protocol):
    """Interface of segmentation models: one mask per prompt, for the object in a box or at a point."""

    def segment(
        self, pictures: Sequence[Picture], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]: ...


@dataclass(frozen=True, slots=True)
class PerceptionModels:
    """Models of perception. Without depth or segmenter, scenes contain less; second models must agree with first."""

    grounder: Grounder
    depth: DepthEstimator | None = None
    segmenter: Segmenter | None = None
    second_grounder: Grounder | None = None
    second_depth: DepthEstimator | None = None
