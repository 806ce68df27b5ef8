"""Read claims "object, relation, object" out of reasoning, in one pass over its words.

The phrases are those of :data:`~reinforcesight.data_gen.claims.CLAIM_PHRASES`, with more spellings, since models
word things in more ways than our data. Against :func:`~reinforcesight.data_gen.claims.read_claims` this reader
also gives positions, knows every object of the scene, needs no pattern per question (it has to keep up with
rollouts), and leaves out what is asked, supposed or denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from reinforcesight.data_gen.claims import ADVERBS, CLAIM_PHRASES
from reinforcesight.relation_kinds import Relation

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
NAME = "_"  # stands for the mention of an object in Words.words
_NOT_AN_OBJECT, UNCLEAR = -1, -2

_MORE_PHRASES: dict[Relation, tuple[str, ...]] = {
    Relation.LEFT: ("on the left of", "on the left side of", "to the left side of", "more to the left than"),
    Relation.RIGHT: (
        "on the right of",
        "on the right side of",
        "to the right side of",
        "more to the right than",
    ),
    Relation.ABOVE: ("higher than", "higher up in the picture than"),
    Relation.BELOW: ("lower than", "lower down in the picture than", "under", "beneath", "underneath"),
    Relation.IN_FRONT: ("more in front than",),
    Relation.BEHIND: ("farther away from the camera than", "farther away than", "deeper in the scene than"),
}
_SPELLINGS = {
    "farther": ("farther", "further"),
    "nearer": ("nearer", "closer"),
    "camera": ("camera", "viewer", "observer"),
    "picture": ("picture", "image", "photo"),
}
_ARTICLES = frozenset(("the", "a", "an"))
_VERBS = frozenset(
    ("is", "are", "was", "were", "lies", "lie", "sits", "sit", "stands", "stand", "appears", "appear")
)
_VERBS |= frozenset(("seems", "seem", "looks", "look"))
_ADVERBS = frozenset(word for kind in ADVERBS.values() for group in kind for word in group if word)
_ADVERBS |= frozenset(
    ("slightly", "just", "directly", "also", "still", "visibly", "definitely", "somewhat", "even")
)
_ADVERBS |= frozenset(
    ("indeed", "actually", "therefore", "thus", "more", "situated", "positioned", "located", "placed")
)
# "appears to be located": "to" and "be" stand between the verb and the phrase.
_BETWEEN = _VERBS | _ADVERBS | {"to", "be"}
_CLAUSE_ENDS = frozenset((*".;:!?,", "so", "hence", "therefore", "thus", "while", "but", "and"))
_SENTENCE_ENDS = frozenset(".!?")
_UNCLAIMED = frozenset(
    (
        *(
            "not",
            "never",
            "no",
            "nobody",
            "cannot",
            "false",
            "untrue",
            "wrong",
            "incorrect",
            "deny",
            "denies",
        ),
        *(
            "whether",
            "if",
            "unless",
            "suppose",
            "supposing",
            "assume",
            "assuming",
            "imagine",
            "either",
            "neither",
        ),
        *("maybe", "perhaps", "possibly", "could", "might", "may", "would", "asks", "asked", "opposite"),
    )
)
_AUXILIARIES = frozenset(
    ("is", "are", "was", "were", "do", "does", "did", "can", "could", "would", "might", "may")
)
_DENIALS = frozenset(("not", "false", "untrue", "wrong", "incorrect"))
_LOOK_BACK = 40  # words within which a clause is searched for "not", "whether" and the like


def _phrase_table() -> dict[str, tuple[tuple[tuple[str, ...], Relation], ...]]:
    """First word to the phrases that start with it, longest first; ``{anchor}`` is the third object's slot."""
    found: dict[tuple[str, ...], Relation] = {}
    for table in (CLAIM_PHRASES, _MORE_PHRASES):
        for relation, phrases in table.items():
            for phrase in phrases:
                for words in product(*(_SPELLINGS.get(word, (word,)) for word in phrase.split())):
                    found[words] = relation
    first: dict[str, list[tuple[tuple[str, ...], Relation]]] = {}
    for words, relation in sorted(found.items(), key=lambda item: -len(item[0])):
        first.setdefault(words[0], []).append((words, relation))
    return {word: tuple(phrases) for word, phrases in first.items()}


_PHRASES = _phrase_table()


@dataclass(frozen=True, slots=True)
class ReadClaim:
    """A claim as read: positions of objects in the scene, and where in the text it stands (characters)."""

    relation: Relation
    subject: int
    reference: int
    anchor: int | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Words:
    """A text as words and signs, each mention of an object taken as one word.

    Attributes:
        words: Lower case; ``NAME`` for a mention.
        targets: Position of the mentioned object in the scene, ``UNCLEAR`` where a name fits several objects, and
            another negative number for ordinary words.
        starts, ends: Where each stands in the text.
    """

    words: list[str]
    targets: list[int]
    starts: list[int]
    ends: list[int]


class MentionTable:
    """How the objects of a scene may be written, for one question.

    Args:
        mentions: Name without article to the object's position in the scene, or ``UNCLEAR``.
    """

    def __init__(self, mentions: Mapping[str, int]) -> None:
        first: dict[str, list[tuple[list[str], int]]] = {}
        for name, target in sorted(
            mentions.items(), key=lambda item: (-len(_TOKEN.findall(item[0])), item[0])
        ):
            tokens = _TOKEN.findall(name.lower())
            if tokens:
                first.setdefault(tokens[0], []).append((tokens, target))
        self._first = first

    def split(self, text: str) -> Words:
        """Take a text apart. Longer names win over shorter ones."""
        matches = list(_TOKEN.finditer(text))
        tokens = [match[0].lower() for match in matches]
        first = self._first
        words: list[str] = []
        targets: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        position, count = 0, len(tokens)
        while position < count:
            word, target, width = tokens[position], _NOT_AN_OBJECT, 1
            for name, named in first.get(word, ()):
                if tokens[position : position + len(name)] == name:
                    word, target, width = NAME, named, len(name)
                    break
            words.append(word)
            targets.append(target)
            starts.append(matches[position].start())
            ends.append(matches[position + width - 1].end())
            position += width
        return Words(words, targets, starts, ends)


def read_claims_in(text: Words) -> list[ReadClaim]:
    """Claims that are stated: not asked, supposed, offered as one of two, or denied."""
    words, targets = text.words, text.targets
    found: list[ReadClaim] = []
    last_reference = -1
    position, count = 0, len(words)
    while position < count:
        for phrase, relation in _PHRASES.get(words[position], ()):
            matched = _match_phrase(text, position, phrase)
            if matched is None:
                continue
            after, anchor = matched
            opening = position
            reference = after + 1 if after < count and words[after] in _ARTICLES else after
            subject = position - 1
            while subject >= 0 and words[subject] in _BETWEEN:
                subject -= 1
            position = after - 1
            if (
                reference < count
                and targets[reference] >= 0
                and subject >= 0
                and targets[subject] >= 0
                and subject
                != last_reference  # "the lamp behind the chair is left of": the lamp or the chair?
                and _is_stated(words, subject, opening, reference)
            ):
                claim = ReadClaim(
                    relation,
                    targets[subject],
                    targets[reference],
                    anchor,
                    text.starts[subject],
                    text.ends[reference],
                )
                found.append(claim)
            last_reference = reference
            break
        position += 1
    return found


def _match_phrase(text: Words, position: int, phrase: Iterable[str]) -> tuple[int, int | None] | None:
    """Position after a phrase and the object in its slot, or ``None`` where the phrase does not stand here."""
    words, count = text.words, len(text.words)
    anchor: int | None = None
    for part in phrase:
        if part == "{anchor}":
            if position < count and words[position] in _ARTICLES:
                position += 1
            if position >= count or text.targets[position] < 0:
                return None
            anchor = text.targets[position]
        elif position >= count or words[position] != part:
            return None
        position += 1
    return position, anchor


def _is_stated(words: list[str], subject: int, phrase: int, reference: int) -> bool:
    """Whether a clause claims what it says."""
    before = subject - 1
    if before >= 0 and words[before] in _ARTICLES:
        before -= 1
    has_verb = any(word in _VERBS for word in words[subject + 1 : phrase])
    if not has_verb and before >= 0 and words[before] in _AUXILIARIES:
        return False  # "is the chair left of the table"
    for at in range(before, max(-1, before - _LOOK_BACK), -1):
        word = words[at]
        if word in _CLAUSE_ENDS:
            break
        if word in _UNCLAIMED or word.endswith(("n't", "n’t")):
            return False
    following = words[reference + 1 : reference + 4]
    if following:
        if following[0] == "or":
            return False
        if following[0] in _VERBS and (following[1:2] and following[1] in _DENIALS):
            return False
        for word in words[reference + 1 : reference + 1 + 4 * _LOOK_BACK]:
            if word in _SENTENCE_ENDS:
                return word != "?"
    return True
