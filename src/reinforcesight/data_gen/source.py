"""Interface of sources: each returns a picture with its scene, or the reason why the picture can't be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from reinforcesight.errors import ReinforceSightError
from reinforcesight.scene import ObjectId, Scene


@dataclass(frozen=True, slots=True)
class Skipped:
    """Annotation or detection that was left out."""

    reason: str  # snake_case, counted in rejections.json
    detail: str  # file, annotation id and value


@dataclass(frozen=True, slots=True)
class TwinPicture:
    """Second picture of the same objects, in which a relation is inverted; it always shares the first one's split."""

    scene: Scene
    image: bytes  # PNG or JPEG
    made_by: str  # a value of rendering.twins.TwinKind
    moved: ObjectId | None = None  # the object that was moved


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """Picture with its scene, and the annotations or detections that were left out."""

    index: int  # index in the source
    source: str
    source_id: str  # unique and stable within the source, for example the file name
    scene: Scene
    image: bytes  # PNG or JPEG, as stored in the data set
    skipped: tuple[Skipped, ...] = field(default=())
    twin: TwinPicture | None = None


class PictureRejected(Exception):  # noqa: N818 - a verdict on one picture, not a failure of the program
    """Raised if a picture can't be used; the pipeline counts the reason, reports the picture and continues."""

    def __init__(self, reason: str, detail: str, source_id: str) -> None:
        super().__init__(reason, detail, source_id)
        self.reason = reason
        self.detail = detail
        self.source_id = source_id


def rejection_of(error: Exception, index: int) -> PictureRejected:
    """Convert any error from reading picture ``index`` to a rejection, so that one picture never stops the others."""
    if isinstance(error, PictureRejected):
        return error
    if isinstance(error, ReinforceSightError):
        return PictureRejected("unusable", str(error), f"picture {index}")
    return PictureRejected("failed", f"{type(error).__name__}: {error}", f"picture {index}")


class Source(Protocol):
    """Pictures by index. Implementations must be cheap to build and to send to a worker process."""

    name: str

    def count(self) -> int | None:
        """Return the number of pictures, usable or not; ``None`` if the source is endless (rendered scenes)."""
        ...

    def fingerprint(self) -> str:
        """Return a digest of the input files and settings that decide the results of :meth:`load`."""
        ...

    def load(self, index: int) -> SourcePicture:
        """Load picture ``index``; the result is the same in every process and at every call.

        Raises:
            PictureRejected: The picture can't be used.
        """
        ...
