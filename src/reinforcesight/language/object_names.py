"""Build names from categories, captions and attributes, so that the objects of a picture can be told apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from reinforcesight.language.names import ambiguous_names, bare_name
from reinforcesight.language.numbers import has_number_words
from reinforcesight.language.vocabulary import singular_words, word_set

_ALLOWED = re.compile(r"[^\W_]+(?:[ '’&.-]+[^\W_]+)*")
_NAME = re.compile(r"[^\W\d_]+(?:[ '’-]+[^\W\d_]+)*['’]?")
_MAX_CHARACTERS = 60
_MAX_WORDS = 6
# A name that contains a position would give the answer away or contradict it.
_PLACE_WORDS = word_set(
    "left right top bottom upper lower above below under over front behind back rear near nearer nearest far farther "
    "further farthest close closer closest leftmost rightmost middle centre center foreground background side beside "
    "next first second third"
)
# Words that make the question itself unclear: "is the left shoe to the right of ...", "is the camera closer to the
# camera", "is the picture above ... in the picture", "(A) no entry sign".
_UNUSABLE_WORDS = word_set(
    "left right above below front behind closer nearer farther further camera picture image photo photograph scene "
    "object yes no not option answer question the and or"
)
# Names that annotation tools write for "no class".
_NO_NAMES = word_set("n/a na nan none null unknown undefined unlabeled unlabelled other others misc background void")
_LOOK_KEYS = ("size", "color", "colour", "pattern", "material", "texture", "shape")


def tidy_category(name: object) -> str | None:
    """Return a category name as an English noun, or ``None`` if nothing usable is left.

    "Potted_Plant" gives "potted plant", "monitor_(screen)/TV" gives "monitor".
    """
    if not isinstance(name, str):
        return None
    if name.strip().casefold() in _NO_NAMES:
        return None
    text = re.sub(r"\(.*?\)", " ", name.replace("_", " ")).split("/")[0]
    words = [word if len(word) < 5 and word.isupper() else word.lower() for word in text.split()]
    return _usable(" ".join(words))


def tidy_phrase(text: object) -> str | None:
    """Return an annotated name or caption as a noun phrase; ``None`` if it is a sentence or contains a position."""
    if not isinstance(text, str):
        return None
    phrase = bare_name(" ".join(text.replace("_", " ").split()).rstrip("."))
    words = phrase.casefold().split()
    if len(words) > _MAX_WORDS or _PLACE_WORDS.intersection(words):
        return None
    return _usable(phrase)


def _usable(text: str) -> str | None:
    text = unicodedata.normalize("NFC", text)
    return text if len(text) <= _MAX_CHARACTERS and _ALLOWED.fullmatch(text) else None


def usable_name(name: str) -> bool:
    """Return whether questions and reasoning can use this name.

    Not usable are names with numbers or number words ("7up can", "one-way sign"), with signs other than hyphens and
    apostrophes, with more than six words, and with words that make the question itself unclear.
    """
    words = name.split()
    if not words or len(words) > _MAX_WORDS or not _NAME.fullmatch(bare_name(name)) or has_number_words(name):
        return False
    plain = {word for part in singular_words(name) for word in part.split("-")}
    return bool(plain) and not plain & _UNUSABLE_WORDS


def look_attributes(values: object) -> tuple[str, ...]:
    """Return the words that describe an object's appearance.

    Args:
        values: List of words, or a dict such as ``{"color": "red", "truncated": false}``, of which size, colour,
            pattern, material, texture and shape are used. Position words and values with digits are left out.
    """
    if isinstance(values, dict):
        found = [values[key] for key in _LOOK_KEYS if key in values]
    elif isinstance(values, list):
        found = []
        for value in values:
            found += list(look_attributes(value)) if isinstance(value, dict) else [value]
    else:
        found = []
    words: list[str] = []
    for value in found:
        word = tidy_phrase(value)
        plain = word is not None and len(word.split()) <= 2 and not any(c.isdigit() for c in word)
        if word is not None and plain and word.casefold() not in (w.casefold() for w in words):
            words.append(word.casefold())
    return tuple(words)


def with_attributes(names: Sequence[str], attributes: Sequence[tuple[str, ...]]) -> list[str]:
    """Add attributes before the noun if this makes more objects unique: "red chair".

    Single attributes are tried in their order, then all together. If none makes an object unique, names are unchanged.
    """
    bare = ambiguous_names(names)
    if not any(bare):
        return list(names)
    best, unique = list(names), bare.count(False)
    longest = max((len(words) for words in attributes), default=0)
    for picked in [*((k,) for k in range(longest)), tuple(range(longest))]:
        trial = [
            _prefixed(name, [words[k] for k in picked if k < len(words)]) if ambiguous else name
            for name, words, ambiguous in zip(names, attributes, bare, strict=True)
        ]
        count = ambiguous_names(trial).count(False)
        if count > unique:
            best, unique = trial, count
    return best


def _prefixed(name: str, words: Sequence[str]) -> str:
    already = name.casefold().split()
    new = [word for word in words if word not in already]
    return " ".join([*new, name])
