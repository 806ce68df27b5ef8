"""What a depth, a grounding and a segmentation model give, whoever made it.

Pictures are uint8 arrays (H, W, 3), RGB, upright. Boxes are pixels, xyxy, origin top-left, and may leave the
picture by a little. Each call takes a batch and gives one result a picture, in order. A model is loaded by its
first call; an adapter that was not called yet is cheap to build, compare and send to a worker process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from reinforcesight.arrays import BoolArray, Float32Array

Picture = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]

DepthKind = Literal["metric", "scale", "inverse"]


@dataclass(frozen=True, slots=True)
class DepthPrediction:
    """A depth map of a whole picture, at a resolution of the model's choice.

    Attributes:
        values: float32 (h, w). Zero, negative, infinite and NaN mean "no reading" (but see "inverse").
        kind: "metric": z in metres. "scale": z up to an unknown factor. "inverse": a/z + b with unknown a > 0 and b,
            as relative models give it: larger is nearer, any finite value counts, and ratios mean nothing.
        focal: Focal length in pixels of the full picture, where the model estimates it.
    """

    values: Float32Array
    kind: DepthKind
    focal: float | None = None


@dataclass(frozen=True, slots=True)
class GroundedBox:
    """One place where a phrase was found.

    Attributes:
        phrase: Position of the phrase among those asked for.
        box: Where. Four NaN: what the model said about the phrase can't be read, so that the thing may be there.
        score: From zero to one.
        point: (x, y) on the thing, from models that point. The box then has no extent and is the segmenter's to find.
    """

    phrase: int
    box: Box
    score: float
    point: tuple[float, float] | None = None

    @staticmethod
    def at(phrase: int, point: tuple[float, float], score: float) -> GroundedBox:
        """A thing that is pointed at, before its outline is known."""
        return GroundedBox(phrase, (*point, *point), score, point)

    @staticmethod
    def unreadable(phrase: int) -> GroundedBox:
        """An answer about a phrase that can't be read: nothing is found, and nothing is known to be absent."""
        return GroundedBox(phrase, (math.nan, math.nan, math.nan, math.nan), 0.0)


@dataclass(frozen=True, slots=True)
class SegmentedMask:
    """The outline of what a prompt points at.

    Attributes:
        mask: bool (H, W) as the picture; may be empty.
        score: Quality that the model expects, from zero to one.
    """

    mask: BoolArray
    score: float


@dataclass(frozen=True, slots=True)
class SegmentPrompt:
    """What is to be outlined: a box, a point (x, y) on the thing, or both.

    Raises:
        ValueError: There is neither.
    """

    box: Box | None = None
    point: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.box is None and self.point is None:
            raise ValueError("expected a box, a point or both")


class _Model(Protocol):
    @property
    def identity(self) -> str:
        """Weights and every setting that decides the results; equal identities give equal results."""
        ...

    def release(self) -> None:
        """Give the model's memory back; the next call loads it again."""
        ...


class DepthEstimator(_Model, Protocol):
    """Depth of every pixel."""

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]:
        """One depth map a picture."""
        ...


class Grounder(_Model, Protocol):
    """Boxes of things that are named."""

    def ground(
        self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]
    ) -> list[list[GroundedBox]]:
        """All boxes or points of each picture's phrases, also doubtful ones; best first."""
        ...


class Segmenter(_Model, Protocol):
    """Outlines of things that are pointed at."""

    def segment(
        self, pictures: Sequence[Picture], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        """One mask a prompt."""
        ...


@dataclass(frozen=True, slots=True)
class PerceptionModels:
    """The three models; without depth or segmentation scenes hold less.

    With second models, only what both see alike is used.
    """

    grounder: Grounder
    depth: DepthEstimator | None = None
    segmenter: Segmenter | None = None
    second_grounder: Grounder | None = None
    second_depth: DepthEstimator | None = None
