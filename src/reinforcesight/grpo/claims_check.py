"""Compare the claims of a reasoning with the stored scene, and derive the answer that follows from them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.language.claims import Claim, MentionTable, Words, read_claims, scene_mentions
from reinforcesight.language.names import ambiguous_names, bare_name
from reinforcesight.protocol import LETTERS
from reinforcesight.relations import relate
from reinforcesight.relations.kinds import Axis, Relation, RelationRules
from reinforcesight.scene import ObjectId, Scene

_CONCLUSION = re.compile(
    r"\banswer(?: to the question)? (?:is|must be|should be)\b:?([^.?!\n]{1,120})", re.IGNORECASE
)
_OPTION_LETTER = re.compile(r"\s*(?:option\s+\(?|\()([A-Z])\b")


class ClaimVerdict(StrEnum):
    """What the scene says about a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"  # too close to a tie, no depth, or hidden


@dataclass(frozen=True, slots=True)
class CheckedClaim:
    """A claim of a reasoning and its verdict.

    Attributes:
        claim: Relation and ids of the objects.
        verdict: What the scene says.
        counted: False if the reasoning has made the same claim before, also if reversed.
        as_asked: The relation of the question's subject to its reference that it claims; ``None`` for a claim about
            other objects, another axis or another anchor.
    """

    claim: Claim[ObjectId]
    verdict: ClaimVerdict
    counted: bool
    as_asked: Relation | None


@dataclass(frozen=True, slots=True)
class AskedComparison:
    """The comparison that a question asks for: positions of the objects, and the stored relation."""

    axis: Axis
    subject: int
    reference: int
    anchor: int | None
    relation: Relation


class Checker:
    """Reads and checks claims about one question. Verdicts are cached, since rollouts repeat claims."""

    def __init__(
        self, scene: Scene | None, asked: AskedComparison | None, mentions: MentionTable, rules: RelationRules
    ) -> None:
        self.asked = asked
        self._scene = scene
        self._ids: list[ObjectId] = [item.id for item in scene.objects] if scene is not None else []
        self._mentions = mentions
        self._rules = rules
        self._verdicts: dict[tuple[Axis, int, int, int | None], Relation | None] = {}
        if asked is not None:
            # The label is stored; the data set may have been made with other margins.
            holds, first, second, third = _canonical(
                asked.relation, asked.subject, asked.reference, asked.anchor
            )
            self._verdicts[holds.axis, first, second, third] = holds

    @property
    def mentions(self) -> MentionTable:
        """How objects may be written."""
        return self._mentions

    def check(self, words: Words) -> tuple[CheckedClaim, ...]:
        """All claims of a text."""
        if self._scene is None:
            return ()
        ids, checked = self._ids, list[CheckedClaim]()
        seen: set[tuple[Relation, int, int, int | None]] = set()
        for claim in read_claims(words):
            key = _canonical(claim.relation, claim.subject, claim.reference, claim.anchor)
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
        if asked is None or claim.relation.axis is not asked.axis or claim.anchor != asked.anchor:
            return None
        if (claim.subject, claim.reference) == (asked.subject, asked.reference):
            return claim.relation
        if (claim.reference, claim.subject) == (asked.subject, asked.reference):
            return claim.relation.inverse
        return None

    def _verdict(self, key: tuple[Relation, int, int, int | None]) -> ClaimVerdict:
        relation, subject, reference, anchor = key
        place = (relation.axis, subject, reference, anchor)
        if place not in self._verdicts:
            self._verdicts[place] = self._holds(*place)
        holds = self._verdicts[place]
        if holds is None:
            return ClaimVerdict.UNKNOWN
        return ClaimVerdict.SUPPORTED if holds is relation else ClaimVerdict.CONTRADICTED

    def _holds(self, axis: Axis, subject: int, reference: int, anchor: int | None) -> Relation | None:
        assert self._scene is not None
        objects = self._scene.objects
        third = None if anchor is None else objects[anchor].id
        # Mentions are resolved already, so a name that occurs twice does no harm.
        result = relate(
            self._scene,
            objects[subject].id,
            objects[reference].id,
            axis,
            anchor=third,
            marked=True,
            rules=self._rules,
        )
        return result.relation


def _canonical(
    relation: Relation, subject: int, reference: int, anchor: int | None
) -> tuple[Relation, int, int, int | None]:
    """The same key for "X left of Y" and "Y right of X"."""
    if subject <= reference:
        return relation, subject, reference, anchor
    return relation.inverse, reference, subject, anchor


def claimed_relation(claims: Sequence[CheckedClaim]) -> tuple[Relation | None, bool]:
    """The relation that a reasoning claims for the pair of the question, and whether it contradicts itself.

    The relation is ``None`` if none or both are claimed.
    """
    found = {item.as_asked for item in claims if item.as_asked is not None}
    return (next(iter(found)) if len(found) == 1 else None), len(found) > 1


def concluded_letter(reasoning: str, choices: Sequence[str]) -> str | None:
    """Letter of the answer that the reasoning announces last ("so the answer is left"), or ``None``."""
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
    """A stored scene and which of its names are ambiguous; ``None`` if the text is no scene."""
    try:
        scene = Scene.from_json(text)
    except (InputError, RecursionError):
        return None
    return scene, tuple(ambiguous_names([item.name for item in scene.objects]))


def make_checker(scene_json: str | None, evidence_json: str | None, rules: RelationRules) -> Checker:
    """The checker of a question. Without a readable scene and evidence it reads no claims."""
    read = _read_scene(scene_json) if scene_json else None
    if read is None:
        return Checker(None, None, MentionTable({}), rules)
    scene, ambiguous = read
    evidence = _read_evidence(evidence_json)
    asked, boxes = _asked(scene, evidence)
    roles = [] if asked is None else [asked.subject, asked.reference]
    if asked is not None and asked.anchor is not None:
        roles.append(asked.anchor)
    mentions = scene_mentions([item.name for item in scene.objects], ambiguous, roles, boxes)
    return Checker(scene, asked, MentionTable(mentions), rules)


def _read_evidence(text: str | None) -> Mapping[str, Any]:
    try:
        evidence = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return evidence if isinstance(evidence, dict) else {}


def _asked(scene: Scene, evidence: Mapping[str, Any]) -> tuple[AskedComparison | None, dict[int, str]]:
    """What the evidence compares, and the colour of the box drawn around each object."""
    try:
        relation = Relation(evidence["relation"])
        anchor_id = evidence.get("anchor")
        anchor = None if anchor_id is None else scene.index_of(anchor_id)
        asked = AskedComparison(
            relation.axis,
            scene.index_of(evidence["subject"]),
            scene.index_of(evidence["reference"]),
            anchor if relation.axis is Axis.DISTANCE else None,
            relation,
        )
        boxes = {scene.index_of(box["object"]): str(box["colour"]) for box in evidence.get("boxes") or ()}
    except (KeyError, ValueError, TypeError, AttributeError, InputError):
        return None, {}
    return asked, boxes
