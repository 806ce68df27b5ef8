"""Put names of objects into sentences: articles, agreement of the verb, capitals; and which names can be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reinforcesight.language.names import bare_name
from reinforcesight.language.numbers import find_numbers
from reinforcesight.language.vocabulary import singular_words, takes_are

MAX_NAME_WORDS = 6
_NAME = re.compile(r"[^\W\d_]+(?:[ '’-]+[^\W\d_]+)*['’]?")
# A name with one of these words makes its own question unclear: "is the left shoe to the right of ...", "is the
# camera closer to the camera", "is the picture above ... in the picture", "(A) no entry sign".
_UNUSABLE_WORDS = frozenset(
    (
        *("left", "right", "above", "below", "front", "behind", "closer", "nearer", "farther", "further"),
        *("camera", "picture", "image", "photo", "photograph", "scene", "object"),
        *("yes", "no", "not", "option", "answer", "question", "the", "and", "or"),
    )
)

# Third person singular to plural, for the verbs that stand next to a name in our sentences.
_VERBS = {
    "is": "are",
    "does": "do",
    "has": "have",
    "was": "were",
    "lies": "lie",
    "appears": "appear",
    "comes": "come",
}
_PLURAL_OF = _VERBS | {verb.capitalize(): plural.capitalize() for verb, plural in _VERBS.items()}
_VERB = "|".join(_PLURAL_OF)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Mention:
    """How an object is written in a sentence.

    Attributes:
        text: At its first mention: "the red chair", "the chair in the blue box".
        plural: Whether it takes "are".
        later: From the second mention on, where that is shorter: "the chair".
    """

    text: str
    plural: bool = False
    later: str | None = None


def is_plural(name: str) -> bool:
    """Whether a name takes "are": "scissors", "stairs", "people"; "pair of shoes" and "glass" take "is"."""
    before = re.split(r" (?:of|in|on|with|at|from|for|under|near) ", name.casefold(), maxsplit=1)[0]
    return takes_are(before.split(" ")[-1])


def usable_name(name: str) -> bool:
    """Whether questions and reasoning can use this name.

    Left out are names with numbers or number words ("7up can", "one-way sign"), with signs other than hyphens and
    apostrophes, of more than six words, and names whose words would make the question itself unclear.
    """
    words = name.split()
    if not words or len(words) > MAX_NAME_WORDS or not _NAME.fullmatch(bare_name(name)) or find_numbers(name):
        return False
    plain = {word for part in singular_words(name) for word in part.split("-")}
    return bool(plain) and not plain & _UNUSABLE_WORDS


def fill(pattern: str, mentions: Mapping[str, Mention]) -> str:
    """Put mentions into a pattern's placeholders; a verb beside a plural name agrees; sentences start with a capital.

    Only a verb directly before or after a placeholder is changed ("Is {subject} left ..." becomes "Are the scissors
    left ..."), and only where the name can be its subject: not in "the answer is {s}" or "the way to {s} is short".
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
