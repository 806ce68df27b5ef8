"""Insert object names into sentences: verb agreement, capital letters, shorter later mentions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reinforcesight.language.vocabulary import takes_are

# Third person singular to plural, for verbs next to a name in our templates.
_VERBS = {
    "is": "are",
    "does": "do",
    "has": "have",
    "was": "were",
    "lies": "lie",
    "appears": "appear",
    "comes": "come",
    "covers": "cover",
    "hides": "hide",
    "looks": "look",
    "rests": "rest",
    "stands": "stand",
    "takes": "take",
}
_PLURAL_OF = _VERBS | {verb.capitalize(): plural.capitalize() for verb, plural in _VERBS.items()}
_VERB = "|".join(_PLURAL_OF)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Mention:
    """Wording of an object in a sentence.

    Attributes:
        text: Wording at the first mention: "the red chair", "the chair in the blue box".
        plural: Whether the verb is plural ("are").
        later: Wording from the second mention on, if it is shorter: "the chair".
    """

    text: str
    plural: bool = False
    later: str | None = None


def is_plural(name: str) -> bool:
    """Return whether a name takes "are": "scissors", "stairs", "people"; "pair of shoes" and "glass" take "is"."""
    before = re.split(r" (?:of|in|on|with|at|from|for|under|near) ", name.casefold(), maxsplit=1)[0]
    return takes_are(before.split(" ")[-1])


def fill(pattern: str, mentions: Mapping[str, Mention]) -> str:
    """Fill a pattern's placeholders with mentions, make verbs agree with plural names, and capitalise each sentence.

    Only a verb directly before or after a placeholder is changed ("Is {subject} left ..." becomes "Are the scissors
    left ..."), and only if the name can be its subject: not in "the answer is {s}" or "the way to {s} is short".
    """
    for key, mention in mentions.items():
        if mention.plural:
            slot = re.escape("{" + key + "}")
            pattern = re.sub(rf"(?<!answer )\b({_VERB})(?= {slot})", lambda m: _PLURAL_OF[m.group()], pattern)
            as_subject = rf"(?<!\bto )(?<!\bfrom )(?<!\bof )(?<![\w}}] and )({slot}) ({_VERB})\b"
            pattern = re.sub(as_subject, lambda m: f"{m.group(1)} {_PLURAL_OF[m.group(2)]}", pattern)
    seen: set[str] = set()

    def put(match: re.Match[str]) -> str:
        mention = mentions[match.group(1)]
        again = mention.text in seen
        seen.add(mention.text)
        return mention.later if again and mention.later is not None else mention.text

    text = _PLACEHOLDER.sub(put, pattern)
    return re.sub(r"(?:^|(?<=[.!?] ))\w", lambda m: m.group().upper(), text)
