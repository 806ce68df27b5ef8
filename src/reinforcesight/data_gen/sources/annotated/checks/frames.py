"""Detect whether boxes refer to the stored pixels of a photograph, or to the picture after its EXIF orientation.

Annotation tools differ, and a wrong guess exchanges left and right. Width and height in the JSON may belong to one
frame and the boxes to the other. So the boxes that fit into only one frame decide for all pictures with the same
relation of sizes; if all boxes fit both frames, the user must choose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reinforcesight.data_gen.sources.annotated.checks.boxes import fits, numbered_boxes
from reinforcesight.data_gen.sources.annotated.checks.doubts import Doubt

BoxFrame = Literal["turned", "stored"]
Size = tuple[int, int]
# How the annotated size is related to the file: as stored, as turned, or no help (absent, or both the same).
SizeOf = Literal["stored", "turned", "neither"]


@dataclass(frozen=True, slots=True)
class TurnedPicture:
    """Picture with an EXIF orientation: its sizes, the annotated size, and its annotations."""

    stored: Size
    shown: Size
    annotated: Size | None
    annotations: Sequence[Mapping[str, object]]

    @property
    def size_of(self) -> SizeOf:
        if self.stored == self.shown or self.annotated not in (self.stored, self.shown):
            return "neither"
        return "stored" if self.annotated == self.stored else "turned"

    def by_boxes(self) -> BoxFrame | None:
        """Return the frame that the boxes fit; ``None`` if they fit both, or disagree."""
        needed = {
            "turned" if turned else "stored"
            for box, _ in numbered_boxes(self.annotations)
            for stored, turned in [(fits(box, self.stored), fits(box, self.shown))]
            if stored != turned
        }
        if len(needed) != 1:
            return None
        return "turned" if "turned" in needed else "stored"


@dataclass(frozen=True, slots=True)
class Frames:
    """Frame decisions for all pictures with an EXIF orientation."""

    asked: BoxFrame | None = None  # the user's choice
    decided: Mapping[SizeOf, BoxFrame] | None = None  # by relation of the sizes, where all boxes agree

    def of(self, picture: TurnedPicture) -> BoxFrame | None:
        """Return the frame of a picture's boxes; ``None``: both fit."""
        if self.asked is not None:
            return self.asked
        own, others = picture.by_boxes(), (self.decided or {}).get(picture.size_of)
        if own is not None or others is not None:
            # Where the two differ, one box may be drawn wrongly: the picture is left out.
            return None if own and others and own != others else own or others
        if picture.size_of == "turned":
            return "turned"  # a tool that writes the turned size shows the turned picture
        if picture.size_of == "stored" and not any(numbered_boxes(picture.annotations)):
            return "stored"
        return None


def decide_frames(pictures: Iterable[TurnedPicture], asked: BoxFrame | None) -> tuple[Frames, Doubt | None]:
    """Return the frame decisions, and warnings for the user."""
    pictures = list(pictures)
    votes: Counter[tuple[SizeOf, BoxFrame]] = Counter()
    for picture in pictures:
        if (own := picture.by_boxes()) is not None:
            votes[picture.size_of, own] += 1
    decided: dict[SizeOf, BoxFrame] = {}
    for size_of in ("stored", "turned", "neither"):
        # Boxes of any picture decide for those whose sizes are no help; the tool is the same.
        turned, stored = (
            sum(n for (of, frame), n in votes.items() if frame == name and size_of in (of, "neither"))
            for name in ("turned", "stored")
        )
        if max(turned, stored) >= 9 * min(turned, stored) and turned != stored:
            decided[size_of] = "turned" if turned > stored else "stored"
    frames = Frames(asked, decided)
    if not pictures:
        return frames, None
    found: Counter[str | None] = Counter(frames.of(picture) for picture in pictures)
    why = "their boxes and sizes say" if asked is None else f"--box_frame {asked} says"
    parts = [
        f"{number} {text}"
        for frame, text in (
            ("turned", f"are turned upright, as {why}"),
            ("stored", f"keep their stored pixels and lose the tag, as {why}"),
            (None, "are left out: their boxes fit both the stored and the turned picture"),
        )
        if (number := found[frame])
    ]
    what = f"{len(pictures)} pictures have an EXIF orientation: {', '.join(parts)}"
    fix = "give --box_frame turned if the tool showed them upright, or --box_frame stored"
    return frames, Doubt("exif_orientation", what, fix if found[None] else "check a few in gallery.html", False)
