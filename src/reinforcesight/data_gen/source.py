"""The interface of sources: each returns a picture with its scene, or the reason why it can't be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from reinforcesight.scene import Scene


@dataclass(frozen=True, slots=True)
class Skipped:
    """An annotation or detection that was left out.

    Attributes:
        reason: Short snake_case name, counted in ``rejections.json``.
        detail: File, annotation id and value.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """One picture with its scene.

    Attributes:
        index: Position in the source.
        source: Name of the source, such as "rendered".
        source_id: Unique and stable name of the picture within the source, such as its file name.
        scene: Its objects.
        image: The encoded picture (PNG or JPEG), as the data set stores it.
        skipped: Annotations that were left out.
    """

    index: int
    source: str
    source_id: str
    scene: Scene
    image: bytes
    skipped: tuple[Skipped, ...] = field(default=())


class PictureRejected(Exception):  # noqa: N818 - a verdict on one picture, not a failure of the program
    """This picture can't be used; the pipeline counts the reason, reports the picture and continues.

    Args:
        reason: Short snake_case name, counted in ``rejections.json``.
        detail: What is wrong, and where.
        source_id: Name of the picture.
    """

    def __init__(self, reason: str, detail: str, *, source_id: str) -> None:
        super().__init__(reason, detail, source_id)
        self.reason = reason
        self.detail = detail
        self.source_id = source_id

    def __reduce__(self) -> tuple[object, ...]:
        return (_rejected, (self.reason, self.detail, self.source_id))


def _rejected(reason: str, detail: str, source_id: str) -> PictureRejected:
    return PictureRejected(reason, detail, source_id=source_id)


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
