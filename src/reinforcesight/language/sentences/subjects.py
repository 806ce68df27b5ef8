"""Find the subject of a clause in the tags of its sentence. docs/claims.md explains the tags."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reinforcesight.language.sentences.tags import TaggedSentence
from reinforcesight.language.vocabulary import word_set

# A mention without a preposition before it.
HEAD = re.compile(r"(?<![pPqtkHDnjW])(?<!j[gx])(?<![pPqtkHDnW]x)(?<![mio],x)[miu]")
_FIRST_HEAD = re.compile(r"(?<![pPqtkHDnW])(?<![pPqtkHDnW]x)m")
# Words after which a mention is no clear subject: "with the lamp", "the lamp has a mug next to it"
_WITH = ("with", "given")
_OWNING = ("has", "have", "had")
# "hangs on a hook above the lamp" is above the lamp; but "works on a car", "looks at a bird"
_CONTACT = ("on", "in", "at", "against", "inside", "within", "onto")
_POSTURES = word_set(
    "sitting standing lying hanging leaning resting parked placed mounted perched grazing sleeping floating swimming "
    "waiting fixed tied attached leans perches floats swims waits sleeps grazes"
)
_HEADING = word_set("facing pointing looking heading moving turned pointed leading")
_ARTICLES = ("the", "a", "an")


def carried_subject(tags: str, at: int, window: int) -> int | None:
    """Return the subject of the previous clauses: the nearest mention without a preposition before it."""
    heads = [m.start() for m in HEAD.finditer(tags, max(0, at - window), at)]
    return heads[-1] if heads and tags[heads[-1]] != "u" else None


def joined_subjects(tags: str, place: int) -> tuple[int, ...]:
    """Return the positions of all subjects that "and" joins with this one, as in "the mug and the lamp are"."""
    first = place - 2
    if first < 0 or tags[place - 1] != "&" or tags[first] not in "mi" or tags[:first].endswith(tuple("pPqtkHDnx")):
        first = place
    return (first, first + 2) if tags[first + 1 : first + 3] in ("&m", "&i") else (place,)


def topic_place(tags: str, end: int) -> int | None:
    """Return the mention before ``end`` that a pronoun as a subject means; ``None`` if several are joined.

    It is the first mention without a preposition: the mug in "Next to the lamp is the mug".
    """
    head = _FIRST_HEAD.search(tags, 0, end)
    place = head.start() if head else tags.find("m", 0, end)
    return place if place >= 0 and len(joined_subjects(tags, place)) == 1 else None


def has_clear_roles(sentence: TaggedSentence, words: Sequence[str]) -> bool:
    """Return whether "it is left of it" may refer to a sentence: its first object is its subject, and owns nothing.

    Not after "Next to the lamp is the mug", "The lamp has a mug next to it", "The lamp's cord is near the mug".
    """
    tags = sentence.tags
    first = tags.find("m")
    if first < 0 or topic_place(tags, len(tags)) != first:
        return False
    if first and tags[first - 1] == "&" and words[sentence.at[first - 1]] in _WITH:
        return False
    if tags[first + 1 : first + 2] == "s":
        return "t" in tags[first:]  # "the mug's x is smaller than the lamp's, so it is left of it"
    return first + 1 == len(tags) or words[sentence.at[first + 1]] not in _OWNING


def belongs_to_another(sentence: TaggedSentence, words: Sequence[str], place: int) -> bool:
    """Return whether "someone holding the mug is" or "the boy with the mug is" is about something else."""
    tags = sentence.tags
    if not place:
        return False
    if tags[place - 1] == "&" and words[sentence.at[place - 1]] == "with":
        follows = words[sentence.at[place + 1]] if len(tags) > place + 1 and tags[place + 1] in "be" else "being"
        return tags[max(0, place - 2)] in "xjmu" and follows != "being"
    if tags[max(0, place - 3) : place] == "pm&" and words[sentence.at[place - 3]] == "between":
        return True
    return tags[place - 1] == "g" and words[sentence.at[place] - 1] in _ARTICLES


def carries_along(sentence: TaggedSentence, words: Sequence[str], place: int) -> bool:
    """Return whether the object is where the thing after this preposition is: "hangs on a hook (above the lamp)"."""
    near = [words[at] for at in sentence.at[place - 1 : place + 3]]
    if near[1] not in _CONTACT or not _HEADING.isdisjoint(near):
        return False
    return sentence.tags[place - 1] == "b" or near[0] in _POSTURES
