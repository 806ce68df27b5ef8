"""The record of a claimed relation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic

from reinforcesight.language.sentences.mentions import Id
from reinforcesight.relations.kinds import Relation


@dataclass(frozen=True, slots=True)
class Claim(Generic[Id]):
    """Relation between two objects that a text claims.

    Attributes:
        relation: Claimed relation of subject to reference.
        subject, reference, anchor: Objects; an anchor only for closer and farther.
        tokens: Position of the claim in the text, as a half-open range of token indices.
    """

    relation: Relation
    subject: Id
    reference: Id
    anchor: Id | None = None
    tokens: tuple[int, int] = field(default=(0, 0), compare=False)


def canonical_claim(claim: Claim[int], *, turned: bool = False) -> Claim[int]:
    """Return one claim for both "X left of Y" and "Y right of X"; with ``turned``, the claim that contradicts it."""
    relation = claim.relation.inverse if turned else claim.relation
    if claim.subject <= claim.reference:
        return Claim(relation, claim.subject, claim.reference, claim.anchor)
    return Claim(relation.inverse, claim.reference, claim.subject, claim.anchor)
