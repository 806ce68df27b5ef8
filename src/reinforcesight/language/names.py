"""Which names point at one object alone, and how a name is written as English."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

# Words of which a careful reader would not tell the objects apart.
_SYNONYMS = {
    "couch": "sofa",
    "settee": "sofa",
    "television": "tv",
    "tvmonitor": "tv",
    "mug": "cup",
    "trashcan": "bin",
    "bike": "bicycle",
    "cellphone": "phone",
    "mobile": "phone",
    "gray": "grey",
    "human": "person",
    "people": "person",
}
# "the person" may be the man; the man and the woman are told apart.
_KIND_OF = dict.fromkeys(("man", "woman", "boy", "girl", "child", "kid", "baby", "player"), "person")
_PHRASES = {
    ("trash", "can"): "bin",
    ("garbage", "can"): "bin",
    ("waste", "container"): "bin",
    ("rubbish", "bin"): "bin",
    ("tv", "monitor"): "tv",
    ("television", "set"): "tv",
    ("cell", "phone"): "phone",
}
_IRREGULAR = {"buses": "bus", "knives": "knife", "shelves": "shelf", "mice": "mouse", "children": "child"}
_NOT_PLURAL = ("ss", "us", "is", "as")


def canonical_words(name: str) -> tuple[str, ...]:
    """A name's words in lower case, singular, with synonyms folded; for comparison only."""
    words = [_singular(word) for word in _WORDS.findall(name.casefold())]
    if words and words[0] in {"the", "a", "an"}:
        words = words[1:]
    folded: list[str] = []
    for word in words:
        if folded and (folded[-1], word) in _PHRASES:
            folded[-1] = _PHRASES[folded[-1], word]
        else:
            folded.append(_SYNONYMS.get(word, word))
    return tuple(folded)


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 3 and word.endswith("s") and not word.endswith(_NOT_PLURAL):
        if word.endswith(("shes", "ches", "xes", "sses")):
            return word[:-2]
        return word[:-3] + "y" if word.endswith("ies") else word[:-1]
    return word


def ambiguous_names(names: Sequence[str]) -> list[bool]:
    """For each name, whether it could mean another object of the same picture as well.

    "chair" is ambiguous beside "red chair" (which is a chair too); "red chair" beside "chair" is ambiguous as
    well, since the plain chair may be red. "red chair" beside "yellow chair" is not, nor is "table" beside
    "table lamp". A name without a single word (only symbols) can't be read and counts as ambiguous.
    """
    words = [canonical_words(name) for name in names]
    result = []
    for i, mine in enumerate(words):
        clash = not mine or any(j != i and _may_mean_the_same(mine, other) for j, other in enumerate(words))
        result.append(clash)
    return result


def _may_mean_the_same(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    short, long = sorted((first, second), key=len)
    if not short:
        return False
    tail = long[-len(short) :]
    general = (*tail[:-1], _KIND_OF.get(tail[-1], tail[-1]))
    return short in (tail, general) or tail == (*short[:-1], _KIND_OF.get(short[-1], short[-1]))


def with_article(name: str) -> str:
    """A name after the definite article: "the red chair"; an article already there is not doubled."""
    lowered = name.casefold()
    for article in ("the ", "a ", "an "):
        if lowered.startswith(article):
            name = name[len(article) :]
            break
    return f"the {name}"
