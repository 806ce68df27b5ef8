"""Places in the text that a generating model writes: points of Molmo2, boxes of Florence-2.

Text that is not exactly of the documented form gives nothing at all, rather than what could be picked out of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reinforcesight.data_gen.perception.protocols import Box

_TAG = re.compile(r'<points\s+coords="([^"<>]*)"(?:\s+alt="[^"<>]*")?\s*(?:/>|>[^<>]*</points>)')
_ABSENT = re.compile(r"(?:there are none|none|not present|this isn'?t in the image)\.?", re.IGNORECASE)
_LOCATION = re.compile(r"<loc_(\d{1,4})>")
POINT_STEPS, BOX_STEPS = 1000, 1000  # of the picture's side, in Molmo2's points and Florence-2's boxes


def parse_points(text: str) -> list[tuple[float, float]] | None:
    """Points of one picture in an answer of Molmo2, as shares of the picture.

    The form is ``<points coords="1 1 073 160 2 173 600">boats</points>``: the picture's number, then for each point
    its number, x and y in thousandths.

    Returns:
        The points; none where the model says that there are none; ``None`` where the answer can't be read (no tag or
        several, another picture, numbers that do not count up, places outside the picture, the same place twice).
    """
    if _ABSENT.fullmatch(text.strip()):
        return []
    tags = _TAG.findall(text)
    if len(tags) != 1 or text.count("<point") != 1:
        return None
    words = tags[0].split()
    if len(words) < 4 or len(words) % 3 != 1 or not all(re.fullmatch(r"[0-9]{1,4}", w) for w in words):
        return None
    picture, *numbers = (int(word) for word in words)
    if picture != 1 or numbers[0::3] != list(range(1, len(numbers) // 3 + 1)):
        return None
    places = list(zip(numbers[1::3], numbers[2::3], strict=True))
    if max(max(place) for place in places) > POINT_STEPS or len(set(places)) < len(places):
        return None
    return [(x / POINT_STEPS, y / POINT_STEPS) for x, y in places]


@dataclass(frozen=True, slots=True)
class WrittenBox:
    """A box in generated text.

    Attributes:
        label: The words before it.
        box: As shares of the picture, xyxy.
        score: Geometric mean of the probabilities of its four tokens.
    """

    label: str
    box: Box
    score: float


def parse_boxes(pieces: Sequence[tuple[str, float]]) -> list[WrittenBox] | None:
    """Boxes in an answer of Florence-2, given as tokens with their probabilities.

    The form is ``red chair<loc_52><loc_333><loc_932><loc_774>``: words, then four places a box (left, top, right,
    bottom in thousandths, whose middle is meant); several boxes may follow one another, and several labels too.

    Returns:
        The boxes; none for an empty answer; ``None`` where the answer can't be read (words without a box, a box
        without words, a number of places that four does not divide, sides in the wrong order, other tags).
    """
    found: list[WrittenBox] = []
    label, places = "", list[tuple[int, float]]()

    def close() -> bool:
        if not label.strip() and not places:
            return True
        if not label.strip() or not places or len(places) % 4:
            return False
        for start in range(0, len(places), 4):
            four = places[start : start + 4]
            x0, y0, x1, y1 = (place for place, _ in four)
            if not (x0 < x1 <= BOX_STEPS - 1 and y0 < y1 <= BOX_STEPS - 1):
                return False
            box = (
                (x0 + 0.5) / BOX_STEPS,
                (y0 + 0.5) / BOX_STEPS,
                (x1 + 0.5) / BOX_STEPS,
                (y1 + 0.5) / BOX_STEPS,
            )
            found.append(WrittenBox(label.strip(), box, geometric_mean([p for _, p in four])))
        return True

    for piece, probability in pieces:
        location = _LOCATION.fullmatch(piece.strip())
        if location is not None:
            places.append((int(location[1]), probability))
        elif "<" in piece or ">" in piece:
            return None
        elif places and piece.strip():
            if not close():
                return None
            label, places = piece, []
        else:
            label += piece
    return found if close() else None


def geometric_mean(probabilities: Sequence[float]) -> float:
    """Geometric mean of probabilities; zero for none or where one is zero."""
    if not probabilities or min(probabilities) <= 0:
        return 0.0
    return math.exp(sum(math.log(p) for p in probabilities) / len(probabilities))
