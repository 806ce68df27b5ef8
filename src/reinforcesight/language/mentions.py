"""Where a text mentions the objects of a scene."""

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
    """A text as words and signs; each mention of an object is one word.

    Attributes:
        words: Lower case; a mention is replaced by a made-up word for its object that starts with ``_q``.
        targets: Position of the mentioned object in the scene, ``UNCLEAR`` if a name fits several objects,
            ``NOT_AN_OBJECT`` for all other words.
        tokens: For each mention, by its position in ``words``, the first token of the text and the one after its
            last: :func:`character_spans` gives the characters.
    """

    words: list[str]
    targets: list[int]
    tokens: dict[int, tuple[int, int]]


def asked_mentions(names: Mapping[Id, str], colours: Mapping[Id, str]) -> dict[str, Id]:
    """How a question's own objects may be written in its reasoning.

    Args:
        names: Object to name: subject, reference and anchor of the question.
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
    """How the objects of a scene may be written: by a name or synonym that fits no other object, or by a drawn box.

    Args:
        names: Names of the scene's objects.
        ambiguous: Which of them fit several objects: :func:`~reinforcesight.language.names.ambiguous_names`.
        asked: Positions of the objects that the question is about: its own wording makes clear which is meant.
        colours: Position to the colour of the box drawn around it.
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
    """Finds mentions of objects in texts.

    Args:
        mentions: Name without article to the object's position in the scene, or ``UNCLEAR``.
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
        """Take a text apart. Longer names win over shorter ones."""
        # Plain lists of strings; positions are computed only for the claims that are found, to keep rollouts fast.
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
    """Lower case of the same length: the few letters that would become two (such as İ) stay as they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def character_spans(text: str, token_spans: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Characters that stretches of tokens (first, one after last) take up in a text."""
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
    """A word for an object that no number word or unit can be read in."""
    letters = ""
    while target >= 0:
        letters += chr(ord("a") + target % 26)
        target = target // 26 - 1
    return f"_q{letters}"
