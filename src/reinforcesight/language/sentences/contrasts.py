"""Claims that only two statements make together.

"The mug is on the left" and "the lamp is on the right"; "the mug is next to the door" and "the lamp is far from it".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from reinforcesight.language.claim import Claim, canonical_claim
from reinforcesight.language.measures import CLAIMS_NOTHING
from reinforcesight.language.sentences.mentions import NOT_AN_OBJECT, Words
from reinforcesight.language.vocabulary import word_set
from reinforcesight.relations.kinds import Axis, Relation


class Sides:
    """Sides of the picture, and nearness to the camera, that a text gives single objects."""

    def __init__(self) -> None:
        # (axis, object) to the side and the token; None if the text gives both sides.
        self._of: dict[tuple[Axis, int], tuple[Relation, int] | None] = {}

    def note(self, who: int, relation: Relation, token: int) -> None:
        key = (relation.axis, who)
        known = self._of.get(key, (relation, token))
        self._of[key] = (relation, token) if known is not None and known[0] is relation else None

    def claims(self, known: Set[Claim[int]]) -> list[Claim[int]]:
        """Return the claims of objects on opposite sides, unless the ``known`` ones say the same or the opposite."""
        found: list[Claim[int]] = []
        sides = [(axis, who, side) for (axis, who), side in self._of.items() if side is not None]
        for axis, who, (relation, token) in sides:
            for other_axis, other, (opposite, second) in sides:
                if axis is other_axis and relation is axis.relations[0] and opposite is relation.inverse:
                    first = min(token, second)
                    claim = Claim(relation, who, other, None, (first, max(token, second) + 1))
                    if not {canonical_claim(claim), canonical_claim(claim, turned=True)} & known:
                        found.append(claim)
        return found


# "X is close to the anchor": the pattern must match the whole clause, so that a clause with a denial, a doubt or a part
# of an object is not read.
_SPACE = (
    "the (?:room|yard|street|garden|road|path|hall|corridor|field|lane|park|kitchen|picture|image|photo|scene|frame"
    "|shop|lake|pond|court|square|beach|lawn)"
)
_WHO = r"(?:the |a |an )?_q(?P<who>[a-z]+)"
_TO = r"(?:(?:the |a |an )?_q(?P<z>[a-z]+)|(?P<it>it|them))"
_VERB = (  # "is standing", "swims"
    r"(?: (?:is|are|was|were|stand|sit|lie|lean|hang|rest|graze|swim"
    r"|(?!has|does|seems|looks|appears|gets|is|was)[a-z]{3,}s)"
    r"(?: [a-z]+ing| parked| placed| located| set| put)?)"
)
_HOW = r"(?: (?:right|just|only|very|quite|directly|immediately|really|much|[a-z]+ly)){0,2}"
_AWAY = r"(?: (?:far|far away|far off|a long way|a long way away|a great distance))"
_NEAR = re.compile(
    rf"{_WHO}(?:{_VERB}{_HOW} (?:next to|beside|near|close to|by|adjacent to|alongside|against|up against"
    r"|(?:a|one|two|a few) (?:short )?(?:step|steps|metre|meter|inch|inches) (?:away )?from"
    rf"|a (?:short|small|tiny) (?:distance|way) (?:away )?from)|(?: [a-z]+ly)? (?:touches|borders|adjoins)) {_TO}"
)
_TOGETHER = re.compile(
    rf"{_WHO} and (?:the )?_q(?P<z>[a-z]+) are{_HOW} (?:next to each other|close together|side by side|adjacent"
    r"|touching)"
)
_FAR = re.compile(
    rf"{_WHO}{_VERB}?{_HOW}(?:{_AWAY} from {_TO}| (?P<alone>far away|far off|a long way (?:off|away)"
    rf"|(?:all the way |way )?across {_SPACE}|on the (?:other|opposite|far) side of {_SPACE}"
    rf"|at the (?:other|opposite|far) end of {_SPACE}))"
)
_LESS = re.compile(  # after "is a short distance from the door": "much less than the lamp"
    r"(?:much |far |a lot |a bit |slightly |considerably )?(?:less|shorter|smaller|fewer|closer|nearer)(?: so)? than "
    rf"{_WHO}(?: is)?"
)
_FARNESS = word_set("far way distance across side end less shorter smaller fewer")
_SIGNS = frozenset(",;.!?\n—–")
_ENDS = frozenset(".!?\n")
_CONTRASTS = frozenset(("while", "whereas", "but", "although"))
_OPENERS = frozenset(("and", "also", "clearly", "then", "so"))
_DOUBTS = CLAIMS_NOTHING | word_set("maybe perhaps might could may false wrong untrue options says said ask doubt")
_TAKES_BACK = word_set("no wrong false actually wait correction")
_MOST_WORDS = 16  # of a clause
_MOST_EARLIER = 4  # clauses that a clause is compared with
_LOOK_BACK = 40  # words that are searched for what "it" means


@dataclass(frozen=True, slots=True)
class _Clause:
    words: list[str]
    mentions: list[int]  # indices in the text
    sentence: int
    contrasts: bool


@dataclass(frozen=True, slots=True)
class _Reach:
    """An object near the anchor or far from it."""

    who: int
    near: bool
    clause: _Clause


def claims_of_reach(text: Words, anchor: int, known: Set[frozenset[int]]) -> list[Claim[int]]:
    """Return what "next to" and "far from" say about distances to a question's anchor, besides the ``known`` pairs.

    "The mug is next to the door, but the lamp is far from it": the mug is closer to the door.
    """
    if anchor not in text.targets or _FARNESS.isdisjoint(text.words):
        return []
    found: list[Claim[int]] = []
    earlier: list[_Reach] = []
    for clause in _clauses(text.words, text.targets):
        earlier = [one for one in earlier[-_MOST_EARLIER:] if clause.sentence - one.clause.sentence < 2]
        less = _LESS.fullmatch(" ".join(clause.words))
        reach = _reach(text, clause, anchor)
        pairs = []
        if less and earlier and earlier[-1].near and earlier[-1].clause.sentence == clause.sentence:
            pairs = [(earlier[-1], text.targets[clause.mentions[0]])]
        elif reach:
            pairs = [(one, reach.who) for one in earlier if one.near is not reach.near]
            earlier.append(reach)
        for one, other in pairs:
            if other >= 0 and len({one.who, other, anchor}) == 3 and frozenset((one.who, other)) not in known:
                span = (text.tokens[one.clause.mentions[0]][0], text.tokens[clause.mentions[-1]][1])
                relation = Relation.CLOSER if one.near else Relation.FARTHER
                found.append(Claim(relation, one.who, other, anchor, span))
        if not _TAKES_BACK.isdisjoint(clause.words):
            return []
    opposite = {canonical_claim(claim, turned=True) for claim in found}
    return [claim for claim in found if canonical_claim(claim) not in opposite]


def _clauses(words: Sequence[str], targets: Sequence[int]) -> Iterator[_Clause]:
    """Yield the clauses of the sentences that state something."""
    start = number = 0
    for end in (*(at for at, word in enumerate(words) if word in _ENDS), len(words)):
        sentence = words[start : end + 1]
        if _DOUBTS.isdisjoint(sentence):
            yield from _clauses_of_sentence(words, targets, start, min(end, len(words)), number)
        start, number = end + 1, number + 1


def _clauses_of_sentence(
    words: Sequence[str], targets: Sequence[int], start: int, end: int, number: int
) -> Iterator[_Clause]:
    first, contrasts = start, False
    for at in range(start, end + 1):
        ends = at == end or words[at] in _SIGNS or words[at] in _CONTRASTS
        if not ends and words[at] == "and":
            then = at + 1 + (words[at + 1 : at + 2] in (["the"], ["a"], ["an"]))
            ends = then + 1 < end and targets[then] >= 0 and words[then + 1] not in ("are", "both", "and")
        if not ends:
            continue
        while first < at and words[first] in _OPENERS:
            first += 1
        mentions = (
            [place for place in range(first, at) if targets[place] != NOT_AN_OBJECT]
            if at - first <= _MOST_WORDS
            else []
        )
        if mentions:
            yield _Clause(list(words[first:at]), mentions, number, contrasts)
        contrasts = at < end and (words[at] in _CONTRASTS or (contrasts and first == at))
        first = at + 1


def _reach(text: Words, clause: _Clause, anchor: int) -> _Reach | None:
    said = " ".join(clause.words)
    near = _NEAR.fullmatch(said) or _TOGETHER.fullmatch(said)
    match = near or _FAR.fullmatch(said)
    if match is None:
        return None
    named = [text.targets[at] for at in clause.mentions]
    if match.re is _TOGETHER and named[0] == anchor:
        named.reverse()
    if len(named) > 1 and named[1] != anchor:
        return None
    if len(named) == 1 and match["it"]:
        start = clause.mentions[0]
        before = [target for target in text.targets[max(0, start - _LOOK_BACK) : start] if target != NOT_AN_OBJECT]
        if before[-1:] != [anchor] or (near and not clause.contrasts):
            return None
    return _Reach(named[0], near=near is not None, clause=clause) if named[0] >= 0 else None
