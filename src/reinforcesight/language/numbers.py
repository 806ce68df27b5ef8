"""Find numerals, number words, units and coordinates, which reasoning must not contain.

The question writer, the audit and the training reward use this detector. It is strict: "one" counts as a number even
as a pronoun ("the left one"), except in "one another" and "no one"; "second", "foot" and "yard" count although they
have other meanings. "both", "pair", "single", "each", Roman numerals and option letters do not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reinforcesight.language.vocabulary import word_set

_NUMBER_WORDS = word_set(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen "
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth "
    "ninetieth hundredth thousandth firstly secondly thirdly "
    "half halves quarter twice thrice double doubled triple tripled quadruple twofold threefold fourfold fivefold "
    "tenfold ones twos threes tens hundreds thousands millions dozens thirds quarters fifths tenths hundredths"
)
_UNITS = word_set(
    "metre meter centimetre centimeter millimetre millimeter kilometre kilometer inch foot yard mile pixel degree "
    "percent percentage radian"
)
_ABBREVIATIONS = word_set("cm mm km ft px deg pct")
_WORD_SET = _NUMBER_WORDS | _UNITS | {f"{unit}s" for unit in _UNITS} | _ABBREVIATIONS
_WORD_SET |= word_set("inches feet coordinate coordinates")
_WORDS = "|".join(sorted(_WORD_SET, key=lambda word: (-len(word), word)))
# Fast check first: most texts contain no number, and comparing word sets is ten times faster than the pattern.
_SIGN = re.compile(r"[\d%]")
_ANY_WORD = re.compile(r"\w+")
_PRONOUN = r"(?<!\bno )(?<!\w)one(?! another\b)(?!\w)"
_NUMBER = re.compile(
    # Lengths are bounded and words match only from their start, so that the time is linear in the text length.
    r"[\[(]\s{0,9}[-+]?\d[^\[\]()]{0,120},[^\[\]()]{0,120}\d\s{0,9}[\])]"  # a pair or list of coordinates
    r"|(?<!\w)\w*\d(?:[\d.,:/]*\d)?\w*\s?[%°]?"  # any word with a digit: 3, 0.5, 12px, 2nd, 7up
    r"|[%°‰]"
    rf"|\b(?!one\b)(?:{_WORDS})\b"
    rf"|{_PRONOUN}",
    re.IGNORECASE,
)


def find_numbers(text: str, ignore: Sequence[str] = ()) -> list[str]:
    """Return every numeral, number word, unit and coordinate of a text, in order.

    Args:
        text: Any text; digits of all scripts and characters such as "½" or "²" are found.
        ignore: Phrases whose words don't count, for example object names; case is ignored.
    """
    for phrase in sorted((p for p in ignore if p.strip()), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "_", text, flags=re.IGNORECASE)
    if text.isascii() and not _SIGN.search(text) and _WORD_SET.isdisjoint(_ANY_WORD.findall(text.lower())):
        return []
    found = [(match.start(), match.group().strip()) for match in _NUMBER.finditer(text)]
    # Numeric characters that are not decimal digits: fractions, superscripts, Chinese numerals.
    if not text.isascii():
        found += [(at, sign) for at, sign in enumerate(text) if sign.isnumeric() and not sign.isdecimal()]
    return [words for _, words in sorted(found)]
