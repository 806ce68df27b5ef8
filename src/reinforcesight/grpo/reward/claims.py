"""Find the relations that a reasoning states (claims), and compare them with the stored scene.

Also derives the answer that the claims imply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.language.claims import Claim, canonical_claim, read_claims
from reinforcesight.language.names import ambiguous_names, bare_name
from reinforcesight.language.sentences.mentions import MentionTable, Words, scene_mentions
from reinforcesight.protocol import LETTERS
from reinforcesight.relations import relate
from reinforcesight.relations.kinds import Axis, Relation, RelationRules
from reinforcesight.scene import ObjectId, Scene

_CONCLUSION = re.compile(r"\banswer(?: to the question)? (?:is|must be|should be)\b:?([^.?!\n]{1,120})", re.IGNORECASE)
_OPTION_LETTER = re.compile(r"\s*(?:option\s+\(?|\()([A-Z])\b")


class ClaimVerdict(StrEnum):
    """Result of comparing a claim with the scene."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"  # too close to a tie, no depth, or hidden


@dataclass(frozen=True, slots=True)
class CheckedClaim:
    """A claim of a reasoning and its verdict.

    Attributes:
        claim: Relation and ids of the objects.
        verdict: Result of the comparison with the scene.
        counted: False if the reasoning made the same claim before, even if reversed.
        as_asked: The claimed relation of the question's subject to its reference; ``None`` for a claim about other
            objects, another axis or another anchor.
    """

    claim: Claim[ObjectId]
    verdict: ClaimVerdict
    counted: bool
    as_asked: Relation | None


class ClaimChecker:
    """Reads and checks claims about one question. Verdicts are cached, since completions repeat claims.

    Attributes:
        asked: The question as a claim that is true: ids of its objects, and the stored relation.
        mentions: Table of the names by which the objects may be mentioned.
    """

    def __init__(
        self, scene: Scene | None, asked: Claim[int] | None, mentions: MentionTable, rules: RelationRules
    ) -> None:
        self.asked = asked
        self._scene = scene
        self._ids: list[ObjectId] = [item.id for item in scene.objects] if scene is not None else []
        self.mentions = mentions
        self._rules = rules
        self._verdicts: dict[_Place, Relation | None] = {}
        if asked is not None:
            # The stored label is used, since the data set may have been made with other margins.
            held = canonical_claim(asked)
            self._verdicts[_place(held)] = held.relation

    def check(self, words: Words) -> tuple[CheckedClaim, ...]:
        if self._scene is None:
            return ()
        ids, checked = self._ids, list[CheckedClaim]()
        seen: set[Claim[int]] = set()
        pair = None if self.asked is None else (self.asked.subject, self.asked.reference)
        for claim in read_claims(words, pair, None if self.asked is None else self.asked.anchor):
            key = canonical_claim(claim)
            anchor = None if claim.anchor is None else ids[claim.anchor]
            checked.append(
                CheckedClaim(
                    Claim(claim.relation, ids[claim.subject], ids[claim.reference], anchor, claim.tokens),
                    self._verdict(key),
                    key not in seen,
                    self._as_asked(claim),
                )
            )
            seen.add(key)
        return tuple(checked)

    def _as_asked(self, claim: Claim[int]) -> Relation | None:
        asked = self.asked
        if asked is None or claim.relation.axis is not asked.relation.axis or claim.anchor != asked.anchor:
            return None
        if (claim.subject, claim.reference) == (asked.subject, asked.reference):
            return claim.relation
        if (claim.reference, claim.subject) == (asked.subject, asked.reference):
            return claim.relation.inverse
        return None

    def _verdict(self, claim: Claim[int]) -> ClaimVerdict:
        place = _place(claim)
        if place not in self._verdicts:
            assert self._scene is not None
            axis, subject, reference, anchor = place
            # Mentions are already resolved, so objects with the same name are no problem.
            self._verdicts[place] = relate(
                self._scene,
                self._ids[subject],
                self._ids[reference],
                axis,
                anchor=None if anchor is None else self._ids[anchor],
                marked=True,
                rules=self._rules,
            ).relation
        holds = self._verdicts[place]
        if holds is None:
            return ClaimVerdict.UNKNOWN
        return ClaimVerdict.SUPPORTED if holds is claim.relation else ClaimVerdict.CONTRADICTED


_Place = tuple[Axis, int, int, int | None]


def _place(claim: Claim[int]) -> _Place:
    return claim.relation.axis, claim.subject, claim.reference, claim.anchor


def claimed_relation(claims: Sequence[CheckedClaim]) -> tuple[Relation | None, bool]:
    """Return the relation claimed for the question's pair, and whether the reasoning contradicts itself.

    The relation is ``None`` if none or both are claimed.
    """
    found = {item.as_asked for item in claims if item.as_asked is not None}
    return (next(iter(found)) if len(found) == 1 else None), len(found) > 1


def concluded_letter(reasoning: str, choices: Sequence[str]) -> str | None:
    """Return the letter of the answer that the reasoning announces last ("so the answer is left"), or ``None``."""
    found = _CONCLUSION.findall(reasoning) if "answer" in reasoning else []
    if not found:
        return None
    text = found[-1]
    lettered = _OPTION_LETTER.match(text)
    if lettered:
        return lettered[1]
    said = bare_name(" ".join(text.split()).strip(" ,;:'\"").lower())
    for index, choice in enumerate(choices[:26]):
        if said == bare_name(" ".join(choice.split()).lower()):
            return LETTERS[index]
    return None


@lru_cache(maxsize=4096)
def _read_scene(text: str) -> tuple[Scene, tuple[bool, ...]] | None:
    """Parse a stored scene, and which of its names are ambiguous; ``None`` if the text is no scene."""
    try:
        scene = Scene.from_json(text)
    except (InputError, RecursionError):
        return None
    return scene, tuple(ambiguous_names([item.name for item in scene.objects]))


def make_checker(scene_json: str | None, evidence_json: str | None, rules: RelationRules) -> ClaimChecker:
    """Return the checker of a question. Without a readable scene and evidence, it finds no claims."""
    read = _read_scene(scene_json) if scene_json else None
    if read is None:
        return ClaimChecker(None, None, MentionTable({}), rules)
    scene, ambiguous = read
    evidence = _read_evidence(evidence_json)
    asked, boxes = _asked(scene, evidence)
    roles = () if asked is None else (asked.subject, asked.reference, asked.anchor)
    mentions = scene_mentions(
        [item.name for item in scene.objects], ambiguous, [at for at in roles if at is not None], boxes
    )
    return ClaimChecker(scene, asked, MentionTable(mentions), rules)


def _read_evidence(text: str | None) -> Mapping[str, Any]:
    try:
        evidence = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return evidence if isinstance(evidence, dict) else {}


def _asked(scene: Scene, evidence: Mapping[str, Any]) -> tuple[Claim[int] | None, dict[int, str]]:
    """Return the true claim about the question's objects, and the colour of the box drawn around each object."""
    try:
        relation = Relation(evidence["relation"])
        anchor_id = evidence.get("anchor")
        anchor = None if anchor_id is None else scene.index_of(anchor_id)
        asked = Claim(
            relation,
            scene.index_of(evidence["subject"]),
            scene.index_of(evidence["reference"]),
            anchor if relation.axis is Axis.DISTANCE else None,
        )
        boxes = {scene.index_of(box["object"]): str(box["colour"]) for box in evidence.get("boxes") or ()}
    except (KeyError, ValueError, TypeError, AttributeError, InputError):
        return None, {}
    return asked, boxes
