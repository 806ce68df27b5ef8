"""Compare the distances that a text states: "the bus is 12 m away, the tram 30 m" puts the bus in front of the tram.

Only stated distances are compared; nothing is computed. Sizes ("3 m wide") and differences ("2 m closer") are not
distances. Values without a unit count only after a value with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set

from reinforcesight.language.claim import Claim
from reinforcesight.language.sentences.mentions import Words
from reinforcesight.language.vocabulary import NUMBER_WORDS, word_set
from reinforcesight.relations.kinds import Relation

_UNITS = {
    **dict.fromkeys(word_set("m meter meters metre metres step steps pace paces yard yards"), 1.0),
    **dict.fromkeys(word_set("cm centimeter centimeters centimetre centimetres"), 0.01),
    **dict.fromkeys(word_set("mm millimeter millimeters millimetre millimetres"), 0.001),
    **dict.fromkeys(word_set("km kilometer kilometers kilometre kilometres"), 1000.0),
    **dict.fromkeys(word_set("foot feet ft"), 0.3048),
    **dict.fromkeys(word_set("inch inches"), 0.0254),
}
_NUMBERS = {word: float(value) for value, word in enumerate(NUMBER_WORDS)}
_NUMBERS |= {"half": 0.5, "twenty": 20.0, "thirty": 30.0, "fifty": 50.0}
_WRITTEN = re.compile(r"(\d{1,6})(m|cm|mm|km|ft)?")
# After a value, or anywhere in its clause: it is a size or a difference.
_NO_DISTANCE_AFTER = word_set(
    "wide tall high long thick deep big large closer nearer farther further higher lower above below behind left right "
    "apart taller longer shorter in more less ahead"
)
_SIZES = word_set("height width length size tall wide span spans diameter")
CLAIMS_NOTHING = word_set("if suppose assume imagine not never whether or would were ?")
_CAMERA = word_set("camera viewer viewers observer photographer us me lens")


def claims_of_distances(text: Words, anchor: int | None, known: Set[frozenset[int]]) -> list[Claim[int]]:
    """Return what stated distances say about pairs of objects, besides the ``known`` pairs."""
    if not any(word in _UNITS or word[:1].isdigit() for word in text.words):
        return []
    found: list[Claim[int]] = []
    stated = _stated_distances(text.words, text.targets, anchor)
    for (who, near), (distance, first) in stated.items():
        for (other, same), (longer, second) in stated.items():
            if near is same and distance < longer and frozenset((who, other)) not in known:
                span = (text.tokens[min(first, second)][0], text.tokens[max(first, second)][1])
                relation = Relation.CLOSER if near else Relation.IN_FRONT
                found.append(Claim(relation, who, other, anchor if near else None, span))
    return found


def _stated_distances(
    words: Sequence[str], targets: Sequence[int], anchor: int | None
) -> dict[tuple[int, bool], tuple[float, int]]:
    """Return each object's stated distance in metres and the position of its mention.

    Keys are the object and whether the distance is measured from the anchor (else from the camera). An object with
    several distances is left out.
    """
    found: dict[tuple[int, bool], tuple[float, int] | None] = {}
    known_unit: float | None = None
    for start, end in _sentences(words):
        sentence = words[start:end]
        if not CLAIMS_NOTHING.isdisjoint(sentence) or not _SIZES.isdisjoint(sentence):
            continue
        values, known_unit = _values(words, start, end, known_unit)
        mentions = [(at, targets[at]) for at in range(start, end) if targets[at] >= 0 and targets[at] != anchor]
        from_anchor = anchor is not None and _CAMERA.isdisjoint(sentence)
        events = sorted([(at, target, None) for at, target in mentions] + [(at, -1, value) for at, value in values])
        kinds = [value is None for _, _, value in events]
        if not values or len(events) % 2 or any(a == b for a, b in zip(kinds[::2], kinds[1::2], strict=True)):
            continue
        if len(set(kinds[::2])) > 1:
            continue
        for first, second in zip(events[::2], events[1::2], strict=True):
            mention, measure = (first, second) if first[2] is None else (second, first)
            key = (mention[1], from_anchor)
            value = measure[2] or 0.0
            known = found.get(key, (value, mention[0]))
            found[key] = known if known is not None and known[0] == value else None
    return {key: value for key, value in found.items() if value is not None}


def _sentences(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Return the ranges of sentences and list items; the point of "1.2" ends none."""
    start = 0
    for at, word in enumerate(words):
        decimal = (
            word == "." and at and at + 1 < len(words) and words[at - 1].isdigit() and words[at + 1][:1].isdigit()
        )
        if (word in ".;!\n" and not decimal) or word == "?":
            yield start, at + (word == "?")
            start = at + 1
    yield start, len(words)


def _values(
    words: Sequence[str], start: int, end: int, unit: float | None
) -> tuple[list[tuple[int, float]], float | None]:
    """Return the distances of a sentence with their positions, and the last unit."""
    found: list[tuple[int, float]] = []
    at = start
    while at < end:
        written = _WRITTEN.fullmatch(words[at])
        number = _NUMBERS.get(words[at]) if written is None else float(written[1])
        if number is None:
            at += 1
            continue
        place, own = at, written[2] if written else None
        if written and own is None and words[at + 1 : at + 2] == ["."] and at + 2 < end:
            decimals = _WRITTEN.fullmatch(words[at + 2])
            if decimals:
                number, own, at = float(f"{written[1]}.{decimals[1]}"), decimals[2], at + 2
        at += 1
        while words[at : at + 1] in (["a"], ["-"]):
            at += 1
        scale = _UNITS.get(own or (words[at] if at < end else ""))
        if scale is not None:
            unit, at = scale, at + (own is None)
        elif unit is None or not (at >= end or words[at] in (",", ")", "and", "away", "off", "from", "to", "while")):
            continue
        if at < end and words[at] in _NO_DISTANCE_AFTER and words[at : at + 2] != ["in", "front"]:
            continue
        found.append((place, number * (unit if scale is None else scale)))
    return found, unit
