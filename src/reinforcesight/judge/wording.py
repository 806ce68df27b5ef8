"""Find which choices a sentence mentions, rejects and claims.

A sentence becomes a list of tokens: mentions of choices, and the few words that decide a comparison. There is no
grammar; if the tokens don't decide, the sentence makes no claim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reinforcesight.judge import lexicon
from reinforcesight.judge.options import Options, squeeze
from reinforcesight.protocol import LETTERS

# "The chair is highlighted" describes the chair; "the chair is" answers a question.
_IS_SOMETHING = re.compile(r"\s+(?:is|are)\s+(?!the\b|my\b|not\b|it\b)\w", re.IGNORECASE)
_NEW_CLAUSE = re.compile(r"[,;:]|\b(?:but|because|since|so|as)\b", re.IGNORECASE)
_LONGEST = 1_000
_ALPHABET = frozenset(LETTERS.lower())
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[,;:/&()]| - ")
# "One. Two", "one.Two", line breaks. The class in front lets the search skip all other characters.
_SENTENCE_END = re.compile(r"[.!?\n](?:(?<!\n)[.!?]*(?=\s|\)|$)|(?<=[a-z)][.!?])(?=[A-Z])|(?<=\n)\n*)")


@dataclass(slots=True)
class NamedChoice:
    """A mention of a choice in a sentence, with start and end."""

    start: int
    end: int
    index: int
    by_letter: bool = False


@dataclass(slots=True)
class Reading:
    """What a sentence says about the choices.

    Attributes:
        claims: Pairs of the index of the claimed choice and a strength: 2 for a definite claim, 1 for an inferred one.
        mentions: Choices that are named and not rejected.
        denied: Choices that are rejected.
        tie: Whether the sentence says that the choices are equal.
        hedge: Whether it names two choices with "or".
        asking: Whether it is a question or leaves the answer open.
        concludes: Whether it opens with "therefore" or a similar word.
        turns: Whether it opens with "however" or a similar word.
        corrects: Whether it opens with words that take back what was said: "Correction:", "Scratch that".
        clash: Whether a letter is next to the name of another choice.
        bare: Whether it names choices and says nothing else.
    """

    claims: list[tuple[int, int]] = field(default_factory=list)
    mentions: list[NamedChoice] = field(default_factory=list)
    denied: set[int] = field(default_factory=set)
    tie: bool = False
    hedge: bool = False
    asking: bool = False
    concludes: bool = False
    turns: bool = False
    corrects: bool = False
    clash: bool = False
    bare: bool = False


Token = tuple[int, int, str, int]  # start, end, kind, value (choice index or polarity)


def sentences(text: str) -> list[str]:
    """Split plain text at sentence ends and line breaks; keep a closing "?"; cut very long sentences into pieces."""
    if "i.e." in text or "e.g." in text:
        text = text.replace("i.e.", "that is").replace("e.g.", "such as")
    out: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        stop = end.end() if "?" in end[0] else end.start()
        if stop > start:
            out.append(text[start:stop])
        start = end.end()
    if start < len(text):
        out.append(text[start:])
    if len(text) > _LONGEST:
        # Mentions are compared with one another within a sentence, so its length bounds the work.
        out = [piece[i : i + _LONGEST] for piece in out for i in range(0, len(piece), _LONGEST)]
    return out


def _letter_mention(words: list[re.Match[str]], i: int, options: Options) -> int | None:
    """Return the index of the choice that a one-letter word means, or None if the word is not an option letter."""
    word = words[i]
    char = word[0]
    text, start, end = word.string, word.start(), word.end()
    bracketed = text[start - 1 : start] in ("(", "[") and text[end : end + 1] in (")", "]")
    before = words[i - 1][0].lower() if i else ""
    after = words[i + 1][0].lower() if i + 1 < len(words) else ""
    if not bracketed:
        designated = before in lexicon.BEFORE_LETTER and (char.isupper() or before not in ("than",))
        closes = not text[end:].strip(" .!)") or text[end : end + 1] in (",", ";", ":", ")")
        if char in "Aa" or char.islower() or char == "I":
            follower = after if not (options.labels and after in ("closer", "nearer")) else _past(words, i + 2)
            speaks = follower in lexicon.AFTER_LETTER and (
                char == "A" or (options.labels and after in ("is", "appears", "seems"))
            )
            if not (designated or speaks or (closes and char.isupper() and char != "I")):
                return None
            if char == "A" and designated and before == "than" and not (closes or after in lexicon.AFTER_LETTER):
                return None
        elif text[end : end + 1] == "'":
            return None
    upper = char.upper()
    if options.labels and not bracketed and before not in ("option", "choice"):
        return options.labels.get(upper)
    index = LETTERS.find(upper)
    return index if 0 <= index < options.count else None


def _past(words: list[re.Match[str]], i: int) -> str:
    """Return "is" if no noun follows, so that "A closer" is read like "A is closer"."""
    return "is" if i >= len(words) or words[i][0].lower() in ("to", "than", ",") else ""


def mentions(
    sentence: str, words: list[re.Match[str]], spelled: list[str], options: Options
) -> tuple[list[NamedChoice], bool]:
    """Return the choices that a sentence names, and whether a letter is next to the name of another choice."""
    found: list[NamedChoice] = []
    if options.pattern is not None:
        for match in options.pattern.finditer(sentence):
            index = options.names.get(squeeze(match[0]))
            if index is not None:
                found.append(NamedChoice(match.start(), match.end(), index))
    letters: list[NamedChoice] = []
    alone = [] if _ALPHABET.isdisjoint(spelled) else [i for i, text in enumerate(spelled) if text in _ALPHABET]
    for i in alone:
        start, end = words[i].span()
        index = _letter_mention(words, i, options)
        if index is not None and not any(mention.start <= start < mention.end for mention in found):
            letters.append(NamedChoice(start, end, index, True))
    if not letters:
        return found, False
    if not found:
        return letters, False
    merged: list[NamedChoice] = []
    clash = False
    for mention in sorted(found + letters, key=lambda m: m.start):
        last = merged[-1] if merged else None
        if (
            last
            and last.by_letter != mention.by_letter
            and lexicon.MERGE_GAP.match(sentence[last.end : mention.start])
        ):
            if last.index == mention.index:
                last.end = mention.end
                continue
            clash = True
        merged.append(mention)
    return merged, clash


def drop_pairs(sentence: str, found: list[NamedChoice], reading: Reading, rows: list[Token]) -> list[NamedChoice]:
    """Drop "X and Y" and "X or Y", which name neither choice alone."""
    if len(found) < 2:
        return found
    kept: list[NamedChoice] = []
    i = 0
    while i < len(found):
        mention = found[i]
        nxt = found[i + 1] if i + 1 < len(found) else None
        if nxt and nxt.index != mention.index and nxt.start - mention.end < 24:
            gap = lexicon.PAIR_GAP.match(sentence[mention.end : nxt.start])
            if gap:
                joiner = gap[1].lower().strip(" ,")
                # In "behind the table, and the chair is closer", "the table" belongs to "behind".
                governed = any(
                    kind in ("place", "than", "comparative") and 0 <= mention.start - end < 30
                    for _, end, kind, _ in rows
                )
                if joiner in ("or", "/"):
                    reading.hedge = True
                    i += 2
                    continue
                if joiner in ("and", "&") and not governed:
                    i += 2
                    continue
        kept.append(mention)
        i += 1
    return kept


def read_words(sentence: str) -> tuple[list[re.Match[str]], list[str]]:
    """Return words and the punctuation that ends clauses, and the same in lower case."""
    words = list(_WORD.finditer(sentence))
    return words, [word[0].lower() for word in words]


def word_tokens(sentence: str, words: list[re.Match[str]], spelled: list[str], options: Options) -> list[Token]:
    """Return the words of a sentence that decide a comparison, in order."""
    axis_words, sign = lexicon.AXIS_WORDS[options.axis]
    in_depth = "closer" in axis_words
    rows: list[Token] = []
    awaits_as = False
    deciding = lexicon.DECIDING_ABOUT[options.axis]
    if "'" in sentence:
        decide = [i for i, text in enumerate(spelled) if text in deciding or text[-3:] == "n't"]
    else:
        decide = [i for i, text in enumerate(spelled) if text in deciding]
    for i in decide:
        word, text = words[i], spelled[i]
        known = axis_words.get(text)
        if known:
            kind, polarity = known
            after = spelled[i + 1] if i + 1 < len(spelled) else ""
            before = spelled[i - 1] if i else ""
            if after in lexicon.NO_COMPARISON_BEFORE or (text == "further" and (i == 0 or after == ",")):
                continue
            if text == "distant" and before == "less":
                polarity = 1
            if before == "no" and kind == "comparative":
                rows.append((words[i - 1].start(), words[i - 1].end(), "not", 0))  # "no farther than"
            if text == "right" and (before in ("that's", "is") and after in ("", ",") and i < 3):
                continue
            rows.append((word.start(), word.end(), kind, polarity * sign))
            continue
        if text in ("close", "near", "far") and in_depth:
            if text != "far" and i and spelled[i - 1] == "more":
                rows.append((word.start(), word.end(), "comparative", sign))
                continue
            if (
                i > 1
                and spelled[i - 1] in ("as", "so")
                and (spelled[i - 2] == "not" or spelled[i - 2].endswith("n't"))
            ):
                # "X is not as close as Y"
                while rows and rows[-1][2] in ("not", "done"):
                    rows.pop()
                rows.append((word.start(), word.end(), "comparative", sign if text == "far" else -sign))
                awaits_as = True
                continue
            if text != "far" and i and spelled[i - 1] in ("as", "equally"):
                rows.append((word.start(), word.end(), "tie", 0))
                continue
            if text != "far" and i + 1 < len(spelled) and spelled[i + 1] == "to":
                rows.append((word.start(), word.end(), "weak", sign))
                continue
        if in_depth and text in ("near", "far", "nearby"):
            ends = lexicon.FAR_ENDS if text == "far" else lexicon.NEAR_ENDS
            if ends.match(sentence, word.end()) and (i == 0 or spelled[i - 1] not in ("how", "as", "so", "more")):
                rows.append((word.start(), word.end(), "weak", -sign if text == "far" else sign))
            continue
        if text == "which" and i and spelled[i - 1] in lexicon.THINGS:
            continue  # "the object which is closer"
        if text == "which":
            after, before = spelled[i + 1] if i + 1 < len(spelled) else "", spelled[i - 1] if i else "is"
            relative = lexicon.RELATIVE.search(sentence[max(0, word.start() - 3) : word.end()]) or (
                after in lexicon.RELATIVE_VERBS and before not in lexicon.ASKERS and before[0].isalnum()
            )
            kind = "cut" if lexicon.CONCLUDES.match(after) else "which" if relative else "ask"
            rows.append((word.start(), word.end(), kind, 0))
            continue
        if awaits_as and text == "as":
            rows.append((word.start(), word.end(), "than", 0))
            awaits_as = False
            continue
        kind_only = lexicon.WORD_KINDS.get(text)
        if text == "being":
            kind_only = "which" if i and spelled[i - 1] == "," else None
        if text == "same" and i + 1 < len(spelled):
            if spelled[i + 1] in lexicon.SAME_BUT:
                continue
            kind_only = "level" if spelled[i + 1] in lexicon.SAME_HEIGHT else kind_only
        if kind_only is None:
            if text.endswith("n't"):
                rows.append((word.start(), word.end(), "not", 0))
            elif text == "rather" and i + 1 < len(spelled) and spelled[i + 1] == "than":
                rows.append((word.start(), words[i + 1].end(), "not", 0))
            continue
        if kind_only == "than" and rows and rows[-1][1] == word.end():
            continue  # part of "rather than"
        if text == "instead" and i + 1 < len(spelled) and spelled[i + 1] == "of":
            kind_only = "not"
        rows.append((word.start(), word.end(), kind_only, sign))
    disbelieved = "n't" in sentence or not lexicon.DISBELIEVING.isdisjoint(spelled)
    for start, end, firm in disbelief(sentence) if disbelieved else ():
        rows = [row for row in rows if not start <= row[0] < end]
        rows.append((start, end, "not" if firm else "ask", 0))
    return sorted(rows) if disbelieved else rows


def disbelief(sentence: str) -> list[tuple[int, int, bool]]:
    """Return the ranges of phrases that deny ("I doubt that") or leave open ("I'm not sure that") what follows.

    The third value is whether they deny it.
    """
    return [(match.start(), match.end(), not match["open"]) for match in lexicon.DISBELIEF.finditer(sentence)]


def is_bare(words: list[re.Match[str]], spelled: list[str], found: list[NamedChoice]) -> bool:
    """Return whether a sentence has only names of choices and filler words."""
    if not found or not 0 < len(words) <= 40:
        return False
    sentence = words[0].string
    if _IS_SOMETHING.match(sentence, found[0].end) or lexicon.CUT_OFF.search(sentence[-40:]):
        return False
    for word, text in zip(words, spelled, strict=True):
        if text not in lexicon.FILLER and word[0][0].isalnum():
            start = word.start()
            if not any(mention.start <= start < mention.end for mention in found):
                return False
    return True


def drop_denied(
    sentence: str, found: list[NamedChoice], rows: list[Token], options: Options, reading: Reading
) -> list[NamedChoice]:
    """Remove rejected choices, as in "not the chair", "rather than the chair", "left is wrong"."""
    if not found:
        return found
    negations = [(start, end) for start, end, kind, _ in rows if kind == "not"]
    if (
        not negations
        and "rul" not in sentence
        and "exclu" not in sentence
        and "unlikely" not in sentence
        and "imp" not in sentence
        and "out of the q" not in sentence
    ):
        return found
    heads = [end for _, end, firm in disbelief(sentence) if firm] if options.kind == "relation" else []
    kept = []
    for mention in found:
        denied = any(
            0 <= mention.start - end < 30 and lexicon.NOT_GAP.match(sentence[end : mention.start])
            for _, end in negations
        )
        denied = denied or any(
            end <= mention.start and not _NEW_CLAUSE.search(sentence, end, mention.start) for end in heads
        )
        denied = denied or lexicon.RULED_OUT.search(sentence, max(0, mention.start - 60), mention.start) is not None
        if denied or lexicon.IS_WRONG.match(sentence, mention.end):
            reading.denied.add(mention.index)
        else:
            kept.append(mention)
    return kept
