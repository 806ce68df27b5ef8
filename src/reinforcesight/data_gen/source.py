"""The interface of sources: each returns a picture with its scene, or the reason why it can't be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from reinforcesight.scene import Scene


@dataclass(frozen=True, slots=True)
class Skipped:
    """An annotation or detection that was left out."""

    reason: str  # snake_case, counted in rejections.json
    detail: str  # file, annotation id and value


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """One picture with its scene, and what was left out of it."""

    index: int  # position in the source
    source: str
    source_id: str  # unique and stable within the source, such as the file name
    scene: Scene
    image: bytes  # PNG or JPEG, as the data set stores it
    skipped: tuple[Skipped, ...] = field(default=())


class PictureRejected(Exception):  # noqa: N818 - a verdict on one picture, not a failure of the program
    """This picture can't be used; the pipeline counts the reason, reports the picture and continues."""

    def __init__(self, reason: str, detail: str, source_id: str) -> None:
        super().__init__(reason, detail, source_id)
        self.reason = reason
        self.detail = detail
        self.source_id = source_id


class Source(Protocol):
    """Pictures by position. Implementations are cheap to build and to send to a worker process."""

    name: str

    def count(self) -> int | None:
        """Number of pictures, usable or not; ``None`` if there is no end (rendered scenes)."""
        ...

    def fingerprint(self) -> str:
        """Digest of the input files and settings that decide what :meth:`load` returns."""
        ...

    def load(self, index: int) -> SourcePicture:
        """Picture ``index``: the same in every process and at every call.

        Raises:
            PictureRejected: The picture can't be used.
        """
        ...
