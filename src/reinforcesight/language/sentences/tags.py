"""Convert a text to strings of tags: one string per sentence, one tag per word or phrase that matters to a claim."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from reinforcesight.language.sentences.mentions import NOT_AN_OBJECT, UNCLEAR, Words
from reinforcesight.language.sentences.openings import OPENING_WORDS, opening_tag
from reinforcesight.language.sentences.phrases import RELATION_WORDS, SMALL_WORDS, expand
from reinforcesight.language.vocabulary import word_set
from reinforcesight.relations.kinds import Relation

_THIRD_PERSON = re.compile(r"\w{2,}[^sui]s$")  # "waits", "crouches"; also plural nouns
_MEASURE = re.compile(r"\d+(?:c?m|km)?$")  # "2 m behind" is behind
_CAMERA = word_set("camera viewer observer photographer us me you lens")
_LEFT_OUT = word_set("the a an - *")
_BEFORE_OPTION_A = (["("], ["option"], ["choice"], ["claim"], ["statement"])
_OPTIONS = frozenset("abcdef")
_AFTER_OPTION = (["."], [")"], [":"])
_BEFORE_ITEM = ([":"], [";"], [","])
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "'": "'", "‘": "’"}
_LONGEST_QUOTE = 60
_LONGEST_NAME_IN_QUOTES = 2
# Signs that end a statement, unless it is a condition or a list of options.
_JOINTS = frozenset(":;")
_OPEN = {":": frozenset("Z"), ";": frozenset("Zz")}
_LISTS = frozenset("TZu")
_SENTENCE_ENDS = frozenset(".!?\n")
_LONGEST_SENTENCE = 200  # maximum number of tags, since the matching time grows with the sentence


@dataclass(slots=True)
class TaggedSentence:
    """Sentence as a string of tags.

    Attributes:
        tags: One character per tag, see phrases.py. Additional tags: "m" is a mention, "u" a mention of an
            unclear object, "s" a possessive, "g" a word in -ing or -ed, "j" a word in -s, "x" any other word.
        at: For each tag, the index of its word in the text.
        relations: Index of each tag with a relation to that relation.
        asks: Whether the sentence ends with a question mark.
    """

    tags: str
    at: list[int]
    relations: dict[int, Relation]
    asks: bool


@dataclass(slots=True)
class _Node:
    """Node of a prefix tree of phrases: the next words, and the tag and relation if a phrase ends here."""

    following: dict[str, _Node] = field(default_factory=dict)
    tag: str | None = None
    relation: Relation | None = None


@lru_cache(maxsize=1)
def _phrase_tree() -> _Node:
    """Return all phrases; made when the first text is read, since most processes that import this read none."""
    found: dict[tuple[str, ...], tuple[str, Relation | None]] = {}
    for tag, relations in RELATION_WORDS.items():
        for relation, patterns in relations.items():
            for pattern in patterns:
                for words in expand(pattern):
                    found.setdefault(words, (tag, relation))
    for tag, patterns in SMALL_WORDS.items():
        for pattern in patterns:
            found |= dict.fromkeys(expand(pattern), (tag, None))
    root = _Node()
    for words, (tag, relation_of_words) in found.items():
        node = root
        for word in words:
            node = node.following.setdefault(word, _Node())
        node.tag, node.relation = tag, relation_of_words
    return root


def tag_sentences(text: Words) -> list[TaggedSentence]:
    """Split a text into tagged sentences. Quotations are left out, unless the quotation is only a name."""
    words = text.words
    places = [
        at
        for at, word in enumerate(words)
        if word not in _LEFT_OUT
        or (word == "a" and (words[at - 1 : at] in _BEFORE_OPTION_A or words[at + 1 : at + 2] in _AFTER_OPTION))
    ]
    kept = [words[at] for at in places]
    found: list[TaggedSentence] = []
    tags: list[str] = []
    at: list[int] = []
    relations: dict[int, Relation] = {}
    phrases, targets = _phrase_tree().following, text.targets
    position, count = 0, len(kept)
    opened = 0  # first part of the sentence in `found`
    while position <= count:
        word = kept[position] if position < count else "."
        if not tags and word in _OPTIONS and kept[position + 1 : position + 2] in _AFTER_OPTION:
            tags, at, position = ["O"], [places[position]], position + 2  # "A. The mug is left": an option
            continue
        camera = _camera_between(kept, position) if word == "between" and "G" not in tags else 0
        if camera:  # "between the lamp and the camera": in front of the lamp
            kept[camera - 1 : camera + 1] = ["own", "own"]
            relations[len(tags)] = Relation.IN_FRONT
            tags.append("P")
            at.append(places[position])
            position += 1
            continue
        if word in OPENING_WORDS and (opening := opening_tag(kept, places, text, position, phrases, first=not tags)):
            tags.append(opening)
            at.append(places[position])
            position += 1
            continue
        node = phrases.get(word)
        tag: str | None = None
        relation, end = None, position + 1
        if node is not None and len(tags) <= _LONGEST_SENTENCE:
            if word in _JOINTS and relations and _joint_ends(word, tags, relations):
                # What follows is said on its own: "I rule out that the lamp is closer: the mug is closer".
                found.append(TaggedSentence("".join(tags), at, relations, asks=False))
                tags, at, relations = [], [], {}
                position = end
                continue
            if node.following:
                tag, relation, end = _longest_phrase(node, kept, end)
            else:
                tag, relation = node.tag, node.relation
        elif (
            word == "."
            and position
            and kept[position - 1].isdigit()
            and (kept[position - 2 : position - 1] in _BEFORE_ITEM or "".join(kept[end : end + 1])[:1].isdigit())
        ):
            position = end  # "Candidates: 1. the mug ...": a list; "1.5 m"
            continue
        elif word in _SENTENCE_ENDS or len(tags) > _LONGEST_SENTENCE:
            found.append(TaggedSentence("".join(tags), at, relations, word == "?"))
            if word == "?":
                for part in found[opened:]:
                    part.asks = True
            opened = len(found)
            tags, at, relations = [], [], {}
            position = end
            continue
        elif word in _QUOTES:
            closing = _closing_mark(kept, position)
            if closing - position - 1 > _LONGEST_NAME_IN_QUOTES:
                end = closing + 1  # a quotation: skipped
            elif closing > position:
                kept[closing] = "own"  # a name: its closing mark gets no tag
            position = end
            continue
        else:
            target = targets[places[position]]
            if target != NOT_AN_OBJECT:
                tag = "u" if target == UNCLEAR else "m"
        if tag is None:
            tag = _tag_of_unknown(word, tags[-1] if tags else "")
        if relation is not None:
            relations[len(tags)] = relation
        for sign in tag:
            tags.append(sign)
            at.append(places[position])
        position = end
    return found


def _joint_ends(sign: str, tags: list[str], relations: dict[int, Relation]) -> bool:
    """Return whether a colon or semicolon ends a statement with these tags, or a list of bare relations."""
    if "m" not in tags:  # "The options are left and right; the mug is left of the lamp"
        listed = set(relations.values())
        return _LISTS.isdisjoint(tags) and any(relation.inverse in listed for relation in listed)
    # Not "by distance to the lamp, from near to far: the mug, the jar".
    return "T" not in tags[-2:] and _OPEN[sign].isdisjoint(tags)


def _longest_phrase(node: _Node, words: list[str], end: int) -> tuple[str | None, Relation | None, int]:
    """Return tag and relation of the longest phrase from a node on that ends before ``end``, and its end."""
    longest = (node.tag, node.relation, end)
    while end < len(words) and (following := node.following.get(words[end])):
        node, end = following, end + 1
        if node.tag is not None:
            longest = (node.tag, node.relation, end)
    return longest


def _camera_between(words: list[str], start: int) -> int:
    """Return the position of the camera in "between X and the camera"; 0 if the camera isn't the second object."""
    ends = range(start + 3, min(len(words), start + 7))
    return next((at for at in ends if words[at - 1] == "and" and words[at] in _CAMERA), 0)


def _closing_mark(words: list[str], start: int) -> int:
    """Return the position where a quotation ends; ``start`` if it does not end."""
    closing = _QUOTES[words[start]]
    ends = range(start + 1, min(len(words), start + _LONGEST_QUOTE))
    return next((at for at in ends if words[at] in closing), start)


@lru_cache(maxsize=16_384)
def _tag_of_unknown(word: str, before: str) -> str:
    if word.endswith(("n't", "n’t")):
        return "n"
    if word in ("'s", "’s"):
        return "s" if before in ("m", "u") else "b"
    if (word.endswith("ly") and len(word) > 4) or _MEASURE.match(word):
        return ""
    return "g" if word.endswith(("ing", "ed")) else "j" if _THIRD_PERSON.match(word) else "x"
