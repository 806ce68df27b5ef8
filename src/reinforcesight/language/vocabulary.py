"""Singular, plural and synonyms of nouns, for data, judge and reward.

The rules of English come from the library `inflect`; this module contains its errors' corrections and our synonyms.
All words are in lower case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_WORDS = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_JOINERS = re.compile(r"[\s'’-]+")


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen"),
)
# inflect treats most singulars in -s as plurals ("bus": "bu"), so word endings decide, with these exceptions.
_SINGULAR_ENDINGS = ("ss", "us", "is")
_SINGULAR_IN_S = word_set(
    "lens gas canvas atlas alias bias christmas pancreas thermos rhinoceros cosmos news series species gallows tennis "
    "clematis"
)
_PLURAL_IN_US_OR_IS = word_set(
    "menus emus gnus bayous caribous tutus skis taxis kiwis bikinis safaris zucchinis paninis salamis spaghettis "
    "broccolis martinis jacuzzis alibis rabbis"
)
# Single objects that take "are".
_PAIRS = word_set(
    "scissors trousers pants jeans shorts tights leggings pyjamas pajamas sunglasses eyeglasses goggles binoculars "
    "pliers tongs shears tweezers clothes"
)
_PLURAL_ONLY = word_set("police cattle")
_SINGULAR_OF = {f"{word}s": word for word in word_set("beanie bowtie genie hoodie selfie smoothie moustache headache")}
_SINGULAR_OF |= {"cacti": "cactus", "octopi": "octopus", "fungi": "fungus", "hippopotami": "hippopotamus"}
_SINGULAR_OF |= {f"{word}es": word for word in _SINGULAR_IN_S}

# Each line: synonyms. Spaces, hyphens and plurals are ignored in comparisons.
_SAME_THING = tuple(
    tuple(line.split(" | "))
    for line in """
sofa | couch | settee
tv | television | tv monitor | tv set | television set
cup | mug
bin | trash can | garbage can | trash bin | garbage bin | rubbish bin | waste bin | waste container | dustbin
bicycle | bike
motorcycle | motorbike
phone | cell phone | mobile phone | mobile | smartphone | telephone
refrigerator | fridge
bookcase | bookshelf
rug | carpet
person | human
donut | doughnut
airplane | aeroplane | plane
truck | lorry
car | automobile
nightstand | bedside table
pillow | cushion
curtain | drape
backpack | rucksack
handbag | purse
hair dryer | hair drier | blow dryer
remote control | remote
microwave oven | microwave
laptop computer | laptop
cabinet | cupboard
faucet | tap
sidewalk | pavement
streetlight | street lamp
traffic light | traffic signal | stoplight
bathtub | bath | tub
trousers | pants
sweater | jumper
axe | ax
grey | gray
""".strip().splitlines()
)
# Ends of nouns that are also written as two words: "mail box".
_COMPOUND_ENDS = word_set(
    "box board case stand table shelf lamp chair pot ball bag light house cloth boat room bin man pack rack"
)
# Hypernym to hyponyms: "person" may mean the man, but "man" and "woman" are different names.
_KINDS = {
    "person": "man woman boy girl child kid baby player",
    "chair": "armchair",
    "dog": "puppy",
    "cat": "kitten",
}
KIND_OF = {kind: general for general, kinds in _KINDS.items() for kind in kinds.split()}


def squeezed(name: str) -> str:
    """Remove spaces, hyphens and apostrophes: "night stand" and "night-stand" give "nightstand"."""
    return _JOINERS.sub("", name)


_CANONICAL = {squeezed(name): squeezed(group[0]) for group in _SAME_THING for name in group}
_GROUP_OF = {squeezed(group[0]): group for group in _SAME_THING}
_LONGEST_SYNONYM = max(len(name.split()) for group in _SAME_THING for name in group)


@lru_cache(maxsize=1)
def _engine() -> Any:
    # typeguard instruments every function of inflect, which makes the import take seconds (jaraco/inflect#212).
    import typeguard

    guard: Any = typeguard
    instrument = guard.typechecked
    guard.typechecked = lambda target: target
    try:
        import inflect
    finally:
        guard.typechecked = instrument
    return inflect.engine()


@lru_cache(maxsize=16_384)
def singular(word: str) -> str:
    """Return the singular of a noun; a noun that is singular or has no singular is returned unchanged."""
    if word in _SINGULAR_OF:
        return _SINGULAR_OF[word]
    if word in _SINGULAR_IN_S or word in _PAIRS or word in _PLURAL_ONLY or len(word) < 3:
        return word
    if word in _PLURAL_IN_US_OR_IS:
        return word[:-1]
    if word.endswith(_SINGULAR_ENDINGS):
        return word
    return str(_engine().singular_noun(word) or word)


@lru_cache(maxsize=16_384)
def plural(word: str) -> str:
    if word in _PAIRS or word in _PLURAL_ONLY:
        return word
    found = str(_engine().plural_noun(word))
    return f"{word}es" if found.endswith("ss") else found


def takes_are(word: str) -> bool:
    """Return whether a noun takes "are": "stairs", "people", "scissors"; "sheep" and "series" take "is"."""
    return word in _PAIRS or word in _PLURAL_ONLY or singular(word) != word


def is_pair(word: str) -> bool:
    """Return whether a plural word names a single object: "scissors", "glasses"."""
    return word in _PAIRS or word == "glasses"


@lru_cache(maxsize=16_384)
def singular_words(name: str) -> tuple[str, ...]:
    """Return a name's words in lower case and singular, without its article."""
    words = tuple(singular(word) for word in _WORDS.findall(name.casefold()))
    return words[1:] if words and words[0] in {"the", "a", "an"} else words


@lru_cache(maxsize=16_384)
def canonical_words(name: str) -> tuple[str, ...]:
    """Return :func:`singular_words` with synonyms replaced by one canonical name; use only for comparisons."""
    words = singular_words(name)
    folded: list[str] = []
    at = 0
    while at < len(words):
        for count in range(min(_LONGEST_SYNONYM, len(words) - at), 0, -1):
            same = _CANONICAL.get(squeezed("".join(words[at : at + count])))
            if same is not None or count == 1:
                folded.append(same or words[at])
                at += count
                break
    return tuple(folded)


def number_forms(name: str) -> set[str]:
    """Return a name, and the name with its last word in the singular and in the plural."""
    *before, last = name.split() or [""]
    if not last:
        return {name}
    single = singular(last)
    return {name} | {" ".join((*before, word)) for word in (last, single, plural(single))}


@lru_cache(maxsize=16_384)
def other_names(name: str) -> frozenset[str]:
    """Return other names for the same object: singular or plural, synonyms, hypernyms and hyponyms.

    "red couch" gives "red couches", "red sofa", "red settee" and their plurals.
    """
    words = name.casefold().split()
    found: set[str] = set()
    for start in range(max(0, len(words) - _LONGEST_SYNONYM), len(words)):
        tail = " ".join((*words[start:-1], singular(words[-1])))
        general = _CANONICAL.get(squeezed(tail), tail)
        same = {tail, *_GROUP_OF.get(general, ())}
        if general in KIND_OF:
            same |= set(_GROUP_OF.get(KIND_OF[general], (KIND_OF[general],)))
        same |= set(_KINDS.get(general, "").split())
        same |= {
            f"{tail[: -len(end)]} {end}"
            for end in _COMPOUND_ENDS
            if tail.endswith(end) and tail[-len(end) - 1 : -len(end)].isalpha()
        }
        lead = "".join(f"{word} " for word in words[:start])
        found |= {lead + form for other in same for form in number_forms(other)}
    return frozenset(found) - {name}
