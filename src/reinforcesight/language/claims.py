"""Read which relations between objects a text claims. The audit and the reward both use this reader.

Each sentence becomes a string of tags, one per word or phrase of the tables in
:mod:`reinforcesight.language.sentences.phrases`. A few regular expressions over these strings find what is compared
with what. docs/claims.md explains the tags and the steps.
"""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass
from itertools import chain

from reinforcesight.language.claim import Claim, canonical_claim
from reinforcesight.language.measures import claims_of_distances
from reinforcesight.language.sentences import patterns
from reinforcesight.language.sentences.contrasts import Sides, claims_of_reach
from reinforcesight.language.sentences.denials import counts, kept_after
from reinforcesight.language.sentences.mentions import Words
from reinforcesight.language.sentences.phrases import PARTS
from reinforcesight.language.sentences.subjects import (
    belongs_to_another,
    carried_subject,
    carries_along,
    has_clear_roles,
    joined_subjects,
    topic_place,
)
from reinforcesight.language.sentences.tags import TaggedSentence, tag_sentences
from reinforcesight.language.sentences.viewpoints import is_partly_hidden, is_seen_from_camera
from reinforcesight.relations.kinds import Axis, Relation

__all__ = ["Claim", "canonical_claim", "read_claims"]

_ORDER = {"before": True, "precedes": True, "followed": True, "after": False, "follows": False}
_EDGES = ("top", "bottom", "edge", "border", "floor", "ground", "ceiling", "left", "right")
_NEARNESS = {"near", "nearest", "close", "closest"}
_SO = ("so", "meaning", "making")
_RANKED = frozenset(("former", "latter"))
_ITS = ("its", "their", "his", "her")
_WINDOW = 24  # number of tags before a relation word that are searched for its subject

_DISTANCE = {Relation.IN_FRONT: Relation.CLOSER, Relation.BEHIND: Relation.FARTHER}


@dataclass(slots=True)
class _Found:
    """Claim with its position in a sentence: index of its first and of its last tag."""

    claim: Claim[int]
    first: int
    last: int
    seeming: bool = False


def read_claims(
    text: Words, pair: tuple[int, int] | None = None, anchor: int | None = None, topic: int | None = None
) -> list[Claim[int]]:
    """Return the claims that a text states; claims that are asked, supposed, quoted, doubted or denied do not count.

    Args:
        text: Text, split by a :class:`~reinforcesight.language.sentences.mentions.MentionTable`.
        pair: The two objects that the question compares: "the mug is closer" then means closer than the other object.
            Without a pair, this works only in a text that mentions exactly two objects.
        anchor: Object that the question measures distances to: "closer" alone then means closer to it.
        topic: Object that a pronoun at the start of the text means.
    """
    return _Reader(text, pair, anchor, topic).read()


class _Reader:
    def __init__(self, text: Words, pair: tuple[int, int] | None, anchor: int | None, topic: int | None) -> None:
        self._text = text
        self._anchor = anchor
        mentioned = {target for target in text.targets if target >= 0}
        self._pair = pair if pair is not None else tuple(mentioned) if len(mentioned) == 2 else None
        self._topic = topic
        self._previous: TaggedSentence | None = None  # the last one with an object; pronouns mean its objects
        self._mentions = list(text.tokens)
        self._sides = Sides()

    def read(self) -> list[Claim[int]]:
        found: list[Claim[int]] = []
        before: list[Claim[int]] = []
        for sentence in tag_sentences(self._text):
            if not sentence.tags:
                continue
            stated = self._stated(sentence)
            found += kept_after(before, sentence, stated, self._text)
            before = stated
            if "m" in sentence.tags:
                self._previous = sentence
        found += before
        found += self._sides.claims({canonical_claim(claim) for claim in found})
        pairs = {frozenset((one.subject, one.reference)) for one in found}
        found += claims_of_distances(self._text, self._anchor, pairs)
        if self._anchor is not None:
            found += claims_of_reach(self._text, self._anchor, pairs)
        return sorted(found, key=lambda claim: claim.tokens)

    def _stated(self, sentence: TaggedSentence) -> list[Claim[int]]:
        tags = sentence.tags
        if not sentence.relations or sentence.asks:
            return []
        start = 0
        if patterns.WHEN.match(tags) and self._text.words[sentence.at[0]] in ("when", "whenever", "should"):
            start = tags.find(",") if "," in tags else len(tags)  # "when the mug is left of the lamp, ..."
        if ("M" in tags or "V" in tags) and patterns.SEEN_OTHERWISE.search(
            tags
        ):  # "in the mirror ..., but" counts from "but" on
            start = tags.rfind("B")
            if start < 0 or patterns.SEEN_OTHERWISE.search(tags, start):
                return []
        found: list[_Found] = []
        for at in sentence.relations:
            if at >= start:
                found += self._claims_at(sentence, at)
        if "G" in tags and "U" in tags:
            found += self._claims_of_ways(sentence)
        for match in patterns.IN_ORDER.finditer(tags) if "T" in tags else ():
            found += self._claims_in_order(sentence, match)
        claims = [item.claim for item in found if counts(tags, item.first, item.last, seeming=item.seeming)]
        if len(claims) < 2:
            return claims
        opposite = {canonical_claim(claim, turned=True) for claim in claims}
        return [claim for claim in claims if canonical_claim(claim) not in opposite]

    def _claims_at(self, sentence: TaggedSentence, at: int) -> list[_Found]:
        tags, kind = sentence.tags, sentence.tags[at]
        if kind in "EUT":
            return []
        subject = patterns.SUBJECT.search(tags, max(0, at - _WINDOW), at)
        if subject and subject["with"] and self._text.words[sentence.at[subject.start("with")]] != "with":
            subject = None
        if subject and subject["on"] and not carries_along(sentence, self._text.words, subject.start("on")):
            subject = None
        if kind == "W" and not is_seen_from_camera(sentence, self._text.words, subject, at):
            return []
        if kind == "L":
            owner = patterns.OWNER.search(tags, max(0, at - 4), at)
            if owner:
                subject = patterns.SUBJECT.search(tags, max(0, at - _WINDOW), owner.start())
            if owner:
                return self._claims(sentence, at, subject or patterns.OWNED.match(tags, at), owner)
            headed = patterns.HEADED.match(tags, at)
            if headed and (at == 0 or tags[at - 1] in ",&SBa"):
                place = headed.start("s")
                self._note_side(sentence, self._text.targets[sentence.at[place]], sentence.relations[at], (at, place))
            if tags[at + 1 : at + 2] != "k":
                return []
        if kind in "HD":
            if subject is None:
                subject = (patterns.HIDDEN_PART if kind == "D" else patterns.CARRIED).search(
                    tags, max(0, at - _WINDOW), at
                )
            hiding = patterns.HIDING.match(tags, at)
            if hiding is None and self._text.words[sentence.at[at]] == "in":
                return self._in_the_way(sentence, at, subject)
            parts = [_position(match, "part", "part2") for match in (subject, hiding) if match]
            if any(part and tags[part] != "L" and self._text.words[sentence.at[part]] not in PARTS for part in parts):
                return []
            owned = [_position(match, "o2", "s3") for match in (subject, hiding) if match and _position(match, "its")]
            if any(self._text.words[sentence.at[place]] not in _ITS for place in owned if place is not None):
                return []
            return self._claims(sentence, at, subject, hiding)
        behind_which = patterns.OF_WHICH.match(tags, at) if kind == "P" else None
        if behind_which:
            return self._claims(sentence, at, behind_which, patterns.BEFORE_WHICH.search(tags, max(0, at - 2), at))
        camera = patterns.CAMERA_IS.search(tags, max(0, at - 4), at) if kind == "C" else None
        if camera:
            return self._from_camera(sentence, at, alone=not (camera["r"] or camera["x"]))
        if (
            (subject is None or (kind == "A" and tags[at - 1] == ","))
            and kind in "PA"
            and (patterns.BEFORE_FRONTED.search(tags, max(0, at - 2), at) or self._is_beside(sentence, at))
        ):
            fronted = patterns.FRONTED.match(tags, at)
            if fronted:
                return self._claims(sentence, at, fronted, fronted)
        if subject is None and kind == "C":
            turned = patterns.TURNED.match(tags, at)
            if turned:
                return self._claims(sentence, at, turned, turned)
        if tags[at : at + 2] == "Cx" and (
            sentence.relations[at].axis is Axis.VERTICAL or self._text.words[sentence.at[at + 1]] in _EDGES
        ):
            return []  # "has a higher contrast than the lamp", "nearer the top than the lamp"
        after = (
            patterns.SHARED.match(tags, at)
            or patterns.PLACE.match(tags, at)
            or patterns.COMPARED.match(tags, at)
            or patterns.ALONE.match(tags, at)
        )
        if (
            after is None and subject and tags[at : at + 2] == "Px"
        ):  # "on the left side of the desk": a side, no relation
            who = self._object(sentence, subject.start("s"), set(), as_subject=True)
            if who is not None and "side" in self._text.words[sentence.at[at] : sentence.at[at + 1]]:
                self._note_side(sentence, who, sentence.relations[at], (subject.start("s"), at))
            return []
        if subject is None:
            subject = patterns.WHICH.search(tags, max(0, at - 8), at)
            if subject and "who" in self._text.words[sentence.at[subject.start("s")] : sentence.at[at]]:
                subject = None
        if subject is None:
            subject = patterns.CARRIED.search(tags, max(0, at - 8), at)
        return self._claims(sentence, at, subject, after)

    def _claims(
        self, sentence: TaggedSentence, at: int, subject: re.Match[str] | None, after: re.Match[str] | None
    ) -> list[_Found]:
        """Return the claims of a relation word, from the matches that contain its subject and its reference."""
        if subject is None or after is None:
            return []
        tags = sentence.tags
        place = _position(subject, "s", "t", "s2", "s3")
        if place is None:
            place = carried_subject(tags, at, _WINDOW)
        if place is None:
            return []
        found: list[_Found] = []
        for who in joined_subjects(tags, place):
            item = self._one_claim(sentence, at, who, subject, after)
            if item is not None:
                found.append(item)
        last = _position(after, "o", "o2")
        if (
            len(found) == 1
            and last is not None
            and tags[last] == "m"
            and found[0].claim.reference == self._target(sentence, last)
        ):
            joined = patterns.MORE_OBJECTS.match(tags, last + 1)
            for place in range(last + 1, joined.end()) if joined else ():
                if tags[place] == "m":
                    first = found[0].claim
                    claim = Claim(first.relation, first.subject, self._target(sentence, place), first.anchor)
                    if claim.reference not in (claim.subject, claim.anchor):
                        found.append(self._found(sentence, claim, (found[0].first, place)))
        return found

    def _target(self, sentence: TaggedSentence, place: int) -> int:
        return self._text.targets[sentence.at[place]]

    def _one_claim(
        self, sentence: TaggedSentence, at: int, place: int, subject: re.Match[str], after: re.Match[str]
    ) -> _Found | None:
        """Return the claim of the relation word at tag ``at`` about the mention or pronoun at tag ``place``."""
        tags, relation = sentence.tags, sentence.relations[at]
        who = self._object(sentence, place, set(), as_subject=True)
        if who is None or belongs_to_another(sentence, self._text.words, place):
            return None
        reference_at, compared_at = _position(after, "o", "o2"), _position(subject, "k")
        before = patterns.COMPARED_BEFORE.search(tags, max(0, place - 6), place) if "k" in tags else None
        if compared_at is None and before:
            compared_at = before.start("k")
        seeming = "e" in tags[max(0, place - 2) : at]
        first, last = min(place, at), max(after.end() - 1, place)
        if reference_at is None and compared_at is None and tags[at] == "A":
            ahead = patterns.ANCHOR_BEFORE.search(tags, max(0, place - 4), place)
            compared_at = ahead.start("z") if ahead else None  # "seen from the lamp, the mug is on the left"
        if reference_at is None and compared_at is None and tags[at] == "A" and relation.axis is Axis.HORIZONTAL:
            compared_at = self._neighbour(sentence, at, who)
        if reference_at is None and compared_at is None:
            if tags[at] in "AF":
                self._note_side(sentence, who, relation, (first, at))
            joined = len(joined_subjects(tags, place)) > 1
            if joined or tags[at] == "F" or (tags[at] == "A" and relation.axis is not Axis.DEPTH):
                return None
        taken: set[int | None] = {who}
        if reference_at is not None and tags[reference_at] == "m":
            taken.add(self._text.targets[sentence.at[reference_at]])
        anchor_at, anchor = _position(after, "z"), None
        if tags[at] == "C" and relation in _DISTANCE and _position(after, "v", "v2", "e") is None:
            ahead = patterns.ANCHOR_BEFORE.search(tags, max(0, place - 4), place)
            if anchor_at is None and ahead:
                anchor_at = ahead.start("z")
            elif anchor_at is None and reference_at is not None:
                anchor_at = compared_at
            anchor = self._anchor if anchor_at is None else self._object(sentence, anchor_at, taken)
        if anchor_at is not None and anchor is None:
            return None
        if reference_at is None:
            reference_at = compared_at
        if reference_at is None and anchor is not None and who == self._anchor:
            who, anchor = anchor, who  # "the door is closer to the mug": closer than the lamp
        if reference_at is not None:
            parallel = patterns.PARALLEL.search(tags, max(0, at - _WINDOW), at) if tags[reference_at] == "i" else None
            first, last = min(first, reference_at), max(last, reference_at)
            if parallel and sentence.relations[parallel.start()] is relation.inverse:
                reference_at = parallel.start("o")
            words = self._text.words[sentence.at[place]], self._text.words[sentence.at[reference_at]]
            if tags[place] == tags[reference_at] == "i" and _RANKED.isdisjoint(words):  # "it is left of it"
                named = sentence if "m" in tags[: min(place, reference_at)] else self._previous
                if named is not None and not has_clear_roles(named, self._text.words):
                    return None
            reference = self._object(sentence, reference_at, {who, anchor}, subject=who)
        elif anchor_at is None or anchor == self._anchor:
            reference = self._other(who)
        else:
            return None  # "the mug is closer to the door": than what?
        if _position(after, "e") is not None:
            edge = sentence.relations[after.start("e")]
            if edge.axis is Axis.DEPTH or relation not in _DISTANCE:
                return None
            relation = edge if relation is Relation.IN_FRONT else edge.inverse
        elif anchor is not None:
            relation = _DISTANCE[relation]
            if _position(after, "q") is not None:  # "the chair is closer to the lamp than to the door"
                who, anchor = anchor, who
        if reference is None or len({who, reference, anchor}) < 3:
            return None
        return self._found(sentence, Claim(relation, who, reference, anchor), (first, last), seeming=seeming)

    def _is_beside(self, sentence: TaggedSentence, at: int) -> bool:
        """Return whether "on the left" at tag ``at`` follows "next to the lamp" at the start of a clause."""
        if sentence.tags[at] != "A":
            return False
        beside = patterns.BESIDE_FRONTED.search(sentence.tags, max(0, at - 6), at)
        return bool(beside and patterns.NEXT_TO.match(self._text.words[sentence.at[beside.start("p")]]))

    def _neighbour(self, sentence: TaggedSentence, at: int, who: int) -> int | None:
        """Return the position of the object that ``who`` is next to, before "on the left" at tag ``at``."""
        tags = sentence.tags
        concluded = patterns.CONCLUDED_PLACE.search(tags, max(0, at - _WINDOW), at) if "t" in tags else None
        if concluded and self._text.words[sentence.at[concluded.start("so")]] in _SO:
            return concluded.start("k")
        found = patterns.NEIGHBOURS.search(tags, max(0, at - _WINDOW), at)
        words = self._text.words[sentence.at[found.start()] : sentence.at[found.end() - 1]] if found else []
        if found is None or not any(map(patterns.NEXT_TO.fullmatch, words)):
            return None
        places = [place for name in "kabn" if (place := found.start(name)) >= 0]
        others = [place for place in places if self._text.targets[sentence.at[place]] != who]
        return others[0] if len(others) == 1 else None

    def _in_the_way(self, sentence: TaggedSentence, at: int, subject: re.Match[str] | None) -> list[_Found]:
        """Read "only half of the lamp can be seen because the mug is in the way"."""
        tags = sentence.tags
        if subject is None or subject.re is not patterns.SUBJECT or tags[at + 1 : at + 2] not in ("", *",&SB"):
            return []
        place = subject.start("s")
        who = self._object(sentence, place, set(), as_subject=True)
        others = [other for other, tag in enumerate(tags) if tag == "m" and self._target(sentence, other) != who]
        if who is None or len(others) != 1 or not is_partly_hidden(sentence, self._text.words, others[0]):
            return []
        claim = Claim(sentence.relations[at], who, self._target(sentence, others[0]))
        return [self._found(sentence, claim, (place, at))]

    def _from_camera(self, sentence: TaggedSentence, at: int, *, alone: bool) -> list[_Found]:
        """Read a claim with the camera as its subject, "the camera is closer to the mug than to the lamp", as depth.

        ``alone`` allows claims without "than".
        """
        after = patterns.COMPARED.match(sentence.tags, at)
        if after is None and alone:
            after = patterns.ALONE.match(sentence.tags, at)
        place = _position(after, "z") if after else None
        if after is None or place is None:
            return []
        who, reference_at = self._object(sentence, place, set()), _position(after, "o")
        if who is None:
            return []
        other = self._other(who) if reference_at is None else self._object(sentence, reference_at, {who})
        if other is None or other == who:
            return []
        return [self._found(sentence, Claim(sentence.relations[at], who, other), (place, after.end() - 1))]

    def _claims_in_order(self, sentence: TaggedSentence, listed: re.Match[str]) -> list[_Found]:
        places = [at for at in range(listed.start(), listed.end()) if sentence.tags[at] == "m"]
        objects = [self._text.targets[sentence.at[at]] for at in places]
        relation = sentence.relations[listed.end() - 1 if listed["v"] else listed.start()]
        if listed["v"]:
            order = _ORDER.get(self._text.words[sentence.at[listed.start("v")]])
            if order is None:
                return []
            relation = relation if order else relation.inverse
        words = self._text.words[sentence.at[listed.start()] : sentence.at[listed.start() + 1]]
        anchor = self._anchor if relation in _DISTANCE and not _NEARNESS.isdisjoint(words) else None
        relation = relation if anchor is None else _DISTANCE[relation]
        return [
            self._found(sentence, Claim(relation, first, second, anchor), (listed.start(), place))
            for first, second, place in zip(objects, objects[1:], places[1:], strict=False)
            if first != second and anchor not in (first, second)
        ]

    def _claims_of_ways(self, sentence: TaggedSentence) -> list[_Found]:
        found: list[_Found] = []
        for match in chain.from_iterable(ways.finditer(sentence.tags) for ways in patterns.ALL_WAYS):
            said = {
                name: self._text.targets[sentence.at[match.start(name)]]
                for name, text in match.groupdict().items()
                if text and name not in "uf"
            }
            relation = sentence.relations[match.start("u")]
            if (place := _position(match, "f")) is not None and self._text.words[sentence.at[place]] != "for":
                continue
            claim: Claim[int] | None = None
            if "o" in said:
                who = said["s"] if "s" in said else said["t"]
                depth = self._anchor is None or "v" in match[0] or "depth" in self._text.words
                anchor = said.get("z", None if depth else self._anchor)
                if anchor is None:
                    relation = Relation.IN_FRONT if relation is Relation.CLOSER else Relation.BEHIND
                claim = Claim(relation, who, said["o"], anchor)
            elif len(shared := {said["a"], said["b"]} & {said["c"], said["d"]}) == 1:
                (anchor,) = shared
                first, second = (said[x] if said[y] == anchor else said[y] for x, y in ("ab", "cd"))
                claim = Claim(relation, first, second, anchor)
            if claim is not None and claim.subject != claim.reference:
                found.append(self._found(sentence, claim, (match.start(), match.end() - 1)))
        return found

    def _found(
        self, sentence: TaggedSentence, claim: Claim[int], tags: tuple[int, int], *, seeming: bool = False
    ) -> _Found:
        first, last = tags[0], min(tags[1], len(sentence.at) - 1)
        span = (self._tokens(sentence, first)[0], self._tokens(sentence, last)[1])
        claim = Claim(claim.relation, claim.subject, claim.reference, claim.anchor, span)
        return _Found(claim, first, tags[1], seeming)

    def _tokens(self, sentence: TaggedSentence, place: int) -> tuple[int, int]:
        """Return the half-open token range of a tag's word."""
        word = sentence.at[place]
        if word in self._text.tokens:
            return self._text.tokens[word]
        before = bisect(self._mentions, word)
        if before:
            word += self._text.tokens[self._mentions[before - 1]][1] - self._mentions[before - 1] - 1
        return word, word + 1

    # --- resolving mentions and pronouns ---

    def _object(
        self,
        sentence: TaggedSentence,
        place: int,
        taken: set[int | None],
        *,
        as_subject: bool = False,
        subject: int | None = None,
    ) -> int | None:
        """Return the object that a mention or pronoun refers to; ``None`` if a pronoun is ambiguous."""
        kind = sentence.tags[place]
        if kind == "m":
            return self._text.targets[sentence.at[place]]
        if kind == "o":
            return self._other(subject) if subject is not None else None
        mentioned = [(at, self._text.targets[sentence.at[at]]) for at in range(place) if sentence.tags[at] == "m"]
        word = self._text.words[sentence.at[place]]
        if word in _RANKED:
            pair = list(dict.fromkeys(target for _, target in mentioned)) or self._recent()
            return pair[word == "latter"] if len(pair) == 2 else None
        if as_subject:
            if not mentioned:
                return self._topic_before()
            first = topic_place(sentence.tags, place)
            return None if first is None else self._target(sentence, first)
        open_ = {target for _, target in mentioned} - taken or set(self._recent()) - taken
        return open_.pop() if len(open_) == 1 else None

    def _other(self, who: int) -> int | None:
        """Return the object that ``who`` is compared with, or ``None`` if more than one is possible."""
        if self._pair is None or who not in self._pair:
            return None
        return self._pair[1 - self._pair.index(who)]

    def _topic_before(self) -> int | None:
        """Return the object that a pronoun means which is the subject, if its sentence has no object before it."""
        if self._previous is None:
            return self._topic
        place = topic_place(self._previous.tags, len(self._previous.tags))
        return None if place is None else self._target(self._previous, place)

    def _recent(self) -> list[int]:
        """Return the objects of the previous sentence."""
        if self._previous is None:
            return []
        tags = self._previous.tags
        return list(dict.fromkeys(self._target(self._previous, at) for at, tag in enumerate(tags) if tag == "m"))

    def _note_side(self, sentence: TaggedSentence, who: int, relation: Relation, tags: tuple[int, int]) -> None:
        """Store a side such as "the mug is on the left"; it becomes a claim only with "the lamp is on the right"."""
        if counts(sentence.tags, *tags):
            self._sides.note(who, relation, self._tokens(sentence, tags[0])[0])


def _position(match: re.Match[str], *names: str) -> int | None:
    """Return the start of the first of these groups that matched, or ``None``."""
    groups = match.re.groupindex
    for name in names:
        if name in groups and (start := match.start(name)) >= 0:
            return start
    return None
