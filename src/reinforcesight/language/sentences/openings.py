"""Words that open a sentence which claims nothing about the picture: commands, wishes and past states."""

from __future__ import annotations

from collections.abc import Container, Sequence

from reinforcesight.language.sentences.mentions import NOT_AN_OBJECT, Words
from reinforcesight.language.vocabulary import word_set

# "Move the lamp behind the mug", "keep it left of the mug"
_COMMANDS = word_set(
    "move place put position set bring push pull drag carry slide shift leave keep hang lay park relocate roll lift "
    "shove nudge stick drop throw insert draw paint"
)
_BEFORE_COMMAND = word_set("please now then next finally just kindly let's us you should must shall to and")
_WISHES = word_set("want wants wanted wish wishes prefer prefers")
_PAST = word_set("earlier previously originally formerly")
OPENING_WORDS = _COMMANDS | _WISHES | _PAST
_PRONOUNS = word_set("it them him her everything")
_ARTICLES = ("the", "a", "an")


def opening_tag(
    kept: Sequence[str], places: Sequence[int], text: Words, at: int, known: Container[str], *, first: bool
) -> str | None:
    """Return the tag of a word if it opens a command or a wish ("Z") or a past state ("h").

    Args:
        kept: Words of the text without articles.
        places: For each of them, its index in the text.
        text: The text.
        at: Index in ``kept`` of the word, one of :data:`OPENING_WORDS`.
        known: Words with a tag of their own, which are no adjectives.
        first: Whether it is the first word of its sentence.
    """
    word = kept[at]
    if word in _PAST:  # "Earlier, the mug was ..."; but "as noted earlier, the mug is"
        then = at + 1 + (kept[at + 1 : at + 2] == [","])
        return "h" if first and _is_mention(text, places, then) else None
    before = kept[at - 1] if at and not first else ""
    if word in _COMMANDS:
        let = before in ("'s", "’s") and kept[at - 2] == "let"
        noun = places[at] and text.words[places[at] - 1] in _ARTICLES
        if noun or not (first or let or before in _BEFORE_COMMAND):
            return None
    then = at + 1
    if kept[then : then + 1] and kept[then] in _PRONOUNS:
        return "Z"
    adjective = not _is_mention(text, places, then) and then < len(kept) and kept[then] not in known
    return "Z" if _is_mention(text, places, then + adjective) else None


def _is_mention(text: Words, places: Sequence[int], at: int) -> bool:
    return at < len(places) and text.targets[places[at]] != NOT_AN_OBJECT
