"""Kinds of cues, and the record of one: docs/reasoning.md lists the kinds and their conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reinforcesight.scene import ObjectId


class CueKind(StrEnum):
    """What is seen. Subject and reference are the objects compared, if nothing else is said."""

    COVERS = "covers"  # subject covers part of reference
    CHAIN = "chain"  # subject covers part of via or rests on it, and via covers part of reference or carries it
    GROUND = "ground"  # the reference's base on the ground is higher in the picture than the subject's base
    CUT = "cut"  # the lower edge of the picture cuts off the subject, and the reference does not reach it
    ORDER = "order"  # going along the ground: subject, via, reference; with an anchor: anchor, subject, reference
    EYE_LEVEL = "eye level"  # both stand on the ground: the subject's base is farther below eye level
    SAME_TOP = "same top"  # both rest on via: the subject's base is lower in the picture
    ONE_SUPPORT = "one support"  # subject and anchor rest on via, the reference stands on the ground or on another
    SIZE = "size"  # the subject looks larger
    USUAL_SIZE = "usual size"  # the subject looks larger beside the reference than usual sizes explain
    IN_AIR = "in air"  # the subject's base is lower in the picture, but the reference does not stand on the ground
    RESTS_ON = "rests on"  # subject rests on reference; one of them is the anchor
    GAP = "gap"  # the gap between the outlines of subject and anchor is narrower than that of reference and anchor
    LEVEL = (
        "level"  # on the ground, subject and anchor have their bases at about one height, and the reference has not
    )
    ONE_DEPTH = "one depth"  # on the ground, subject and anchor have their bases at about one height
    BETWEEN = "between"  # subject is between anchor and reference


# Cues of one group say nearly the same: a text names one of them.
GROUPS: Mapping[CueKind, str] = {
    CueKind.CHAIN: "covers",
    CueKind.EYE_LEVEL: "ground",
    CueKind.CUT: "ground",
    CueKind.SAME_TOP: "ground",
    CueKind.IN_AIR: "against",
    CueKind.USUAL_SIZE: "size",
    CueKind.ONE_SUPPORT: "rests on",
    CueKind.ONE_DEPTH: "level",
}


@dataclass(frozen=True)
class Cue:
    """One thing that can be seen."""

    kind: CueKind
    subject: ObjectId
    reference: ObjectId
    anchor: ObjectId | None = None
    via: ObjectId | None = None  # a third object that carries, covers or is covered
    carrier: ObjectId | None = None  # what carries the reference, where that is another object than via
    against: bool = False  # it points to the wrong answer; a text that names it says so
    # Heights and gaps as shares of the picture, sizes as ratios.
    values: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return "against" if self.against else GROUPS.get(self.kind, self.kind.value)

    def record(self) -> dict[str, Any]:
        """For the evidence: JSON values, without what is empty."""
        found: dict[str, Any] = {"kind": self.kind.value, "subject": self.subject, "reference": self.reference}
        found |= {key: value for key in ("anchor", "via", "carrier") if (value := getattr(self, key)) is not None}
        found |= {"against": True} if self.against else {}
        return found | {
            key: round(value, 4) if isinstance(value, float) else value for key, value in self.values.items()
        }
