"""Claims of a text by the ids of the objects."""

from __future__ import annotations

from collections.abc import Mapping

from reinforcesight.language.claims import Claim, read_claims
from reinforcesight.language.sentences.mentions import MentionTable


def claims_in(
    text: str,
    mentions: Mapping[str, int | str],
    pair: tuple[int | str, int | str] | None = None,
    anchor: int | str | None = None,
) -> list[Claim[int | str]]:
    """The claims of a text; ``mentions`` is the name of an object to its id; pair and anchor as for the reader."""
    ids = list(dict.fromkeys(mentions.values()))
    table = MentionTable({name: ids.index(found) for name, found in mentions.items()})
    asked = None if pair is None else (ids.index(pair[0]), ids.index(pair[1]))
    return [
        Claim(c.relation, ids[c.subject], ids[c.reference], None if c.anchor is None else ids[c.anchor])
        for c in read_claims(table.split(text), asked, None if anchor is None else ids.index(anchor))
    ]
