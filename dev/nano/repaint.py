"""What keeps kinds and colours apart in pretraining: repainted objects, and pairs of which nothing is learnt.

Each kind is seen in some of the named colours alone; the other pairs are kept for evaluation under shift. A vision
tower that sees no more than these pairs learns them by heart: it takes a blue thing for one of the kinds that were
blue in training (docs/nano.md has the figures). So objects are repainted, in any colour but those kept for evaluation.
And where a thing is blue, nothing is learnt about the kinds that were never seen in blue, not even that it is none.
"""

from __future__ import annotations

import dataclasses
import math
import random
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nano.scenes import MAX_OBJECTS, PretrainingScene
from reinforcesight.data_gen.rendering import RenderConfig
from reinforcesight.data_gen.rendering.distribution import Distribution, is_reserved, pairs
from reinforcesight.data_gen.rendering.palette import COLOURS, albedo_of

_UNNAMED = -2

_TRIES = 12
_GREY = np.full((3, 3), 1 / 3)
_ACROSS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)


def repainted(scene: PretrainingScene, options: RenderConfig, rng: random.Random) -> PretrainingScene:
    """The scene with each object in a colour of its own, by turning its hue and changing saturation and brightness.

    The new colours have no name to be learnt: in the scene's ``colours`` they are below -1, and :func:`hues` tells
    which colour of the renderer they are nearest to.

    An object whose new colour is nearest to one that is kept for evaluation with its kind is painted anew; where no
    try helps, it stays as it is and keeps its colour's name.

    Args:
        scene: The scene.
        options: Its contents; kinds and colours must be listed.
        rng: Where the colours come from.
    """
    assert options.kinds is not None
    assert options.colours is not None
    change = np.tile(np.eye(3, dtype=np.float32), (MAX_OBJECTS + 2, 1, 1))
    colours = scene.colours.copy()
    for row in np.flatnonzero(scene.kinds >= 0):
        if colours[row] < 0:
            continue
        kind, colour = options.kinds[scene.kinds[row]], options.colours[colours[row]]
        paint = np.array(albedo_of(colour))
        for _ in range(_TRIES):
            matrix = colour_change(rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 1.3), rng.uniform(0.35, 1.25))
            near = nearest_colour(matrix @ paint)
            if not is_reserved(kind, near):
                change[row], colours[row] = matrix, _UNNAMED - COLOURS.index(near)
                break
    # Row -1, where no object is, is the last of the table, and stays as it is.
    picture = np.einsum("hwij,hwj->hwi", change[scene.instances], scene.picture.astype(np.float32))
    return dataclasses.replace(scene, picture=np.clip(picture + 0.5, 0, 255).astype(np.uint8), colours=colours)


def colour_change(turn: float, saturation: float, brightness: float) -> NDArray[Any]:
    """(3, 3) matrix on sRGB values that turns the hue about the grey axis and scales saturation and brightness.

    Args:
        turn: Angle in radians (Rodrigues' formula); a third of a full turn makes red green.
        saturation: Factor on the distance from grey.
        brightness: Factor on all of it.
    """
    rotation = math.cos(turn) * np.eye(3) + math.sin(turn) * _ACROSS + (1 - math.cos(turn)) * _GREY
    change: NDArray[Any] = brightness * (_GREY + saturation * (np.eye(3) - _GREY)) @ rotation
    return change


def nearest_colour(paint: NDArray[Any]) -> str:
    """The named colour nearest to a paint (3,) in sRGB, of all that the renderer has."""
    return COLOURS[int(((_palette() - np.clip(paint, 0, 1)) ** 2).sum(axis=1).argmin())]


def hues(colours: NDArray[Any], options: RenderConfig) -> NDArray[np.int64]:
    """Index into the renderer's ``COLOURS`` of a scene's colours, for those without a name the nearest; -1 for none."""
    assert options.colours is not None
    named = np.array([COLOURS.index(colour) for colour in options.colours])
    values = colours.astype(np.int64)
    return np.where(values >= 0, named[np.maximum(values, 0)], np.where(values <= _UNNAMED, _UNNAMED - values, -1))


def never_seen(options: RenderConfig) -> NDArray[np.bool_]:
    """(len(COLOURS), kinds) the pairs of which training has no picture."""
    assert options.kinds is not None
    shown = set(pairs(Distribution.TRAIN, options.kinds, COLOURS))
    return np.array([[(kind, colour) not in shown for kind in options.kinds] for colour in COLOURS])


@cache
def _palette() -> NDArray[Any]:
    return np.array([albedo_of(colour) for colour in COLOURS])
