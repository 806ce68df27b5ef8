"""Which names point at one object alone, and how a name is written as English."""

from __future__ import annotations

from collections.abc import Sequence

from reinforcesight.language.vocabulary import KIND_OF, canonical_words, singular_words, squeezed


def ambiguous_names(names: Sequence[str]) -> list[bool]:
    """For each name, whether it could mean another object of the same picture as well.

    "chair" is ambiguous beside "red chair" (which is a chair too); "red chair" beside "chair" is ambiguous as
    well, since the plain chair may be red. "red chair" beside "yellow chair" is not, nor is "table" beside
    "table lamp". A name without a single word (only symbols) can't be read and counts as ambiguous.
    """
    # As written too: "trash can" is a bin, and may still be meant by "can".
    readings = [(singular_words(name), canonical_words(name)) for name in names]
    found = [not words for words, _ in readings]
    for i, mine in enumerate(readings):
        for j, other in enumerate(readings[:i]):
            if any(map(_may_mean_the_same, mine, other)):
                found[i] = found[j] = True
    return found


def _may_mean_the_same(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    if not first or not second:
        return False
    if squeezed("".join(first)) == squeezed("".join(second)):
        return True
    short, long = sorted((first, second), key=len)
    tail = long[-len(short) :]
    return short in (tail, _more_general(tail)) or tail == _more_general(short)


def _more_general(words: tuple[str, ...]) -> tuple[str, ...]:
    return (*words[:-1], KIND_OF.get(words[-1], words[-1]))


def bare_name(name: str) -> str:
    """A name without its article: "red chair"."""
    lowered = name.casefold()
    for article in ("the ", "a ", "an "):
        if lowered.startswith(article):
            return name[len(article) :]
    return name
