"""Which scenes belong to training, to held-out evaluation, and to evaluation under shift."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reinforcesight.data_gen.rendering.kinds import KINDS
from reinforcesight.data_gen.rendering.palette import COLOURS


class Distribution(StrEnum):
    """The three families of scenes.

    TRAIN: about 80 % of all kind-colour pairs, and the camera ranges of ``CAMERA_RANGES``.
    HELD_OUT: the same pairs and ranges, but other scenes: the two draw from separate random streams.
    SHIFTED: only kind-colour pairs that training never shows, camera height, pitch, roll and field of view all
        outside the training ranges, and more objects and furnishing in each picture.
    """

    TRAIN = "train"
    HELD_OUT = "held_out"
    SHIFTED = "shifted"


STREAM: dict[Distribution, int] = {Distribution.TRAIN: 0, Distribution.HELD_OUT: 1, Distribution.SHIFTED: 2}
"""A number per distribution that enters every random stream."""


@dataclass(frozen=True)
class CameraRange:
    """Limits of a camera pose.

    Attributes:
        height: Metres above the floor.
        pitch: Degrees, positive looks down.
        roll: Degrees of tilt to either side (the sign is drawn).
        field_of_view: Degrees, horizontal.
    """

    height: tuple[float, float]
    pitch: tuple[float, float]
    roll: tuple[float, float]
    field_of_view: tuple[float, float]


_USUAL = (CameraRange((0.8, 2.0), (0.0, 22.0), (0.0, 4.0), (50.0, 68.0)),)

CAMERA_RANGES: dict[Distribution, tuple[CameraRange, ...]] = {
    Distribution.TRAIN: _USUAL,
    Distribution.HELD_OUT: _USUAL,
    # Low cameras look up a little and high ones look down far, as otherwise hardly anything would be in view.
    Distribution.SHIFTED: (
        CameraRange((0.50, 0.75), (-5.0, -0.5), (4.5, 6.0), (69.0, 75.0)),
        CameraRange((0.50, 0.75), (-5.0, -0.5), (4.5, 6.0), (45.0, 49.0)),
        CameraRange((2.1, 2.5), (23.0, 30.0), (4.5, 6.0), (69.0, 75.0)),
        CameraRange((2.1, 2.5), (23.0, 30.0), (4.5, 6.0), (45.0, 49.0)),
    ),
}

EXTRA_OBJECTS: dict[Distribution, int] = {
    Distribution.TRAIN: 0,
    Distribution.HELD_OUT: 0,
    Distribution.SHIFTED: 2,
}
"""Objects added to both limits of the configured count."""


def is_reserved(kind: str, colour: str) -> bool:
    """True where a kind-colour pair is kept for SHIFTED.

    Every fifth diagonal of the kind x colour table: each kind keeps most of its colours for training, and any
    five neighbouring colours of ``COLOURS`` hold one reserved pair for each kind.
    """
    return (KINDS.index(kind) + COLOURS.index(colour)) % 5 == 2


def pairs(
    distribution: Distribution, kinds: tuple[str, ...], colours: tuple[str, ...]
) -> list[tuple[str, str]]:
    """The kind-colour pairs that a distribution shows, out of the chosen kinds and colours."""
    shifted = distribution is Distribution.SHIFTED
    return [(kind, colour) for kind in kinds for colour in colours if is_reserved(kind, colour) == shifted]
