"""Find the answer that follows from relation claims in a text.

For sentences that the tokens of :mod:`reinforcesight.judge.comparison` don't decide: "Compared to the lamp, the sofa
is nearer", "the sofa hides the lamp".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from reinforcesight.judge.options import Options, choice_texts, relation_objects, squeeze
from reinforcesight.language.vocabulary import number_forms, other_names

if TYPE_CHECKING:
    from reinforcesight.language.mentions import MentionTable
    from reinforcesight.relations.kinds import Relation

_MEASURED_FROM = re.compile(
    r"\b(?:closer|closest|nearer|nearest|farther|farthest|further|furthest)\s(?:away )?(?:to|from) (?:the )?"
    r"([^,?(]{2,40}?)(?: \(|,|\?|$)",
    re.IGNORECASE,
)
_CAMERA = re.compile(r"\b(?:camera|viewer|observer|photographer)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:the|a|an)\s+", re.IGNORECASE)


def index_claimed(text: str, choices: tuple[str, ...], question: str | None, options: Options) -> int | None:
    """Return the index of the choice that the text's claims imply; ``None`` if they imply none or several."""
    # Imported here because it loads pydantic, and importing the judge should be fast.
    from reinforcesight.language.claims import read_claims

    table, anchor = _table(choices, question, options.kind, options.axis)
    if table is None:
        return None
    found: set[int] = set()
    for claim in read_claims(table.split(text), (0, 1), anchor):
        if {claim.subject, claim.reference} == {0, 1}:
            relation = claim.relation if claim.subject == 0 else claim.relation.inverse
            named = options.kind == "relation"
            index = options.index_of(relation.value) if named else _asked(relation, options, anchor)
            if index is not None:
                found.add(index)
    return found.pop() if len(found) == 1 else None


def _asked(relation: Relation, options: Options, anchor: int | None) -> int | None:
    """Return which of two choices a question asks for if the first one has this relation to the second."""
    from reinforcesight.relations.kinds import Relation

    asked = {
        "near": Relation.IN_FRONT if anchor is None else Relation.CLOSER,
        "far": Relation.BEHIND if anchor is None else Relation.FARTHER,
        **{side.value: side for side in (Relation.LEFT, Relation.RIGHT, Relation.ABOVE, Relation.BELOW)},
    }[options.axis]
    return 0 if relation is asked else 1 if relation is asked.inverse else None


@lru_cache(maxsize=4096)
def _table(
    choices: tuple[str, ...], question: str | None, kind: str, axis: str
) -> tuple[MentionTable | None, int | None]:
    """Return mentions of the two compared objects (0 and 1), and the mention from which distance is measured."""
    from reinforcesight.language.mentions import UNCLEAR, MentionTable

    anchor: int | None = None
    if kind == "relation":
        objects = list(relation_objects(question))
    elif kind == "entity" and len(choices) == 2 and axis:
        objects = [_ARTICLE.sub("", text.lower(), count=1) for text in choice_texts(choices)]
        target = _MEASURED_FROM.search(question or "")
        if target and not _CAMERA.search(target[1]):
            objects.append(target[1].lower())
            anchor = 2
    else:
        objects = []
    if len({squeeze(name) for name in objects}) < max(2, len(objects)):
        return None, None
    mentions: dict[str, int] = {}
    for index, name in enumerate(objects):
        for form in {name} | number_forms(name) | other_names(name):
            mentions[form] = index if mentions.get(form, index) == index else UNCLEAR
    return MentionTable(mentions), anchor
