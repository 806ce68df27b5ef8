"""Find mentions of a scene's objects in a text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reinforcesight.language.names import bare_name
from reinforcesight.language.vocabulary import other_names

_TOKEN = re.compile(r"['’]s\b|\w+(?:['’](?!s\b)\w+)*|[^\w\s]|\n(?=\s*(?:\n|[-*•]))")
NOT_AN_OBJECT, UNCLEAR = -1, -2

Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Words:
    """Text split into words and punctuation marks; each mention of an object is one word.

    Attributes:
        words: Lower-case words; each mention is replaced by a made-up word for its object that starts with ``_q``.
        targets: For each word, the index of the mentioned object in the scene, ``UNCLEAR`` if the name fits several
            objects, or ``NOT_AN_OBJECT``.
        tokens: Index of a mention in ``words`` to its half-open token range in the text; :func:`character_spans`
            converts it to characters.
    """

    words: list[str]
    targets: list[int]
    tokens: dict[int, tuple[int, int]]


def asked_mentions(names: Mapping[Id, str], colours: Mapping[Id, str]) -> dict[str, Id]:
    """Return the possible wordings of a question's own objects, each with its object.

    Args:
        names: Object (subject, reference or anchor of the question) to its name.
        colours: Object to the colour of the box drawn around it ("boxes" of the question's evidence).
    """
    bare = {item: bare_name(name) for item, name in names.items()}
    mentions = {f"{bare[item]} in the {colour} box": item for item, colour in colours.items()}
    counts = Counter(name.casefold() for name in bare.values())
    return mentions | {name: item for item, name in bare.items() if counts[name.casefold()] == 1}


def scene_mentions(
    names: Sequence[str],
    ambiguous: Sequence[bool],
    asked: Iterable[int],
    colours: Mapping[int, str],
) -> dict[str, int]:
    """Return all possible wordings of a scene's objects, each with the index of its object or ``UNCLEAR``.

    An object can be mentioned by a name or synonym that fits no other object, or by its drawn box.

    Args:
        names: Names of the scene's objects.
        ambiguous: Whether each name fits several objects: :func:`~reinforcesight.language.names.ambiguous_names`.
        asked: Indices of the objects that the question is about; a name that only one of these has means that object.
        colours: Object index to the colour of the box drawn around the object.
    """
    bare = [bare_name(name).lower() for name in names]
    found = {name: UNCLEAR if ambiguous[index] else index for index, name in enumerate(bare)}
    own = {index: bare[index] for index in asked}
    found |= dict.fromkeys(own.values(), UNCLEAR)
    found |= asked_mentions(own, {index: colour for index, colour in colours.items() if index in own})
    for index, colour in colours.items():
        for written in (f"{bare[index]} ({colour} box)", f"object in the {colour} box", f"{colour} box"):
            found.setdefault(written, index)
    synonyms: dict[str, int] = {}
    for index, name in enumerate(bare):
        for other in other_names(name):
            synonyms[other] = index if synonyms.get(other, index) == index else UNCLEAR
    return synonyms | found


class MentionTable:
    """Splits texts into words and finds mentions of objects.

    Args:
        mentions: Name without article to the index of its object in the scene, or to ``UNCLEAR``.
    """

    def __init__(self, mentions: Mapping[str, int]) -> None:
        first: dict[str, list[tuple[list[str], int, str]]] = {}
        for name in sorted(mentions, key=lambda name: (-len(_TOKEN.findall(name)), name)):
            tokens = _TOKEN.findall(name.lower())
            if tokens:
                target = mentions[name]
                first.setdefault(tokens[0], []).append((tokens, target, _stand_in(target)))
        self._first = first

    def split(self, text: str) -> Words:
        """Split a text into words; at each position, the longest matching name is taken."""
        # Plain lists of strings; character positions are computed only for found claims, so that scoring rollouts is
        # fast.
        tokens = _TOKEN.findall(_lower(text))
        first = self._first
        words: list[str] = []
        targets: list[int] = []
        mentioned: dict[int, tuple[int, int]] = {}
        position = 0
        for at in [at for at, token in enumerate(tokens) if token in first]:
            if at < position:
                continue
            for name, target, stand_in in first[tokens[at]]:
                end = at + len(name)
                if tokens[at:end] == name:
                    words += tokens[position:at]
                    targets += [NOT_AN_OBJECT] * (at - position)
                    mentioned[len(words)] = (at, end)
                    words.append(stand_in)
                    targets.append(target)
                    position = end
                    break
        words += tokens[position:]
        targets += [NOT_AN_OBJECT] * (len(tokens) - position)
        return Words(words, targets, mentioned)


def _lower(text: str) -> str:
    """Return the text in lower case with unchanged length: letters whose lower case is longer (such as İ) are kept."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def character_spans(text: str, token_spans: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the character range of each half-open token range."""
    wanted = list(token_spans)
    firsts = {first: 0 for first, _ in wanted}
    lasts = {end - 1: 0 for _, end in wanted}
    for at, match in enumerate(_TOKEN.finditer(_lower(text))):
        if at in firsts:
            firsts[at] = match.start()
        if at in lasts:
            lasts[at] = match.end()
    return {(first, end): (firsts[first], lasts[end - 1]) for first, end in wanted}


def _stand_in(target: int) -> str:
    """Return a made-up word for an object, which can't be mistaken for a number word or unit."""
    letters = ""
    while target >= 0:
        letters += chr(ord("a") + target % 26)
        target = target // 26 - 1
    return f"_q{letters}"
