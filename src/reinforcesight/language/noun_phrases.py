"""Find noun phrases in a spoken description by rules, and decide whether each names one object or several.

The rules need no model and no list of nouns: a phrase is the text between an article (or another determiner) and the
first word that can't belong to it. This is enough for descriptions such as "I can see a white cup on the table";
uncertain phrases are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from reinforcesight.language.object_names import tidy_phrase
from reinforcesight.language.vocabulary import is_pair, takes_are, word_set

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]")


_ONE = word_set("a an the this that one his her its their my our your")
_OTHER_ONE = word_set("another other")
_MANY = word_set(
    "some many few several various different multiple these those both all two three four five six seven eight nine "
    "ten couple group groups bunch lot lots number pair pairs set sets pile row rows collection"
)
# Words that are never part of a noun phrase.
_BREAKS = word_set(
    "and or but also then so as if because while where when which who whose whom what there here it he she they we i "
    "you him them us me is are was were be been being am has have had do does did can could will would may might "
    "should must seems seem looks look appears appear see sees seen observe find show shows contains contain consists "
    "of in on at to into onto from with without by for about against between among through over under above below "
    "behind beside besides near along across around upon inside outside towards toward beneath underneath next "
    "up down out off not no very too just only quite almost maybe probably like than "
    "wears holds sits stands stand sit lies lie hangs made placed kept taken covered filled attached fixed called "
    "each every any full"
)
# Nouns that name a part of a picture or place instead of an object.
_NOT_THINGS = word_set(
    "image images picture pictures photo photos photograph photography frame view scene background foreground left "
    "right side sides top bottom middle center centre corner corners front back rear part parts end edge area portion "
    "place distance way kind type style shadow shadows reflection reflections light lights color colour colors "
    "colours sky ground floor land grass water wall walls ceiling road street surface air sea ocean snow sand weather "
    "day night time something someone anything everything thing things people others text name logo design half "
    "rest bit lot number group couple bunch pair set row collection pile"
)
# Adjectives of appearance: a phrase that ends in one has no noun ("a black and white image").
_LOOKS = word_set(
    "black white red green blue yellow brown grey gray orange pink purple silver golden dark bright colourful colorful "
    "small big large huge little tiny long short tall old new young round wooden metal plastic glassy beautiful"
)
# Nouns in -ing and -ed; any other such word after a noun is treated as a verb ("a man sitting").
_ING_ED_NOUNS = word_set(
    "building ceiling painting railing clothing ring string king wing swing earring awning lightning icing frosting "
    "crossing drawing pudding spring bed shed sled weed seed"
)
_MAX_WORDS = 4


class HowMany(StrEnum):
    """Number of objects that a phrase names."""

    ONE = "one"
    MANY = "many"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """Noun phrase of a text.

    Attributes:
        text: Lower-case phrase without its article: "white cup".
        head: Bare noun: "cup".
        how_many: Whether the phrase names one object, several, or is unclear.
        start: Index of the first word in :func:`split_words`.
        stop: Index after the last word.
    """

    text: str
    head: str
    how_many: HowMany
    start: int
    stop: int


def split_words(text: str) -> list[str]:
    """Split a text into words, numbers and punctuation marks."""
    return _TOKEN.findall(text)


def noun_phrases(text: str) -> list[NounPhrase]:
    """Return the noun phrases of a text, in order.

    A phrase is ``ONE`` if it has a singular determiner and a singular head, ``MANY`` if it has "another" or a plural,
    and ``UNCLEAR`` without a determiner.
    """
    words = [token.lower().replace("’", "'") for token in split_words(text)]
    found: list[NounPhrase] = []
    position = 0
    while position < len(words):
        determiner = position
        how_many: HowMany | None = None
        while position < len(words) and words[position] in _ONE | _OTHER_ONE | _MANY:
            word = words[position]
            if word in _OTHER_ONE or word in _MANY:
                how_many = HowMany.MANY
            elif how_many is None:
                how_many = HowMany.ONE
            position += 1
            # "a couple of cups": skip "of" after a group word.
            if how_many is HowMany.MANY and position < len(words) and words[position] == "of":
                position += 1
        start = position
        while position < len(words) and _continues(words[position], first=position == start):
            position += 1
        if position > start:
            phrase = _phrase(words, start, position, how_many or HowMany.UNCLEAR)
            if phrase is not None:
                found.append(phrase)
        elif position == determiner:
            position += 1
    return found


def _continues(word: str, *, first: bool) -> bool:
    if not word[0].isalpha() or word in _BREAKS or word in _ONE or word in _OTHER_ONE or word in _MANY:
        return False
    if len(word) < 2:
        return False
    return first or word in _ING_ED_NOUNS or not (len(word) > 4 and word.endswith(("ing", "ed")))


def _phrase(words: list[str], start: int, stop: int, how_many: HowMany) -> NounPhrase | None:
    if words[stop - 1].endswith(("ing", "ed", "ly")) and words[stop - 1] not in _ING_ED_NOUNS:
        return None  # "sitting" or "parked" without a noun
    own = words[max(start, stop - _MAX_WORDS) : stop]
    # A possessive ("the man's hat") is not part of the name.
    for place, word in enumerate(own):
        if word.endswith(("'s", "s'")):
            own = own[place + 1 :]
            break
    if not own or own[-1] in _LOOKS or not _NOT_THINGS.isdisjoint(own):
        return None
    head = own[-1]
    text = tidy_phrase(" ".join(own))
    if text is None:
        return None
    if takes_are(head) and not is_pair(head):
        how_many = HowMany.MANY
    return NounPhrase(text, head, how_many, stop - len(own), stop)
