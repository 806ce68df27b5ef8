"""Restate an unread answer: correct misspelt words, and translate the few words that answer in other languages."""

from __future__ import annotations

import re
from functools import lru_cache

from reinforcesight.language.vocabulary import NUMBER_WORDS, word_set

_WRITTEN = word_set(
    "above below beneath left right under behind front closer closest nearer nearest farther answer option"
)
_WORDS_AS_WELL = word_set("let blow closet loser father font fronts bellow")  # one slip away, but words themselves
_SIDES = {
    "left": "links gauche izquierda izquierdo sinistra esquerda",
    "right": "rechts droite derecha derecho destra direita",
    "above": "oben oberhalb darüber arriba encima dessus sopra acima",
    "below": "unten unterhalb darunter abajo debajo dessous sotto abaixo",
}
_NEAR = {
    "closer": "näher|más cerca|mas cerca|plus proche|plus près|più vicin[oa]|mais pert[oa]",
    "farther": "weiter entfernt|weiter weg|más lejos|mas lejos|plus loin|plus éloignée?|più lontan[oa]|mais longe",
}
# Signs need no spaces around them.
_SIGNS = {
    "left": "左",
    "right": "右",
    "above": "上",
    "below": "下",
    "closer": "更近|较近|最近|比较近",
    "farther": "更远|较远|最远",
}
_NUMBERS = (
    "cero|zéro|null|nessun[oa]?|ningun[oa]",
    "",  # the words for one are articles
    "zwei|dos|deux|due|dois|duas",
    "drei|tres|trois|tre|três",
    "vier|cuatro|quatre|quattro|quatro",
    "fünf|cinco|cinq|cinque",
    "sechs|seis|six|sei",
    "sieben|siete|sept|sette|sete",
    "acht|ocho|huit|otto|oito",
    "neun|nueve|neuf|nove",
    "zehn|diez|dix|dieci|dez",
)
_NUMBER_SIGNS = {
    sign: number
    for number, signs in enumerate(("零", "一", "二两", "三", "四", "五", "六", "七", "八", "九", "十"))
    for sign in signs
}
_WORD = re.compile(r"[^\W\d_]{3,}")
_LONGEST = 400
_SHORT = 8  # words; in a longer text, another language's word for a side has an object that can't be read


def _slips(word: str) -> set[str]:
    """Return a word with one letter left out, doubled, or exchanged with the next."""
    found = {word[:i] + word[i + 1 :] for i in range(1, len(word))}
    found |= {word[: i + 1] + word[i:] for i in range(len(word))}
    return found | {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}


@lru_cache(maxsize=1)
def _misspelt() -> dict[str, str]:
    found: dict[str, str] = {}
    for word in sorted(_WRITTEN):
        found |= dict.fromkeys(_slips(word), word)
    found |= {"awnser": "answer", "asnwer": "answer"}
    return {slip: word for slip, word in found.items() if slip not in _WRITTEN | _WORDS_AS_WELL}


@lru_cache(maxsize=1)
def _translations() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return patterns of other languages' words and their English words."""
    found = [(rf"\b(?:{words})\b", english) for english, words in _NEAR.items()]
    # A side counts at the end only: what follows would name an object.
    found += [(rf"\b(?:{'|'.join(words.split())})(?=\W*\Z)", english) for english, words in _SIDES.items()]
    found += [
        (rf"(?:{signs})(?:边|侧|方|面)?(?=\W*\Z)" if len(signs) == 1 else signs, english)
        for english, signs in _SIGNS.items()
    ]
    return tuple((re.compile(pattern, re.IGNORECASE), f" {english} ") for pattern, english in found)


@lru_cache(maxsize=1)
def _number_patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), NUMBER_WORDS[number])
        for number, words in enumerate(_NUMBERS)
        if words
    )


@lru_cache(maxsize=1)
def _foreign() -> frozenset[str]:
    """Return all words of other languages; texts without any are left alone."""
    return frozenset(
        _WORD.findall(re.sub(r"\[oa\]|e\?", " ", " ".join((*_SIDES.values(), *_NEAR.values(), *_NUMBERS))))
    )


def restated(text: str, kind: str) -> str:
    """Correct misspelt words and translate known words of other languages for choices of a ``kind`` (`Options`)."""
    if len(text) > _LONGEST:
        return text
    misspelt = _misspelt()
    words = set(_WORD.findall(text.lower()))
    if text.isascii() and words.isdisjoint(_foreign()) and misspelt.keys().isdisjoint(words):
        return text
    if not misspelt.keys().isdisjoint(words):
        text = _WORD.sub(lambda match: misspelt.get(match[0].lower(), match[0]), text)
    if kind == "number":
        for pattern, english in _number_patterns():
            text = pattern.sub(english, text)
        return re.sub(
            "[零一二两三四五六七八九十](?=[个只艘辆条张把本人名位头匹台件盏棵座]|\\W*\\Z)",
            lambda match: f" {NUMBER_WORDS[_NUMBER_SIGNS[match[0]]]} ",
            text,
        )
    if kind in ("relation", "entity") and (kind == "entity" or len(text.split()) <= _SHORT):
        for pattern, english in _translations():
            text = pattern.sub(english, text)
    return text
