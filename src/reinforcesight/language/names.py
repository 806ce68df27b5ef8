"""Decide which names are unique in a picture, and remove articles."""

from __future__ import annotations

from collections.abc import Sequence

from reinforcesight.language.vocabulary import KIND_OF, canonical_words, singular_words, squeezed


def ambiguous_names(names: Sequence[str]) -> list[bool]:
    """Return for each name whether it could also mean another object of the same picture.

    "chair" is ambiguous next to "red chair" (which is a chair, too), and so is "red chair", since the chair may be
    red. "red chair" is not ambiguous next to "yellow chair", nor "table" next to "table lamp". A name without a word
    (only symbols) counts as ambiguous.
    """
    # Names are also compared as written: "trash can" is a bin, but may still be called "can".
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
    """Return a name without its article: "the red chair" gives "red chair"."""
    lowered = name.casefold()
    for article in ("the ", "a ", "an "):
        if lowered.startswith(article):
            return name[len(article) :]
    return name
