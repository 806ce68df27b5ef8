"""Claims of a text by the ids of the objects."""

from __future__ import annotations

from collections.abc import Mapping

from reinforcesight.language.claims import Claim, MentionTable, read_claims


def claims_in(text: str, mentions: Mapping[str, int | str]) -> list[Claim[int | str]]:
    """The claims of a text; ``mentions`` is the name of an object to its id."""
    ids = list(dict.fromkeys(mentions.values()))
    table = MentionTable({name: ids.index(found) for name, found in mentions.items()})
    return [
        Claim(c.relation, ids[c.subject], ids[c.reference], None if c.anchor is None else ids[c.anchor])
        for c in read_claims(table.split(text))
    ]
