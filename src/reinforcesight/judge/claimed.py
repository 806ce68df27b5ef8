"""Find the answer that follows from relation claims in a text.

For sentences that the tokens of :mod:`reinforcesight.judge.comparison` don't decide: "Compared to the lamp, the sofa
is nearer", "the sofa hides the lamp".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from reinforcesight.judge.options import Options, choice_texts, squeeze
from reinforcesight.judge.question import asked_anchor, asked_statement, relation_objects
from reinforcesight.language.names import bare_name
from reinforcesight.language.vocabulary import number_forms, other_names

if TYPE_CHECKING:
    from reinforcesight.language.claims import Claim
    from reinforcesight.language.sentences.mentions import MentionTable
    from reinforcesight.relations.kinds import Relation

_NOT = re.compile(r" not\b(?! only)|n't\b")
_MOST = 8  # compared objects


def index_claimed(text: str, choices: tuple[str, ...], question: str | None, options: Options) -> int | None:
    """Return the index of the choice that the text's claims imply; ``None`` if they imply none or several."""
    # Imported here because it loads pydantic, and importing the judge should be fast.
    from reinforcesight.language.claims import read_claims

    table, count, anchor = _table(choices, question, options.kind, options.axis)
    if table is None:
        return None
    topic = None if options.kind == "entity" else 0
    claims = read_claims(table.split(text), (0, 1) if count == 2 else None, anchor, topic)
    if options.kind == "yes_no" and not claims:
        denied = (
            read_claims(table.split(_NOT.sub("", text)), (0, 1), topic=topic) if len(_NOT.findall(text)) == 1 else []
        )
        asked = {_yes_no(claim.relation, question, options) for claim in denied if claim.subject == 0}
        return options.names["no"] if asked == {options.names["yes"]} else None
    if options.kind == "entity":
        return _first_of(claims, count, _asked(options.axis, anchor))
    found: set[int] = set()
    for claim in claims:
        if {claim.subject, claim.reference} == {0, 1}:
            relation = claim.relation if claim.subject == 0 else claim.relation.inverse
            named = options.kind == "relation"
            index = options.index_of(relation.value) if named else _yes_no(relation, question, options)
            if index is not None:
                found.add(index)
    return found.pop() if len(found) == 1 else None


def _asked(axis: str, anchor: int | None) -> Relation:
    """Return the relation that the object asked for has to the others."""
    from reinforcesight.relations.kinds import Relation

    depth = {"near": Relation.IN_FRONT, "far": Relation.BEHIND}
    distance = {"near": Relation.CLOSER, "far": Relation.FARTHER}
    return (depth if anchor is None else distance).get(axis) or Relation(axis)


def _first_of(claims: list[Claim[int]], count: int, asked: Relation) -> int | None:
    """Return the only object that has the asked relation to all others, directly or through others between them."""
    beyond: dict[int, set[int]] = {index: set() for index in range(count)}
    for claim in claims:
        pair = (claim.subject, claim.reference) if claim.relation is asked else (claim.reference, claim.subject)
        if asked in (claim.relation, claim.relation.inverse) and max(pair) < count:
            beyond[pair[0]].add(pair[1])
    firsts = []
    for index in range(count):
        reached, ahead = set[int](), [index]
        while ahead:
            new = beyond[ahead.pop()] - reached
            reached |= new
            ahead += new
        if len(reached - {index}) == count - 1:
            firsts.append(index)
    return firsts[0] if len(firsts) == 1 else None


def _yes_no(relation: Relation, question: str | None, options: Options) -> int | None:
    """Return "yes" or "no" if the first object has this relation to the second, and the question asks for it."""
    asked = _asked_relation(question)
    if asked is None or relation not in (asked, asked.inverse):
        return None
    return options.names["yes" if relation is asked else "no"]


@lru_cache(maxsize=4096)
def _asked_relation(question: str | None) -> Relation | None:
    from reinforcesight.language.claims import read_claims

    table = _table(("yes", "no"), question, "yes_no", "")[0]
    claims = read_claims(table.split(asked_statement(question)), (0, 1)) if table else []
    return claims[0].relation if len(claims) == 1 and claims[0].subject == 0 else None


@lru_cache(maxsize=4096)
def _table(
    choices: tuple[str, ...], question: str | None, kind: str, axis: str
) -> tuple[MentionTable | None, int, int | None]:
    """Return mentions of the compared objects, their number, and the mention from which distance is measured."""
    from reinforcesight.language.sentences.mentions import UNCLEAR, MentionTable

    anchor: int | None = None
    if kind in ("relation", "yes_no"):
        objects = list(relation_objects(question))
    elif kind == "entity" and axis:
        objects = [bare_name(text.lower()) for text in choice_texts(choices)]
        count = len(objects)
        target = asked_anchor(question)
        if target:
            objects.append(target)
            anchor = count
    else:
        objects = []
    if not 2 <= len(objects) <= _MOST or len({squeeze(name) for name in objects}) < len(objects):
        return None, 0, None
    mentions: dict[str, int] = {}
    for index, name in enumerate(objects):
        for form in {name} | number_forms(name) | other_names(name):
            mentions[form] = index if mentions.get(form, index) == index else UNCLEAR
    return MentionTable(mentions), len(objects) - (anchor is not None), anchor
