"""Read texts that weigh every option: "A: 20 %, B: 80 %", "cup: no, jar: yes", "A ✗, B ✓"."""

from __future__ import annotations

import re

from reinforcesight.judge.options import Options, squeeze
from reinforcesight.language.vocabulary import word_set
from reinforcesight.protocol import LETTERS

_MOST = 8
_WEIGHS = re.compile(
    r"[%✓✔✅☑✗✘❌☐]|\b0?\.\d|\[x?\s?\]|\b(?:yes|true|false|confiden|certain|probab|likel|unlikely)", re.IGNORECASE
)
_QUICK = re.compile(r"%|0\.| \.|=\.|\]|yes|true|false|confiden|certain|probab|likel")  # far faster
_LETTER = re.compile(r"(?<![^\W_])(?:option |choice )?\(?([A-Z])\)?(?![^\W_]|')")
_VERDICTS = {
    **dict.fromkeys(("yes", "true", "correct", "✓", "✔", "✅", "☑", "[x]"), 1.0),
    **dict.fromkeys(("no", "false", "incorrect", "✗", "✘", "❌", "☐", "[ ]", "[]"), 0.0),
}
_LEVELS = {"very low": 0.0, "low": 1.0, "unlikely": 1.0, "medium": 2.0, "moderate": 2.0, "likely": 3.0, "high": 3.0}
_LEVELS |= {"very high": 4.0, "very likely": 4.0, "very unlikely": 0.0, "almost certain": 4.0, "certain": 5.0}
# Name of a scale to the pattern of its values.
_SCALES = {
    "percent": re.compile(r"(\d{1,3}(?:\.\d+)?)\s?%"),
    "share": re.compile(r"(?<![\w.])((?:0|1)?\.\d+)(?!\w|\.\d|\s?(?:%|m\b|cm\b|met|f(?:ee|oo)?t))"),
    "verdict": re.compile(
        r"(\b(?:yes|true|false|correct|incorrect|no(?=\s*(?:[.,;)\n]|\Z)))\b|[✓✔✅☑✗✘❌☐]|\[[xX ]?\])", re.I
    ),
    "tenths": re.compile(r"(?<![\w.])(\d{1,2}(?:\.\d)?)\s?(?:/|out of)\s?10\b"),
    "level": re.compile(r"\b((?:very )?(?:high|low|likely|unlikely)|(?:almost )?certain|medium|moderate)\b", re.I),
}
_OF_LEVELS = re.compile(r"confiden|certain|probab|likel", re.IGNORECASE)
# Words between an option and its share; any other word makes the number something else ("at 30 % of the width").
_BETWEEN = word_set(
    "is are has have with gets get a an the of probability confidence likelihood chance score that it its"
    " closer nearer "
    "farther further being for in to from camera give i i'd my about around only roughly confident sure certain option "
    "choice and p answer object while but"
)
_WORD = re.compile(r"[a-z']+")
_SENTENCE_END = re.compile(r"[.!;]\s|\?")
_Item = tuple[int, int, float, bool]  # start, end, index of an option or value, whether it is an option


def weighed(text: str, options: Options) -> tuple[int | None, int, int] | None:
    """Return the option with the greatest weight (``None`` for a tie) and the range of the text that weighs them."""
    if text.isascii() and not _QUICK.search(text.lower()):
        return None
    if options.kind in ("number", "yes_no") or not 2 <= options.count <= _MOST or not _WEIGHS.search(text):
        return None
    named = _named(text, options)
    if {int(item[2]) for item in named} != set(range(options.count)):
        return None
    for scale, pattern in _SCALES.items():
        if scale == "level" and not _OF_LEVELS.search(text):
            continue
        values = [(m.start(), m.end(), _value(m[1].lower()), False) for m in pattern.finditer(text)]
        values = [value for value in values if not any(at < value[1] and value[0] < end for at, end, *_ in named)]
        pairs = _pairs(text, sorted((*named, *values)), options.count, scale)
        if pairs is None:
            continue
        weights = sorted(pairs.values())
        if scale in ("percent", "share") and not 0.97 <= sum(weights) / (100 if scale == "percent" else 1) <= 1.03:
            continue
        best = [index for index, weight in pairs.items() if weight == weights[-1]]
        if scale == "verdict" and (len(best) != 1 or weights[-1] == 0):
            continue
        start, end = min(named[0][0], values[0][0]), max(named[-1][1], values[-1][1])
        return best[0] if len(best) == 1 else None, start, end
    return None


def _value(word: str) -> float:
    for table in (_VERDICTS, _LEVELS):
        if word in table:
            return table[word]
    return float(word)


def _named(text: str, options: Options) -> list[_Item]:
    """Return the options of a text in order; a letter and the name next to it are one."""
    found: list[_Item] = []
    if options.pattern is not None:
        for match in options.pattern.finditer(text):
            index = options.names.get(squeeze(match[0]), -1)
            if index >= 0:
                found.append((match.start(), match.end(), index, True))
    for match in _LETTER.finditer(text):
        index = LETTERS.find(match[1])
        if index < options.count and not any(at <= match.start() < end for at, end, *_ in found):
            found.append((match.start(), match.end(), index, True))
    found.sort()
    merged: list[_Item] = []
    for item in found:
        if merged and merged[-1][2] == item[2] and not _WEIGHS.search(text, merged[-1][1], item[0]):
            merged[-1] = (merged[-1][0], item[1], item[2], True)
        else:
            merged.append(item)
    return merged


def _pairs(text: str, items: list[_Item], count: int, scale: str) -> dict[int, float] | None:
    """Return the weight of each option, if options and values take turns, or all options come before all values."""
    if len(items) != 2 * count:
        return None
    kinds = [item[3] for item in items]
    rows = kinds == [True] * count + [False] * count
    if not rows and (any(kinds[i] == kinds[i + 1] for i in range(0, 2 * count, 2)) or len(set(kinds[::2])) > 1):
        return None
    pairs: dict[int, float] = {}
    for i in range(count):
        first, second = (items[i], items[i + count]) if rows else (items[2 * i], items[2 * i + 1])
        option, value = (first, second) if first[3] else (second, first)
        gap = text[first[1] : second[0]].lower()
        if not rows and (len(gap) > 60 or _SENTENCE_END.search(gap)):
            return None
        if scale in ("percent", "share") and not rows and not set(_WORD.findall(gap)) <= _BETWEEN:
            return None
        pairs[int(option[2])] = value[2]
    return pairs if len(pairs) == count else None
