"""Scenes of training, of held-out evaluation, and of evaluation under distribution shift."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reinforcesight.data_gen.rendering.objects.kinds import KINDS
from reinforcesight.data_gen.rendering.palette import COLOURS


class Distribution(StrEnum):
    """The three families of scenes.

    TRAIN: about 80 % of all kind-colour pairs; cameras within ``CAMERA_RANGES``.
    HELD_OUT: the same pairs and ranges, drawn from another random stream.
    SHIFTED: only kind-colour pairs that training never shows; camera height, pitch, roll and field of view outside
        the training ranges; more objects and furnishing in each picture.
    """

    TRAIN = "train"
    HELD_OUT = "held_out"
    SHIFTED = "shifted"


STREAM: dict[Distribution, int] = {Distribution.TRAIN: 0, Distribution.HELD_OUT: 1, Distribution.SHIFTED: 2}
"""Number of a distribution in the seed of every random stream."""


@dataclass(frozen=True)
class CameraRange:
    """Limits of a camera pose: metres above the floor, and degrees. The sign of roll is drawn at random."""

    height: tuple[float, float]
    pitch: tuple[float, float]
    roll: tuple[float, float]
    field_of_view: tuple[float, float]


_USUAL = (CameraRange((0.8, 2.0), (0.0, 22.0), (0.0, 4.0), (50.0, 68.0)),)

CAMERA_RANGES: dict[Distribution, tuple[CameraRange, ...]] = {
    Distribution.TRAIN: _USUAL,
    Distribution.HELD_OUT: _USUAL,
    # Low cameras look slightly up and high ones far down; otherwise almost nothing would be visible.
    Distribution.SHIFTED: (
        CameraRange((0.50, 0.75), (-5.0, -0.5), (4.5, 6.0), (69.0, 75.0)),
        CameraRange((0.50, 0.75), (-5.0, -0.5), (4.5, 6.0), (45.0, 49.0)),
        CameraRange((2.1, 2.5), (23.0, 30.0), (4.5, 6.0), (69.0, 75.0)),
        CameraRange((2.1, 2.5), (23.0, 30.0), (4.5, 6.0), (45.0, 49.0)),
    ),
}

_LOOKING_DOWN = (CameraRange((1.3, 2.0), (31.0, 38.0), (0.0, 4.0), (56.0, 68.0)),)
_INDOORS = 3 * _USUAL + 2 * _LOOKING_DOWN

ROOM_CAMERA_RANGES: dict[Distribution, tuple[CameraRange, ...]] = {
    Distribution.TRAIN: _INDOORS,
    Distribution.HELD_OUT: _INDOORS,
    Distribution.SHIFTED: CAMERA_RANGES[Distribution.SHIFTED],
}
"""Of rooms among the places: two of five cameras look down, as a person at a table does.

Looking ahead, what belongs on walls and furniture is always above what belongs on the floor, and names alone tell which
is which. Looking down, what is farther is higher in the picture.
"""


def is_reserved(kind: str, colour: str) -> bool:
    """Return whether a kind-colour pair is reserved for SHIFTED: every fifth diagonal of the kind x colour table.

    So each kind keeps most of its colours for training.
    """
    return (KINDS.index(kind) + COLOURS.index(colour)) % 5 == 2


def pairs(distribution: Distribution, kinds: tuple[str, ...], colours: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return a distribution's kind-colour pairs among the given kinds and colours."""
    shifted = distribution is Distribution.SHIFTED
    return [(kind, colour) for kind in kinds for colour in colours if is_reserved(kind, colour) == shifted]
