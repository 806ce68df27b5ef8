"""Usual sizes of things by name, as people know them: a wardrobe is much larger than a mug."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from reinforcesight.language.english import is_plural
from reinforcesight.language.names import bare_name
from reinforcesight.language.vocabulary import canonical_words, word_set

# "toy car" and "car door" are no cars: before a noun of the table only these words are allowed.
_LOOKS = word_set(
    "black white grey gray red orange yellow green blue purple pink brown beige silver golden dark light wooden metal "
    "plastic glass leather empty open closed striped"
)


@dataclass(frozen=True, slots=True)
class UsualSize:
    """Lowest and highest values of an upright thing, metres; the breadth is across the line of sight."""

    height: tuple[float, float]
    breadth: tuple[float, float]

    def upright_side(self, upright: float, deep: float) -> tuple[float, float]:
        """Return the range of real lengths, metres, that the height of the object's box can show.

        Args:
            upright: Foreshortening of vertical lines at this place in the picture; 1 if the camera is level.
            deep: Foreshortening of horizontal lines that point away from the camera.
        """
        return upright * self.height[0], upright * self.height[1] + deep * self.breadth[1]

    def longer_side(self, upright: float, deep: float, ratio: float | None) -> tuple[float, float] | None:
        """Return the range of real lengths, metres, that the longer side of the object's box can show.

        Args:
            upright, deep: As for :meth:`upright_side`.
            ratio: Width of the box over its height; ``None`` if part of the object is hidden or cut off.

        Returns:
            ``None`` if no object of this kind has a box with this ratio.
        """
        tall = self.upright_side(upright, deep)
        low, high = max(tall[0], self.breadth[0]), max(tall[1], self.breadth[1])
        if ratio is not None:
            low, high = max(low, tall[0] * max(1.0, ratio)), min(high, tall[1] * max(1.0, ratio))
        too_narrow = ratio is not None and ratio * tall[1] < self.breadth[0]
        return None if low >= high or too_narrow else (low, high)


@cache
def _table() -> dict[tuple[bool, tuple[str, ...]], UsualSize]:
    text = resources.files(__package__).joinpath("usual_sizes.yaml").read_text(encoding="utf-8")
    return {
        (is_plural(name), canonical_words(name)): UsualSize((low, high), (narrow, wide))
        for name, (low, high, narrow, wide) in yaml.safe_load(text).items()
    }


@cache
def usual_size(name: str) -> UsualSize | None:
    """Look up the usual size of what a name names, such as "white mug"; ``None`` if it isn't known."""
    words = bare_name(name).casefold().split()
    for start in range(len(words)):
        found = _table().get((is_plural(name), canonical_words(" ".join(words[start:]))))
        if found is not None or words[start] not in _LOOKS:
            return found
    return None
