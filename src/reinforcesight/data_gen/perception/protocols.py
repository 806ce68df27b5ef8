"""Protocols of depth, grounding and segmentation models.

Pictures are uint8 arrays (H, W, 3), RGB, upright. Boxes are pixels, xyxy, origin top-left, and may extend slightly
beyond the picture. Each call takes a batch and returns one result for each picture, in order. The first call loads the
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
    """A depth map of a whole picture, at the model's resolution.

    Attributes:
        values: float32 (h, w). Zero, negative, infinite and NaN mean "no reading" (but see "inverse").
        kind: "metric": z in metres. "scale": z up to an unknown factor. "inverse": a/z + b with unknown a > 0 and b,
            as relative models give it: larger is nearer, every finite value is a reading, ratios mean nothing.
        focal: Focal length in pixels of the full picture, if the model estimates it.
        views: Depth of the same picture estimated from its mirror image, a smaller copy and crops, in the picture's
            frame; empty if only the picture itself was used.
    """

    values: Float32Array
    kind: DepthKind
    focal: float | None = None
    views: tuple[Float32Array, ...] = ()


@dataclass(frozen=True, slots=True)
class GroundedBox:
    """One place where a phrase was found.

    Attributes:
        phrase: Position of the phrase among the given ones.
        box: Pixels, xyxy. Four NaN: the model's answer about the phrase can't be read, so the thing may be there.
        score: From zero to one.
        point: (x, y) on the thing, from models that point; the box then has no extent, and the segmenter finds it.
    """

    phrase: int
    box: Box
    score: float
    point: tuple[float, float] | None = None

    @staticmethod
    def at(phrase: int, point: tuple[float, float], score: float) -> GroundedBox:
        """A point on a thing whose outline is not yet known."""
        return GroundedBox(phrase, (*point, *point), score, point)

    @staticmethod
    def unreadable(phrase: int) -> GroundedBox:
        """An answer that can't be read: nothing is found, and the thing may be there."""
        return GroundedBox(phrase, (math.nan, math.nan, math.nan, math.nan), 0.0)


@dataclass(frozen=True, slots=True)
class SegmentedMask:
    """The outline of one thing.

    Attributes:
        mask: bool (H, W) as the picture; may be empty.
        score: Quality as estimated by the model, from zero to one.
    """

    mask: BoolArray
    score: float


@dataclass(frozen=True, slots=True)
class SegmentPrompt:
    """What to outline: a box, a point (x, y) on the thing, or both.

    Raises:
        ValueError: There is neither.
    """

    box: Box | None = None
    point: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.box is None and self.point is None:
            raise ValueError("expected a box, a point or both")


class PerceptionModel(Protocol):
    """What all three kinds share."""

    @property
    def identity(self) -> str:
        """Weights and all settings that the results depend on; equal identities give equal results."""

    def release(self) -> None:
        """Free the model's memory; the next call loads it again."""


class DepthEstimator(PerceptionModel, Protocol):
    """One depth map for each picture."""

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]: ...


class Grounder(PerceptionModel, Protocol):
    """All boxes or points of each picture's phrases, also those with a low score; best first."""

    def ground(self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]: ...


class Segmenter(PerceptionModel, Protocol):
    """One mask for each prompt: the outline of the thing in a box or at a point."""

    def segment(
        self, pictures: Sequence[Picture], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]: ...


@dataclass(frozen=True, slots=True)
class PerceptionModels:
    """The models. Without depth or segmentation, scenes hold less; with second models, only what both agree on."""

    grounder: Grounder
    depth: DepthEstimator | None = None
    segmenter: Segmenter | None = None
    second_grounder: Grounder | None = None
    second_depth: DepthEstimator | None = None
