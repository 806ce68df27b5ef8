"""Checks of the reasoning's words: numbers, also disguised ones; length; repetition."""

from __future__ import annotations

import re
import unicodedata

from reinforcesight.language.numbers import find_numbers
from reinforcesight.language.sentences.mentions import MentionTable, Words

# Separated letters: "t w o", "t-w-o".
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]{1,3}[^\W\d_](?![^\W_])){2,}")
_LATIN = re.compile(r"[A-Za-z]")
_OTHER_ALPHABET = re.compile(r"[\u0370-\u03ff\u0400-\u052f]")
# A text without spaces would be one word, so this many characters count as at least one word.
_CHARACTERS_PER_WORD = 12


def numbers_in(reasoning: str, words: Words, mentions: MentionTable) -> tuple[str, ...]:
    """Return numerals, number words, units and coordinates outside object names, and attempts to disguise them.

    Detected disguises: invisible characters inside a word, look-alikes of other scripts (NFKC, or Greek and Cyrillic
    letters among Latin ones), and letters separated by spaces or signs.
    """
    disguised: list[str] = []
    if not reasoning.isascii():
        visible = "".join(char for char in reasoning if unicodedata.category(char) != "Cf")
        words = mentions.split(unicodedata.normalize("NFKC", visible))
        disguised += [w for w in words.words if _OTHER_ALPHABET.search(w) and _LATIN.search(w)]
    plain = " ".join(words.words)
    for run in _SPACED.finditer(plain):
        disguised += find_numbers("".join(char for char in run[0] if char.isalpha()))
    return (*find_numbers(plain), *disguised)


def count_words(words: Words) -> int:
    """Count words without signs; each mention of an object is one word."""
    spoken = _spoken(words)
    characters = sum(map(len, spoken))
    return max(len(spoken), characters // _CHARACTERS_PER_WORD)


def over_length(length: int, soft: int, most: int) -> float:
    """Return 0 up to ``soft`` words, 1 from ``most`` words on, linear between (as DAPO, arXiv:2503.14476)."""
    return min(1.0, max(0.0, (length - soft) / (most - soft)))


def repeated_share(words: Words, size: int) -> float:
    """Return the fraction of n-grams (``size`` words) that occurred before in the same text."""
    spoken = _spoken(words)
    sequences = list(zip(*(spoken[shift:] for shift in range(size)), strict=False))
    return 1.0 - len(set(sequences)) / len(sequences) if sequences else 0.0


def _spoken(words: Words) -> list[str]:
    """Return the words without signs; mentions of different objects are different words."""
    return [word for word in words.words if word[0].isalnum() or word[0] == "_"]
