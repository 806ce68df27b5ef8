"""Find numerals, number words, units and coordinates in a text: reasoning must contain no estimate.

Used by the question writer, by the audit of a data set and by the training reward. What counts is an amount: a measure,
a multiple, a fraction, a numeral. Words of number that say no amount do not count: "one" as a pronoun, "first" and
"second" as an order, "two objects", "the two", "the left half". docs/reward-parts.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reinforcesight.language.vocabulary import word_set

_COUNTS = word_set("two three four five six seven eight nine ten eleven twelve")
_ALWAYS = word_set(
    "zero thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty "
    "ninety hundred thousand million billion dozen quarter quarters twice thrice doubled triple tripled quadruple "
    "twofold threefold fourfold fivefold tenfold twos threes tens hundreds thousands millions dozens thirds fourths "
    "fifths sixths sevenths eighths ninths tenths hundredths"
)
_ROMAN = word_set("ii iii iv vi vii viii ix xi xii xiii xiv xv xvi xvii xviii xix xx")
_ORDINALS = word_set(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth "
    "ninetieth hundredth thousandth firstly secondly thirdly"
)
_UNITS = word_set(
    "metre centimetre centimeter millimetre millimeter kilometre kilometer inch mile pixel degree percent percentage "
    "radian"
)
_ALWAYS |= _UNITS | {f"{unit}s" for unit in _UNITS} | word_set("inches cm mm km ft px deg pct coordinate coordinates")
# Written together: "twometres".
_ALWAYS |= {f"{count}{unit}{s}" for count in _COUNTS for unit in (*_UNITS, "meter") for s in ("", "s")}
_WITH_EXCEPTIONS = word_set("one ones half halves double foot feet yard yards meter meters")
_IN_NAMES = _COUNTS | _ALWAYS | _ORDINALS | _WITH_EXCEPTIONS
_WORD_SET = _IN_NAMES | _ROMAN | word_set("couple v x")
# What a small number counts without estimating anything; "_" begins a mention of an object.
_THINGS = (
    "objects|things|items|animals|people|persons|figures|shapes|toys|vehicles|pieces|boxes|options|choices|answers|candidates"
    "|sides|edges|ends|corners|rows|names|words|cases|possibilities|parts|areas|regions|pictures|images|views|centres"
    "|centers|distances|depths|heights|positions|places|bounding|of (?:them|these|those|the)"
)
_MEASURE = (
    rf"(?:{'|'.join(sorted(_UNITS))}|meter|foot|yard|step|pace|block|arm|storey|story|floor|width|length|height|time)s?"
    r"|feet|inches|fold"
)


def _one_of(words: frozenset[str]) -> str:
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


# Most texts hold none of these, and looking for whole words is ten times faster than looking for the pattern.
_SIGN = re.compile(r"[\d%°‰]")
_ANY_WORD = re.compile(r"\w+")
_NUMBER = re.compile(
    # Lengths are bounded and words entered at their start alone, so that the work grows linearly with the text.
    # Every number starts at the start of a word or at a sign; the first group keeps the search from trying all
    # alternatives inside words.
    r"(?:(?<!\w)(?=\w)|(?=[\[(%°‰]))(?:"
    r"[\[(]\s{0,9}[-+]?\d[^\[\]()]{0,120},[^\[\]()]{0,120}\d\s{0,9}[\])]"  # a pair or list of coordinates
    r"|(?<!\w)\w*\d(?:[\d.,:/]*\d)?\w*\s?[%°]?"  # any word with a digit in it: 3, 0.5, 12px, 2nd, 7up
    r"|[%°‰]"
    rf"|\b(?:{_one_of(_ALWAYS | _ROMAN)})\b"
    # "two metres", "three of it"; but "two objects", "the two", "two tall _"
    rf"|\b(?:(?<!the )(?<!these )(?<!those )two|{_one_of(_COUNTS - {'two'})})\b"
    rf"(?!\s+(?:\w+\s+)?(?:(?:{_THINGS})\b|_))"
    rf"|(?<=the )two(?=\s+(?:{_MEASURE})\b)"
    rf"|\b(?:one|[vx])\b(?=[\s-]+(?:{_MEASURE})\b)"  # "one step", "X times"
    rf"|\bcouple of(?=\s+(?:{_MEASURE})\b)"
    # "a third of the way", "one fifth"; but "a third object", "the third one"
    rf"|\b(?:(?<=\bone )|(?<=\bone-))(?:{_one_of(_ORDINALS)})\b"
    rf"|(?<=\ba )(?:{_one_of(_ORDINALS)})\b(?=\s+(?:of|as|the|more|less|closer|nearer|farther|further|higher|lower)\b)"
    # "half as far"; but "the left half", "half hidden", "double-check", "foot of the bed", "its feet", "in the yard"
    r"|(?<!left )(?<!right )(?<!hand )(?<!upper )(?<!lower )(?<!top )(?<!bottom )(?<!front )(?<!back )(?<!other )"
    r"\bhalf\b(?![\s-]+(?:hidden|covered|visible|open|closed|empty|full|occluded|concealed))"
    r"|\bdouble\b(?![\s-]+check)"
    r"|\bfoot\b(?!\s+of\b)|(?<!'s )(?<!’s )(?<!its )(?<!his )(?<!her )(?<!their )\bfeet\b"
    r"|(?<!the )(?<!front )(?<!back )\byards?\b|(?<!parking )\bmeters?\b)",
    re.IGNORECASE,
)


def find_numbers(text: str, ignore: Sequence[str] = ()) -> list[str]:
    """Find every amount in a text, in order of appearance: numerals, number words, units, coordinates.

    Args:
        text: Any text; digits of every script and characters such as "½" or "²" are found.
        ignore: Phrases (names of objects, say) whose own words don't count, whatever their case.
    """
    for phrase in sorted((p for p in ignore if p.strip()), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "_", text, flags=re.IGNORECASE)
    if text.isascii() and not _SIGN.search(text) and _WORD_SET.isdisjoint(_ANY_WORD.findall(text.lower())):
        return []
    found = [(match.start(), match.group().strip()) for match in _NUMBER.finditer(text)]
    # Characters with a numeric value that are not decimal digits: fractions, superscripts, Chinese numerals.
    if not text.isascii():
        found += [(at, sign) for at, sign in enumerate(text) if sign.isnumeric() and not sign.isdecimal()]
    return [words for _, words in sorted(found)]


def has_number_words(name: str) -> bool:
    """Return whether a name has a digit or number word, also if it says no amount: "one-way sign", "first aid kit"."""
    if _SIGN.search(name) or any(sign.isnumeric() for sign in name):
        return True
    return not _IN_NAMES.isdisjoint(_ANY_WORD.findall(name.lower()))
