"""The phrases by which a text claims a relation, and the one reader of such claims.

A claim is ``{subject} [is] [adverb] PHRASE {reference}``, as in "the red chair is clearly to the left of the table".
Reasoning is written with :data:`CLAIM_PHRASES`. The reader knows more spellings, since models word things in more
ways than our data; it goes over the words once, and leaves out what a text asks, supposes, offers as one of two, or
denies. The audit and the reward both use it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Generic, TypeVar

from reinforcesight.language.names import bare_name
from reinforcesight.language.vocabulary import other_names, word_set
from reinforcesight.relations.kinds import Relation

# ``{anchor}`` is the place of the third object. Phrases that end in "than" are comparative and take other adverbs.
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
_ADVERBS_BY_STRENGTH: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "position": (("",), ("clearly", "plainly"), ("far", "well")),
    "comparative": (("",), ("clearly", "noticeably"), ("much", "considerably")),
}


def adverbs(phrase: str, strength: int) -> tuple[str, ...]:
    """Adverbs that fit a phrase, for strength 0 (plain), 1 (clear) or 2 (strong)."""
    return _ADVERBS_BY_STRENGTH["comparative" if phrase.endswith(" than") else "position"][strength]


# --- the reader -------------------------------------------------------------------------------------------------


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
_ARTICLES = word_set("the a an")
_VERBS = word_set("is are was were lies lie sits sit stands stand appears appear seems seem looks look")
_ADVERBS = frozenset(
    word for kind in _ADVERBS_BY_STRENGTH.values() for group in kind for word in group if word
) | word_set(
    "slightly just directly also still visibly definitely somewhat even indeed actually therefore thus more situated "
    "positioned located placed"
)
# "appears to be located": "to" and "be" come between the verb and the phrase.
_BETWEEN = _VERBS | _ADVERBS | word_set("to be")
_CLAUSE_ENDS = frozenset((*".;:!?,", "so", "hence", "therefore", "thus", "while", "but", "and"))
_SENTENCE_ENDS = frozenset(".!?")
_UNCLAIMED = word_set(
    "not never no nobody cannot false untrue wrong incorrect deny denies whether if unless suppose supposing assume "
    "assuming imagine either neither or nor maybe perhaps possibly could might may would asks asked opposite"
)
_AUXILIARIES = word_set("is are was were do does did can could would might may")
_DENIALS = word_set("not false untrue wrong incorrect")
_LOOK_BACK = 40  # words within which a clause is searched for "not", "whether" and the like

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
NOT_AN_OBJECT, UNCLEAR = -1, -2

Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Claim(Generic[Id]):
    """A relation that a text claims of two objects.

    Attributes:
        relation: What is claimed of the subject.
        subject, reference, anchor: The objects; an anchor for closer and farther only.
        tokens: Where the claim is in the text: its first token, and the one after its last.
    """

    relation: Relation
    subject: Id
    reference: Id
    anchor: Id | None = None
    tokens: tuple[int, int] = field(default=(0, 0), compare=False)


@dataclass(frozen=True, slots=True)
class Words:
    """A text as words and signs; each mention of an object is one word.

    Attributes:
        words: Lower case; a mention is replaced by a made-up word for its object that starts with ``_q``.
        targets: Position of the mentioned object in the scene, ``UNCLEAR`` if a name fits several objects,
            ``NOT_AN_OBJECT`` for all other words.
        tokens: For each mention, by its position in ``words``, the first token of the text and the one after its
            last: :func:`character_spans` gives the characters.
    """

    words: list[str]
    targets: list[int]
    tokens: dict[int, tuple[int, int]]


def asked_mentions(names: Mapping[Id, str], colours: Mapping[Id, str]) -> dict[str, Id]:
    """How a question's own objects may be written in its reasoning.

    Args:
        names: Object to name: subject, reference and anchor of the question.
        colours: Object to the colour of the box drawn around it ("boxes" of the question's evidence).
    """
    bare = {item: bare_name(name) for item, name in names.items()}
    mentions = {f"{bare[item]} in the {colour} box": item for item, colour in colours.items()}
    counts = Counter(name.casefold() for name in bare.values())
    return mentions | {name: item for item, name in bare.items() if counts[name.casefold()] == 1}


def scene_mentions(
    names: Sequence[str],
    ambiguous: Sequence[bool],
    asked: Iterable[int],
    colours: Mapping[int, str],
) -> dict[str, int]:
    """How the objects of a scene may be written: by a name or synonym that fits no other object, or by a drawn box.

    Args:
        names: Names of the scene's objects.
        ambiguous: Which of them fit several objects: :func:`~reinforcesight.language.names.ambiguous_names`.
        asked: Positions of the objects that the question is about: its own wording makes clear which is meant.
        colours: Position to the colour of the box drawn around it.
    """
    bare = [bare_name(name).lower() for name in names]
    found = {name: UNCLEAR if ambiguous[index] else index for index, name in enumerate(bare)}
    own = {index: bare[index] for index in asked}
    found |= dict.fromkeys(own.values(), UNCLEAR)
    found |= asked_mentions(own, {index: colour for index, colour in colours.items() if index in own})
    for index, colour in colours.items():
        for written in (f"{bare[index]} ({colour} box)", f"object in the {colour} box", f"{colour} box"):
            found.setdefault(written, index)
    synonyms: dict[str, int] = {}
    for index, name in enumerate(bare):
        for other in other_names(name):
            synonyms[other] = index if synonyms.get(other, index) == index else UNCLEAR
    return synonyms | found


class MentionTable:
    """Finds mentions of objects in texts.

    Args:
        mentions: Name without article to the object's position in the scene, or ``UNCLEAR``.
    """

    def __init__(self, mentions: Mapping[str, int]) -> None:
        first: dict[str, list[tuple[list[str], int, str]]] = {}
        for name in sorted(mentions, key=lambda name: (-len(_TOKEN.findall(name)), name)):
            tokens = _TOKEN.findall(name.lower())
            if tokens:
                target = mentions[name]
                first.setdefault(tokens[0], []).append((tokens, target, _stand_in(target)))
        self._first = first

    def split(self, text: str) -> Words:
        """Take a text apart. Longer names win over shorter ones."""
        # Plain lists of strings; positions are computed only for the claims that are found, to keep rollouts fast.
        tokens = _TOKEN.findall(_lower(text))
        first = self._first
        words: list[str] = []
        targets: list[int] = []
        mentioned: dict[int, tuple[int, int]] = {}
        position = 0
        for at in [at for at, token in enumerate(tokens) if token in first]:
            if at < position:
                continue
            for name, target, stand_in in first[tokens[at]]:
                end = at + len(name)
                if tokens[at:end] == name:
                    words += tokens[position:at]
                    targets += [NOT_AN_OBJECT] * (at - position)
                    mentioned[len(words)] = (at, end)
                    words.append(stand_in)
                    targets.append(target)
                    position = end
                    break
        words += tokens[position:]
        targets += [NOT_AN_OBJECT] * (len(tokens) - position)
        return Words(words, targets, mentioned)


def _lower(text: str) -> str:
    """Lower case of the same length: the few letters that would become two (such as İ) stay as they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def character_spans(text: str, token_spans: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Characters that stretches of tokens (first, one after last) take up in a text."""
    wanted = list(token_spans)
    firsts = {first: 0 for first, _ in wanted}
    lasts = {end - 1: 0 for _, end in wanted}
    for at, match in enumerate(_TOKEN.finditer(_lower(text))):
        if at in firsts:
            firsts[at] = match.start()
        if at in lasts:
            lasts[at] = match.end()
    return {(first, end): (firsts[first], lasts[end - 1]) for first, end in wanted}


def _stand_in(target: int) -> str:
    """A word for an object that no number word or unit can be read in."""
    letters = ""
    while target >= 0:
        letters += chr(ord("a") + target % 26)
        target = target // 26 - 1
    return f"_q{letters}"


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


def read_claims(text: Words) -> list[Claim[int]]:
    """Claims that are stated: not asked, supposed, offered as one of two, or denied."""
    words, targets = text.words, text.targets
    found: list[Claim[int]] = []
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
                and subject != last_reference  # "the lamp behind the chair is left of": the lamp or the chair?
                and _is_stated(words, subject, opening, reference)
            ):
                claim = Claim(
                    relation,
                    targets[subject],
                    targets[reference],
                    anchor,
                    (text.tokens[subject][0], text.tokens[reference][1]),
                )
                found.append(claim)
            last_reference = reference
            break
        position += 1
    return found


def _match_phrase(text: Words, position: int, phrase: Iterable[str]) -> tuple[int, int | None] | None:
    """Position after a phrase and the object in its slot, or ``None`` if the phrase is not at this position."""
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
