"""What a source gives the pipeline: one picture with its scene, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from reinforcesight.scene import Scene


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of a picture that was left out: an annotation or a detection.

    Attributes:
        reason: Short snake_case word, counted in ``rejections.json``.
        detail: What exactly, and where: file, annotation id, value.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """One picture with everything that is known of it.

    Attributes:
        index: Position in the source.
        source: Name of the source, such as "rendered".
        source_id: Unique and stable name of the picture within the source, such as its file name.
        scene: Its objects.
        image: The encoded picture (PNG or JPEG), as it is stored where no boxes are drawn.
        skipped: Annotations that were left out, each with its reason.
    """

    index: int
    source: str
    source_id: str
    scene: Scene
    image: bytes
    skipped: tuple[Skipped, ...] = field(default=())


class PictureRejected(Exception):  # noqa: N818 - a verdict on one picture, not a failure of the program
    """This picture can't be used; the pipeline counts the reason, reports it by name and goes on.

    Args:
        reason: Short snake_case word, counted in ``rejections.json``.
        detail: What exactly, and where.
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
        """Number of pictures, or ``None`` where they never end (rendered scenes)."""
        ...

    def fingerprint(self) -> str:
        """Digest of everything that decides what :meth:`load` returns: input files and settings."""
        ...

    def load(self, index: int) -> SourcePicture:
        """Picture ``index``, the same whenever and wherever it is asked for.

        Raises:
            PictureRejected: The picture can't be used.
        """
        ...
