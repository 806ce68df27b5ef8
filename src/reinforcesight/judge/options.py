"""The choices of an item, compiled once: their letters, their names, and the patterns to find them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from reinforcesight.judge.counting import counted_noun
from reinforcesight.judge.markup import plain
from reinforcesight.judge.question import asked_anchor, asked_axis, relation_objects
from reinforcesight.language.names import bare_name
from reinforcesight.language.vocabulary import NUMBER_WORDS, number_forms, other_names, word_set
from reinforcesight.protocol import LETTERS

# Questions are many, their options and names few: what does not depend on the question is kept for this many of them.
_DISTINCT = 4096

_GAP = re.compile(r"[\s-]+")
_COLOURS = word_set("red blue green yellow orange purple pink black white brown grey gray cyan magenta")
# Words that choices may share around the part in which they differ.
_CARRIERS = word_set("is are the point object circle box marker label region to of option")

# Words of the eight relations, without hyphens; closer and farther come first, since they also mean a depth.
_RELATION_WORDS = {
    "closer": "closer,nearer,closest,nearest",
    "farther": "farther,further,farthest,furthest,more distant,most distant,more remote",
    "left": "left,left hand,leftmost,leftward,leftwards,left side,left hand side",
    "right": "right,right hand,rightmost,rightward,rightwards,right side,right hand side",
    "above": "above,on top,atop,over,higher,upper,overhead",
    "below": "below,beneath,under,underneath,lower,bottom",
    "in front": "in front,front,ahead,closer,nearer,closest,nearest",
    "behind": "behind,in back of,at the back,at the rear,farther,further,farthest,furthest,more distant",
}
_NO_VALUE = r"(?! (?:[\w-]+ )?(?:\w-)?(?:value|coordinate|number|score|depth)s?\b)"  # "a higher y-value"
# What may not go before and after some of these words: "what's left", "the right answer".
_NOT_BEFORE = {
    "left": r"(?<!what's )(?<!what is )",
    "right": "".join(f"(?<!{words} )" for words in ("that's", "you're", "you are", "i am", "is that", "all")),
}
_NOT_AFTER = {
    "left": r"(?! (?:over|after|out)\b)",
    "right": r"(?! (?:answer|choice|option|letter|one|in front|next|beside|behind|above|below|now|here|there|at)\b)",
    "over": r"(?= (?:the|a|an|it)\b|\s*[.,;]|\s*$)",
    "ahead": r"(?= of\b)",
    "higher": _NO_VALUE,
    "lower": _NO_VALUE,
}
_RELATION_OF = {"top": "above", "in back": "behind"}
for _relation_name, _words in _RELATION_WORDS.items():
    for _word in _words.split(","):
        _RELATION_OF.setdefault(_word, _relation_name)
_RELATION_WRAP = re.compile(r"(?:(?:is|it is|to|on|at) )?(?:the )?(.+?)(?:[ -]hand)?(?: side)?(?: of| away)?(?: it)?")
_YES = ("yes", "yeah", "yep", "true")
_NO = ("no", "nope", "false")

_QUESTION_BOX = (
    r"\b{name}\s?\((?:highlighted|annotated|marked|outlined|indicated) (?:by|with|in) (?:a|the) (\w+)"
    r"(?: bounding)? box\)"
)


@dataclass(frozen=True, slots=True)
class Options:
    """Compiled choices.

    Attributes:
        count: Number of choices.
        kind: ``entity`` (objects), ``label`` (objects called by letters: "Point A"), ``relation``, ``yes_no`` or
            ``number``.
        names: Normalised name (see `squeeze`) to index; -1 if two choices share it.
        pattern: Pattern of all names, longest first, on word boundaries; its normalised match is a key of `names`.
        labels: Letter of an object to index (kind ``label``).
        axis: What the question asks for: near, far, left, right, above, below; "" if unclear.
        texts: The choices in lower case, without marks around them.
        inverse: Index of a choice to the index of the inverse relation, if it is a choice (kind ``relation``).
        question_words: Words of the question, if it was given.
        subject, anchor: Patterns of the names in "where is X with respect to Y", if the question was given.
        general: Choices of several words, such as "cannot be determined", to their index.
        anchored: Whether the question measures distances to a third object.
        counted: Pattern of the noun in "how many dogs" (kind ``number``).
        in_order: Whether the question names the choices in the order of their letters, if it names them.
    """

    count: int
    kind: str
    names: dict[str, int]
    pattern: re.Pattern[str] | None
    labels: dict[str, int] = field(default_factory=dict)
    axis: str = "near"
    texts: tuple[str, ...] = ()
    inverse: dict[int, int] = field(default_factory=dict)
    question_words: frozenset[str] = frozenset()
    subject: re.Pattern[str] | None = None
    anchor: re.Pattern[str] | None = None
    general: dict[str, int] = field(default_factory=dict)
    in_order: bool = False
    anchored: bool = False
    counted: re.Pattern[str] | None = None

    def index_of(self, name: str) -> int | None:
        """Return the index of the choice with this name; -1 if several have it, None if none has it."""
        return self.names.get(squeeze(name))


@lru_cache(maxsize=8192)
def squeeze(name: str) -> str:
    """Normalise a name: lower case, no article, no spaces or hyphens ("night stand" becomes "nightstand")."""
    return _GAP.sub("", bare_name(name.strip().lower()))


def _text(choice: str) -> str:
    cleaned = " ".join(plain(choice[:400]).split()).strip(" .,:;!?\"'()[]").lower()
    return cleaned or choice.strip().lower()[:400]


def choice_texts(choices: Iterable[object]) -> tuple[str, ...]:
    """Return the choices without a letter that matches their index: "(B) right" as second choice becomes "right"."""
    texts = []
    for i, choice in enumerate(choices):
        text = str(choice).strip()
        if i < len(LETTERS):
            own = re.match(rf"(?:\({LETTERS[i]}\)\s*|{LETTERS[i]}[.):]\s+)(?=\S)", text, re.IGNORECASE)
            text = text[own.end() :] if own else text
        texts.append(text)
    return tuple(texts)


def _cores(texts: list[str]) -> list[str] | None:
    """Return the part in which choices with shared words differ: "A is closer", "B is closer" become "a", "b"."""
    tokens = [text.split() for text in texts]
    shortest = min(len(words) for words in tokens)
    head = tail = 0
    while head < shortest - 1 and len({words[head] for words in tokens}) == 1:
        head += 1
    while tail < shortest - head - 1 and len({words[-1 - tail] for words in tokens}) == 1:
        tail += 1
    if head + tail == 0:
        return None
    shared = set(tokens[0][:head] + tokens[0][len(tokens[0]) - tail :])
    cores = [" ".join(words[head : len(words) - tail]) for words in tokens]
    if shared & _CARRIERS or all(core in _COLOURS for core in cores):
        return cores
    return None


def _entity_names(texts: list[str]) -> dict[str, int]:
    """Return names of objects with their index, literal names first; looser names must fit exactly one choice."""
    names: dict[str, int] = {}
    levels: list[list[tuple[str, int]]] = [[(text, i) for i, text in enumerate(texts)]]
    cores = _cores(texts)
    if cores:
        levels.append([(core, i) for i, core in enumerate(cores)])
    base = list(map(bare_name, texts))
    if all(len(core) > 1 for core in cores or ()):
        base = list(map(bare_name, cores or base))
    levels.append([(form, i) for i, text in enumerate(base) for form in number_forms(text)])
    levels.append([(form, i) for i, text in enumerate(base) for form in other_names(text)])
    # "the plant" means "potted plant", unless another choice contains that word too.
    words = [set(re.findall(r"\w+", text)) for text in base]
    short = []
    for i, text in enumerate(base):
        last = text.split()[-1] if " " in text else ""
        if len(last) > 2 and not any(last in other for j, other in enumerate(words) if j != i):
            short += [(form, i) for form in number_forms(last)]
    levels.append(short)
    for level in levels:
        fresh: dict[str, int] = {}
        for name, i in level:
            key = squeeze(name)
            if key and key not in names:
                fresh[key] = i if fresh.get(key, i) == i else -1
        names.update(fresh)
    return names


def _spelling(key_source: str) -> str:
    """Return the pattern of a name, whose words may be joined by a space, a hyphen or nothing."""
    return r"[ -]?".join(re.escape(word) for word in re.split(r"[ -]+", key_source))


def _bounded(alternatives: Iterable[str]) -> re.Pattern[str] | None:
    ordered = sorted(set(alternatives), key=lambda text: (-len(text), text))
    return _bounded_pattern(tuple(ordered)) if ordered else None


@lru_cache(maxsize=_DISTINCT)
def _bounded_pattern(ordered: tuple[str, ...]) -> re.Pattern[str]:
    # A search for first letters is far faster than for the names.
    firsts = "".join(sorted({text[0] for text in ordered}))
    start = f"(?=[{firsts}])" if firsts.isalnum() else ""
    return re.compile(rf"{start}(?<![^\W_])(?:{'|'.join(ordered)})(?![^\W_])", re.IGNORECASE)


def _relation(text: str) -> str | None:
    wrapped = _RELATION_WRAP.fullmatch(text)
    return _RELATION_OF.get(wrapped[1] if wrapped else text)


def _relation_pattern(name: str) -> str:
    """Return the pattern of a relation's words; "left hand" may have a hyphen or be one word."""
    # Words with the same start are tried together, which is faster.
    ends: dict[str, list[str]] = {}
    for word in sorted(_RELATION_WORDS[name].split(","), key=len):
        start = next((known for known in ends if word.startswith(known)), word)
        ends.setdefault(start, []).insert(0, word[len(start) :].replace(" ", "[ -]?"))
    spelled = (
        start.replace(" ", "[ -]?") + (f"(?:{'|'.join(rest)})" if rest != [""] else "") + _NOT_AFTER.get(start, "")
        for start, rest in ends.items()
    )
    return rf"{_NOT_BEFORE.get(name, '')}(?:{'|'.join(spelled)})"


@lru_cache(maxsize=_DISTINCT)
def _recital(texts: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return a pattern of as many consecutive lettered options as the item has, in any order."""
    if not 2 <= len(texts) <= 12:
        return None
    parts = "|".join(
        rf"{LETTERS[i]}\s?[).:,=-]{{0,2}}\s{{0,2}}(?:(?:is|means|for) )?(?:the |an? )?{re.escape(text)}(?![^\W_])"
        for i, text in enumerate(texts)
    )
    # Relations are also listed without letters: "left, right, above and below".
    name = rf"(?<![^\W_])(?:{'|'.join(map(re.escape, texts))})(?![^\W_])"
    bare = rf"|{name}(?:,? (?:(?:and|or) )?{name}){{{len(texts) - 1}}}" if len(texts) > 2 else ""
    one = rf"\(?(?<![^\W_])(?:{parts})"
    return re.compile(
        rf"{one}(?:[\W]{{1,8}}(?:(?:and|or|option|choice)\s)?{one}){{{len(texts) - 1}}}{bare}", re.IGNORECASE
    )


@lru_cache(maxsize=len(LETTERS))
def _own_letter(index: int) -> re.Pattern[str]:
    """Return the pattern of a choice's letter in a list; the class in front lets the search skip other characters."""
    letter = LETTERS[index] + LETTERS[index].lower()
    return re.compile(rf"[{letter}](?=[\s).:,-])(?<![^\W_][{letter}])")


def may_list(text: str, options: Options) -> bool:
    """Return whether a text is long enough for a list of all options and has all of their letters."""
    letters = reversed(range(options.count))
    return len(text) > sum(map(len, options.texts)) and all(_own_letter(i).search(text) for i in letters)


def without_recital(text: str, options: Options) -> str:
    """Remove lists of all options with their letters."""
    listed = options.kind == "relation" and options.count > 2
    # The pattern of a new item takes far longer to compile than an output to read.
    if not listed and not may_list(text, options):
        return text
    recital = _recital(options.texts)
    if recital is None:
        return text

    def cut(match: re.Match[str]) -> str:
        named = set(re.findall(r"(?<![^\W_])[A-Z](?=[\s).:,-])", match[0].upper()))
        return "\n" if (listed and not named) or all(LETTERS[i] in named for i in range(options.count)) else match[0]

    return recital.sub(cut, text)


@lru_cache(maxsize=_DISTINCT)
def _name_pattern(name: str) -> re.Pattern[str]:
    spellings = map(_spelling, number_forms(name.lower()) | other_names(name))
    return re.compile(rf"\b(?:{'|'.join(sorted(spellings, key=len, reverse=True))})\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def compile_options(choices: tuple[str, ...], question: str | None) -> Options:
    texts = choice_texts(choices)
    count = min(len(texts), len(LETTERS))
    clean = [_text(text) for text in texts[:count]]
    for parts in (clean, (_cores(clean) or []) if count > 1 else []):
        named = [relation for part in parts if (relation := _relation(part))]
        if len(named) == count and len(set(named)) == count:
            return _relation_options(clean, named, question)
    if count == 2 and {text in _YES for text in clean} == {True, False} and any(text in _NO for text in clean):
        names = {word: i for i, text in enumerate(clean) for word in (_YES if text in _YES else _NO)}
        return Options(count, "yes_no", names, _bounded(names), texts=tuple(clean))
    if all(re.fullmatch(r"\d{1,4}", text) for text in clean):
        return _number_options(clean, question)
    question_text = plain(question[:4000]) if question else ""
    axis = asked_axis(question_text) if question_text else "near"
    asked = frozenset(re.findall(r"[^\W_]+", question_text.lower())) - {"the", "a", "of", "to"}
    cores = _cores(clean) or clean
    if all(len(core) == 1 and core.isalpha() and core.isascii() for core in cores) and len(set(cores)) == count:
        names = {squeeze(text): i for i, text in enumerate(clean) if len(text) > 1}
        labels = {core.upper(): i for i, core in enumerate(cores)}
        texts_pattern = [_spelling(text) for text in clean if len(text) > 1 and not re.search(r" (?:is|are) ", text)]
        return Options(count, "label", names, _bounded(texts_pattern), labels, axis, tuple(clean), {}, asked)
    known, spelled = _entity(tuple(clean))
    names, spellings = dict(known), list(spelled)
    for i, text in enumerate(clean):
        mark = re.search(_QUESTION_BOX.format(name=re.escape(text)), question_text, re.IGNORECASE)
        if mark:
            for phrase in _box_names(mark[1].lower()):
                if squeeze(phrase) not in names:
                    names[squeeze(phrase)] = i
                    spellings.append(_spelling(phrase))
    lowered = question_text.lower()
    places = [lowered.find(text) for text in clean]
    return Options(
        count,
        "entity",
        names,
        _bounded(spellings),
        {},
        axis,
        tuple(clean),
        question_words=asked,
        general={text: i for i, text in enumerate(clean) if " " in text},
        in_order=places == sorted(places),
        anchored=bool(asked_anchor(question_text)),
    )


@lru_cache(maxsize=_DISTINCT)
def _entity(clean: tuple[str, ...]) -> tuple[dict[str, int], list[str]]:
    """Return the names of objects with their index, and the patterns of these names."""
    names = _entity_names(list(clean))
    return names, _entity_spellings(list(clean), names)


def _entity_spellings(clean: list[str], names: dict[str, int]) -> list[str]:
    sources = set(clean)
    sources |= set(map(bare_name, clean))
    for core in _cores(clean) or ():
        sources.add(core)
    for text in list(sources):
        sources |= number_forms(text) | other_names(text)
        if " " in text:
            sources |= number_forms(text.split()[-1])
    return [_spelling(source) for source in sources if squeeze(source) in names]


def _box_names(colour: str) -> list[str]:
    things = ("box", "bounding box", "rectangle", "frame", "outline", "boxed", "one", "object")
    return [*(f"{colour} {thing}" for thing in things), colour]


def _relation_options(clean: list[str], named: list[str], question: str | None) -> Options:
    names = {squeeze(text): i for i, text in enumerate(clean)}
    names |= {squeeze(name): i for i, name in enumerate(named)}
    # Named groups would each cost a lookup; `relation_of` looks the matched word up instead.
    pattern = _bounded(_relation_pattern(name) for name in named)
    objects = [_name_pattern(name) for name in relation_objects(question)]
    subject, anchor = objects if objects else (None, None)
    for i, name in enumerate(named):
        for word in _RELATION_WORDS[name].split(","):
            names.setdefault(squeeze(word), i)
    # Imported here because it loads pydantic, and importing the judge should be fast.
    from reinforcesight.relations.kinds import Relation

    opposite = [Relation(name).inverse.value for name in named]
    inverse = {i: named.index(other) for i, other in enumerate(opposite) if other in named}
    return Options(
        len(clean),
        "relation",
        names,
        pattern,
        axis="",
        texts=tuple(clean),
        inverse=inverse,
        subject=subject,
        anchor=anchor,
        in_order=True,
        question_words=frozenset(re.findall(r"\w+", (question or "")[:4000].lower())),
    )


# Positions at which a word is a number, unlike "the one", "one of them", "no idea".
_NUMBER_SPELLINGS = {
    "one": r"(?<!the )(?<!this )(?<!that )(?<!other )(?<!each )(?<!no )one(?! (?:of|is|on|in|at)\b)",
    "no": r"(?:(?<=\bis )|(?<=\bare )|(?<=\bsee ))no(?= [a-z])",
    "single": r"(?<=\ba )single",
    "pair": r"(?<=\ba )pair(?= of)",
    "couple": r"(?<=\ba )couple(?= of)",
}
_MORE_NUMBER_WORDS = {0: ("no", "none"), 1: ("single",), 2: ("pair", "couple"), 12: ("dozen",)}


def _number_options(clean: list[str], question: str | None) -> Options:
    names: dict[str, int] = {}
    spellings = []
    for i, text in enumerate(clean):
        names[text] = i if text not in names else -1
        spellings.append(rf"(?<!\.){text}(?!\.\d)")
        number = int(text)
        for word in (*NUMBER_WORDS[number : number + 1], *_MORE_NUMBER_WORDS.get(number, ())):
            names[word] = names[text]
            spellings.append(_NUMBER_SPELLINGS.get(word, word))
    noun = counted_noun(question)
    counted = _name_pattern(noun) if noun else None
    return Options(len(clean), "number", names, _bounded(spellings), texts=tuple(clean), counted=counted)
