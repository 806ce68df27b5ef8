"""Read which number a sentence gives as the count of the objects that "how many ..." asks about.

A sentence may have other numbers: parts of the count ("three boats: two white, one red"), other objects ("two boats and
four people"), names ("boat 1"). Nothing is added up: a count in parts without a total is no answer.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from reinforcesight.language.vocabulary import NUMBER_WORDS

_GROUPS = {
    **{"a single": 1, "just the one": 1, "a pair of": 2, "a couple of": 2, "a trio of": 3, "half a dozen": 6},
    **{"a half dozen": 6, "a dozen": 12, "two dozen": 24},
}
_VALUES = _GROUPS | {word: value for value, word in enumerate(NUMBER_WORDS)}
# "one" is a number except in "the one", "no one", "one more", "one can see".
_ONE = r"(?<!the )(?<!this )(?<!that )(?<!other )(?<!each )(?<!no )(?<!another )one(?! (?:can|could|sees|more)\b)"
_WORDS = "|".join(
    _ONE if word == "one" else re.escape(word) for word in sorted(_VALUES, key=lambda word: (-len(word), word))
)
_NUMBER = re.compile(rf"(?<![\w.-])(?:\d{{1,4}}(?!\w|\.\d|,\d{{3}}|\s?%)|(?:{_WORDS})(?![\w-]))", re.IGNORECASE)
_ASKED = re.compile(
    r"\bhow many (?:of the )?((?:[\w-]+ ){0,3}?[\w-]+?)(?= (?:are|is|can|could|do|does|have|has|in|on|that|were"
    r"|was|there|"
    r"visible|appear)\b|\s?[?.,]|$)",
    re.IGNORECASE,
)
# "so three", "which makes 3", "for a total of three"
_TOTAL_BEFORE = re.compile(
    r"(?:\b(?:makes?|making|gives?|giving|equals?|totall?ing|totals?|sums? up to|sum|adds? up to|comes? to"
    r"|that is|that's|so"
    r"|hence|thus|therefore|altogether|overall|in all|result|count)\b|[=→])[\s,:]*"
    r"(?:(?:is|of|it is|it's|there (?:are|is)|we (?:have|get)|i (?:count|see|get)|a total of|just|only|exactly)\s+)*\Z",
    re.IGNORECASE,
)
_TOTAL_AFTER = re.compile(r"(?: \w+)? (?:in total|altogether|in all|in sum|overall)\b", re.IGNORECASE)
# "two of them are red", "one is red": a part of the count; "elephant 1 is": a name
_PART = re.compile(
    r"\s(?:of (?:them|these|those|which|the)|(?:is|are|was|were|has|have|might|may|could|being)\b)", re.I
)
_BOUND = re.compile(
    r"\b(?:more than|fewer than|less than|almost|nearly|between)\s\Z",
    re.IGNORECASE,
)
_NOT = re.compile(r"(?:\bnot|n't|\brather than|\binstead of)\s(?:just |only )?\Z", re.IGNORECASE)
_BREAKDOWN = re.compile(r"[:(]| - ")  # after the total: "three boats: two white, one red"
_OR = re.compile(r"\bor\b|\A\s?(?:to|-)\s?\Z", re.IGNORECASE)
_PLACES = "of|and|on|in|at|or|is|are|near|by"
_ADJECTIVES = re.compile(rf"\s(?:(?!(?:{_PLACES})\b)[\w-]+\s){{0,2}}", re.IGNORECASE)
_NOUN_NEXT = re.compile(
    rf"\s(?!(?:{_PLACES}|to|from|behind|under|more|further|farther|here|there|next|beside|along|above|below|over|with|outside"
    r"|inside|around|close)\b)[a-z]",
    re.IGNORECASE,
)
_JOINED = re.compile(r"\b(?:and|plus)\b|,")
_ENDS_PARTS = re.compile(r"(?::| - )\s?\Z")
_SEE_NO = (
    r"\b(?:no|zero) (?!(?:other|more|further|additional|doubt)\b)(?:\w+ )?{noun}"
    r"|\bnone of (?:the|these|them) ?\w* ?(?:is|are) (?:an? )?{noun}"
    r"|(?:n't|\bnot|\bcannot|\bnever|\bwithout)(?: (?:see|find|spot|detect|contain|show|have|include|identify"
    r"|notice|to|be"
    r"|any|a single|one|even|depict|feature))*(?: an?)?(?: (?!the\b|all\b|these\b|count\b|other\b|more\b)\w+)? {noun}"
)


@lru_cache(maxsize=4096)
def counted_noun(question: str | None) -> str:
    """Return the noun of "how many dogs are in the picture?"; "" for any other question."""
    found = _ASKED.search(question or "")
    return found[1].lower() if found else ""


@lru_cache(maxsize=4096)
def _no_such(noun: str) -> re.Pattern[str]:
    return re.compile(_SEE_NO.format(noun=noun), re.IGNORECASE)


def _value(word: str) -> int:
    return int(word) if word.isdigit() else _VALUES[word.lower()]


def read_count(sentence: str, noun: re.Pattern[str] | None) -> tuple[int, bool] | None:
    """Return the count that a sentence states and whether it is a total; ``None`` if it states none or several."""
    numbers = []
    for match in _NUMBER.finditer(sentence):
        label = noun is not None and any(name.end() == match.start() - 1 for name in noun.finditer(sentence))
        if label and match[0].isdigit():
            continue  # "elephant 1"
        if _NOT.search(sentence, max(0, match.start() - 20), match.start()):
            continue
        if _BOUND.search(sentence, max(0, match.start() - 14), match.start()):
            return None
        numbers.append(match)
    for first, second in pairwise(numbers):
        if _value(first[0]) != _value(second[0]) and _OR.search(sentence[first.end() : second.start()]):
            return None  # "two or maybe three"
    attached = [number for number in numbers if noun is not None and _counts_noun(sentence, number.end(), noun)]
    if noun is not None and not attached and _no_such(noun.pattern).search(sentence):
        return 0, False
    whole = [number for number in numbers if not _PART.match(sentence, number.end())] or numbers[:1]
    for number in reversed(whole):
        rest = [other for other in whole if other.start() > number.end()]
        if rest and not _BREAKDOWN.search(sentence, number.end(), rest[0].start()):
            continue
        if rest and _BREAKDOWN.match(sentence, number.end()):
            return _value(number[0]), True  # "four: three in front and one behind"
        follows_parts = whole[0] is not number and _ENDS_PARTS.search(sentence, 0, number.start())
        if _TOTAL_AFTER.match(sentence, number.end()) or _TOTAL_BEFORE.search(sentence[: number.start()]):
            return _value(number[0]), True
        if follows_parts and (number in attached or not rest):
            return _value(number[0]), True
    heads = [number for number in attached if number in whole] or whole
    if len({_value(number[0]) for number in heads}) != 1:
        return None
    # What is counted apart from the head, as in "one boat on the left and one on the right", makes the total unknown.
    others = [number for number in whole if number.start() > heads[0].end() and number not in heads[1:]]
    if heads is whole:
        others = whole[1:] if _JOINED.search(sentence, whole[0].end(), whole[-1].start()) else []
    if len(heads) > 1 and attached and _JOINED.search(sentence, heads[0].end(), heads[-1].start()):
        return None
    floating = [number for number in others if not _other_noun(sentence, number.end())]
    if floating and not _BREAKDOWN.search(sentence, heads[0].end(), floating[0].start()):
        return None
    return _value(heads[0][0]), False


def _counts_noun(sentence: str, end: int, noun: re.Pattern[str]) -> bool:
    """Return whether the asked noun follows a number, with at most two adjectives: "two small white boats"."""
    return any(_ADJECTIVES.fullmatch(sentence, end, name.start()) for name in noun.finditer(sentence, end, end + 60))


def _other_noun(sentence: str, end: int) -> bool:
    """Return whether a number counts something else: "four people", but not "one on the right" or "two"."""
    return _NOUN_NEXT.match(sentence, end) is not None
