"""The phrases by which a text claims a relation, in one table: reasoning is written with them and read back by them.

A claim is ``{subject} [is] [adverb] PHRASE {reference}``, as in "the red chair is clearly to the left of the table".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from reinforcesight.language.english import bare_name
from reinforcesight.relations.kinds import Relation

# ``{anchor}`` stands for the third object. Phrases that end in "than" are comparative and take other adverbs.
# The writer uses these phrases alone; texts of other origin are read by the same table.
CLAIM_PHRASES: dict[Relation, tuple[str, ...]] = {
    Relation.LEFT: ("to the left of", "left of", "farther to the left than"),
    Relation.RIGHT: ("to the right of", "right of", "farther to the right than"),
    Relation.ABOVE: ("above", "higher up than", "higher in the picture than"),
    Relation.BELOW: ("below", "lower down than", "lower in the picture than"),
    Relation.IN_FRONT: ("in front of", "closer to the camera than", "nearer to the camera than"),
    Relation.BEHIND: ("behind", "farther from the camera than", "farther back than"),
    Relation.CLOSER: ("closer to {anchor} than", "nearer to {anchor} than"),
    Relation.FARTHER: ("farther from {anchor} than", "farther away from {anchor} than"),
}
# Adverbs by strength (a plain claim, a clear one, a strong one), for positions and for comparatives.
ADVERBS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "position": (("",), ("clearly", "plainly"), ("far", "well")),
    "comparative": (("",), ("clearly", "noticeably"), ("much", "considerably")),
}
_READ_ADVERBS = sorted(
    {word for kind in ADVERBS.values() for group in kind for word in group if word}, key=lambda w: (len(w), w)
)[::-1]
# Words that may be written for others by authors of other texts.
_SPELLINGS = {"farther": "(?:farther|further)", "nearer": "(?:nearer|closer)"}
_NEGATED = re.compile(r"\b(?:not|n't|false that|whether|untrue that|isn't|aren't)\b[^.;]*$", re.IGNORECASE)

Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Claim(Generic[Id]):
    """A relation that a text claims of two objects."""

    relation: Relation
    subject: Id
    reference: Id
    anchor: Id | None = None


def adverbs(phrase: str, strength: int) -> tuple[str, ...]:
    """Adverbs that fit a phrase, for strength 0 (plain), 1 (clear) or 2 (strong)."""
    return ADVERBS["comparative" if phrase.endswith(" than") else "position"][strength]


def claim_mentions(names: Mapping[Id, str], colours: Mapping[Id, str]) -> dict[str, Id]:
    """How the objects of a question may be written in its reasoning, for :func:`read_claims`.

    Args:
        names: Object id to name: subject, reference and anchor of the question.
        colours: Object id to the colour of the box drawn around it ("boxes" of the question's evidence).
    """
    bare = {object_id: bare_name(name) for object_id, name in names.items()}
    mentions = {f"{bare[object_id]} in the {colour} box": object_id for object_id, colour in colours.items()}
    counts = Counter(name.casefold() for name in bare.values())
    return mentions | {name: object_id for object_id, name in bare.items() if counts[name.casefold()] == 1}


def read_claims(text: str, mentions: Mapping[str, Id]) -> list[Claim[Id]]:
    """Claims that a text makes about known objects, in order of appearance.

    Args:
        text: Reasoning of any origin.
        mentions: How an object may be written (without article; "chair in the red box") to its id. Longer
            mentions win over shorter ones; case does not matter.

    A claim under a negation in the same sentence ("it is not true that ...", "whether ...") is left out.
    """
    if not mentions:
        return []
    lowered = {mention.casefold(): value for mention, value in mentions.items()}
    names = "|".join(re.escape(name) for name in sorted(lowered, key=len, reverse=True))
    verb = r"(?: (?:is|are|lies|lie|sits|sit|stands|stand|appears|appear))?"
    adverb = rf"(?: (?:{'|'.join(_READ_ADVERBS)}))?"
    found: list[tuple[int, Claim[Id]]] = []
    for relation, phrases in CLAIM_PHRASES.items():
        for phrase in phrases:
            middle = (
                re.escape(phrase).replace(r"\{anchor\}", rf"(?:the )?(?P<anchor>{names})").replace(r"\ ", " ")
            )
            for word, either in _SPELLINGS.items():
                middle = re.sub(rf"\b{word}\b", lambda _, to=either: to, middle)  # type: ignore[misc]
            pattern = rf"\b(?P<subject>{names}){verb}{adverb} {middle} (?:the )?(?P<reference>{names})\b"
            for match in re.finditer(pattern, text, re.IGNORECASE):
                before = re.split(r"[.;]", text[: match.start()])[-1]
                if _NEGATED.search(before):
                    continue
                parts = match.groupdict()
                anchor = parts.get("anchor")
                claim = Claim(
                    relation,
                    lowered[parts["subject"].casefold()],
                    lowered[parts["reference"].casefold()],
                    None if anchor is None else lowered[anchor.casefold()],
                )
                if (match.start(), claim) not in found:
                    found.append((match.start(), claim))
    return [claim for _, claim in sorted(found, key=lambda item: item[0])]
