"""Decide which claims stand: what the context of a claim denies, and what the next sentence takes back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reinforcesight.language.claim import Claim, canonical_claim
from reinforcesight.language.sentences import patterns
from reinforcesight.language.sentences.mentions import Words
from reinforcesight.language.sentences.tags import TaggedSentence
from reinforcesight.language.vocabulary import word_set
from reinforcesight.relations.kinds import Axis

_AWAY = (Axis.DEPTH, Axis.DISTANCE)
_EQUALITY = word_set(
    "same identical equal equally equidistant level just tie tied neither tell say decide sure certain"
)
# "they are at the same distance": takes back only claims about the same axis
_EQUAL = re.compile(
    r"\b(?<!have the )(?<!of the )(?:same|identical|equal) (?:\w+ )?"
    r"(?P<what>distance|depth|height|level|place|position|plane)s?\b"
    r"|\b(?:equally|just as) (?P<how>far|close|near|distant|high|low|remote)\b(?! as)|\b(?P<equidistant>equidistant)\b"
    r"|\bare (?:both |quite )?(?P<level>level)(?= with| \Z)"
)
_AXES = {
    **dict.fromkeys(word_set("distance depth plane far close near distant remote equidistant"), _AWAY),
    **dict.fromkeys(word_set("height high low level"), (Axis.VERTICAL,)),
    **dict.fromkeys(word_set("place position"), tuple(Axis)),
}
_CAMERA = word_set("camera viewer observer photographer us me")
_ENDS = frozenset(".!?;\n")
_MOST_BEFORE = 8  # words without a tag at the start of a sentence
_LONGEST = 40
# "Actually, it is a tie.", "No, I can't tell.": any claim
_CORRECTS = re.compile(
    r"(?:(?:oh|hm+|well|ah) (?:, )?)?(?:actually|no|wait|in (?:fact|reality|truth)|really|however|but|then again"
    r"|hold on|correction|(?:on|at|after|upon) (?:a )?(?:closer|second|careful|another) \w+"
    r"|(?:looking|thinking) (?:again|closer))\b"
)
_UNDECIDED = re.compile(
    r"\b(?:a|of a) (?:tie|draw)\b|\btied\b|\b(?:same|equal|identical) (?:place|position)\b"
    r"|\b(?:can't|cannot|can not|couldn't|not able to) (?:really )?(?:tell|say|decide|be sure)(?: for sure)? \Z"
    r"|\bnot (?:so |really )?(?:sure|certain)(?: anymore| any more| about (?:that|it))? \Z"
)
_NEITHER = re.compile(r"\bneither (?:of (?:them|the two|these) |one )?(?:is|are|lies|stands|sits)\b")  # "is in front"
_NOT_EQUAL = re.compile(
    r"\bnot\b(?! (?:sure|certain))|\bn't|\bnever|\bif\b|\bwhether|\bfirst\b|\b(?:roughly|about|almost|nearly) the"
)


def counts(tags: str, first: int, last: int, *, seeming: bool = False) -> bool:
    """Return whether the context states the claim at these tags, without denying, doubting or asking it."""
    if (
        patterns.SAID.search(tags, first, last)
        or patterns.DENIED_BEFORE.search(tags, 0, first)
        or patterns.DENIED_AFTER.match(tags, last + 1)
    ):
        return False
    asked = patterns.ASKED.search(tags, max(0, first - 4), first)
    if asked and not set(tags[first + 1 : last]) & {"b", "e"}:
        return False
    return not (seeming and ("B" in tags[last:] or tags[:first].endswith(("a", "a,"))))


def kept_after(
    before: list[Claim[int]], sentence: TaggedSentence, stated: list[Claim[int]], text: Words
) -> list[Claim[int]]:
    """Return the claims of the sentence before that this sentence, which states other claims, does not take back."""
    if patterns.RETRACTS.match(sentence.tags):
        return []
    if sentence.tags.startswith("B"):
        opposite = {canonical_claim(claim, turned=True) for claim in stated}
        before = [claim for claim in before if canonical_claim(claim) not in opposite]
    if before and not stated and not sentence.asks:
        before = _without_equal(before, sentence, text)
    return before


def _without_equal(before: list[Claim[int]], sentence: TaggedSentence, text: Words) -> list[Claim[int]]:
    """Return the claims that a sentence such as "Actually, they are at the same distance" leaves."""
    start, end = _range_of(sentence, text.words)
    words = text.words[start:end]
    if _EQUALITY.isdisjoint(words):
        return before
    said = " ".join(words).replace("’", "'") + " "
    equal = _EQUAL.search(said)
    axes = set(_AXES[equal[equal.lastgroup or 0]]) if equal else set[Axis]()
    if _CORRECTS.match(said):
        if _UNDECIDED.search(said):
            axes = set(Axis)
        elif _NEITHER.search(said):
            axes = {relation.axis for relation in sentence.relations.values()}
    if not axes or _NOT_EQUAL.search(said):
        return before
    if not _CAMERA.isdisjoint(words):
        axes.discard(Axis.DISTANCE)
    named = {target for target in text.targets[start:end] if target >= 0}
    return [
        claim
        for claim in before
        if claim.relation.axis not in axes or not named <= {claim.subject, claim.reference, claim.anchor}
    ]


def _range_of(sentence: TaggedSentence, words: Sequence[str]) -> tuple[int, int]:
    """Return the range of a sentence's words, with those that have no tag."""
    start, end = sentence.at[0], sentence.at[0]
    while start and sentence.at[0] - start < _MOST_BEFORE and words[start - 1] not in _ENDS:
        start -= 1
    while end < len(words) and end - start < _LONGEST and words[end] not in _ENDS:
        end += 1
    return start, end
