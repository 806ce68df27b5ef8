"""What the sentences of an output claim about the choices: comparatives, negations, ties, conclusions.

A sentence is read as a row of tokens: mentions of choices, and the few words that decide a comparison. No grammar is
attempted; where the row doesn't decide, no claim is made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reinforcesight.judge.options import LETTERS, OPPOSITE, Options, squeeze

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[,;:/&()]| - ")
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|\)|$)|(?<=[a-z)])[.!?](?=[A-Z])|\n+")

_CLASSES: dict[str, str] = {}
for _kind, _words in {
    "than": "than",
    "versus": "compared relative versus vs",
    "ask": "whether if what who where how determine decide unable unclear impossible difficult uncertain unsure cannot "
    "can't couldn't assume assuming suppose supposing initially comparing compare question",
    "tie": "same equal equally equidistant",
    "both": "both either neither",
    "not": "not never unlike nor without wrong incorrect",
    "done": "therefore thus hence so consequently overall ultimately conclusion final finally summary answer",
    "turn": "however but actually wait instead although yet",
    "cut": ", ; : while whereas because since though and making when where",
    "space": "distance depth",
    "between": "between",
    "small": "shorter smaller less lower lesser",
    "large": "greater larger longer higher more",
}.items():
    _CLASSES.update(dict.fromkeys(_words.split(), _kind))
_CLASSES[" - "] = "cut"

# Words that say the object has more (+) or less (-) of what is asked, for each axis.
_DEPTH = {
    **dict.fromkeys("closer nearer closest nearest".split(), ("comparative", 1)),
    **dict.fromkeys("farther further farthest furthest farer".split(), ("comparative", -1)),
    "distant": ("comparative", -1),
    "foreground": ("weak", 1),
    "background": ("weak", -1),
    "front": ("place", 1),
    "behind": ("place", -1),
}
_LEFT = {
    **dict.fromkeys("left leftmost".split(), ("place", 1)),
    **dict.fromkeys("right rightmost".split(), ("place", -1)),
}
_ABOVE = {
    **dict.fromkeys("above over atop".split(), ("place", 1)),
    **dict.fromkeys("below under beneath underneath".split(), ("place", -1)),
    **dict.fromkeys("higher highest".split(), ("comparative", 1)),
    **dict.fromkeys("lower lowest".split(), ("comparative", -1)),
}
_AXIS_WORDS = {
    "near": _DEPTH,
    "far": _DEPTH,
    "left": _LEFT,
    "right": _LEFT,
    "above": _ABOVE,
    "below": _ABOVE,
    "": {},
}
_REVERSED = {"far", "right", "below"}

# A capital letter is an option (or a thing called so) before these words; elsewhere "A" is the article.
_AFTER_LETTER = frozenset(
    "is was appears appear seems seem looks look lies sits stands has and or than would being because since as are "
    "should must in at due with".split()
)
_BEFORE_LETTER = frozenset(
    "option options choice object point circle letter label labeled labelled marked marker item dot spot location region "
    "points circles objects than".split()
)
_THINGS = frozenset(
    "point points circle circles label labeled labelled marked marker dot spot location object".split()
)
_LOOK = frozenset(
    "look looks inspection examination view attention analysis together details detail information context evidence "
    "observation examine inspect explanation up consider than".split()
) - {"than"}
_ARTICLES = frozenset("the a an this that its it's only just".split())
_OBJECT_GAP = re.compile(
    r"\s*(?:of\s+|than\s+)?(?:(?:the|a|an|point|object|option|circle|that)\s+){0,2}(?:[a-z]+\s+){0,2}\(?\Z",
    re.I,
)
_REACH_GAP = re.compile(r"\s*(?:away\s+)?(?:to|from)\s+(?:(?:the|a|an|point|object)\s+)?\(?\Z", re.IGNORECASE)
_PRONOUN = re.compile(
    r"\s*(?:of\s+)?(?:it|them|that one|this one|the other)\b(?!\s+(?:is|was)\b)", re.IGNORECASE
)
_VIEWER = re.compile(
    r"\s*(?:of\s+)?(?:the\s+)?(?:camera|viewer|photographer|observer|us|others?|scene|frame|image|picture|photo)\b",
    re.I,
)
_OTHER_NOUN = re.compile(r"\s*(?:of\s+)?(?:the|a|an|some|another|his|her|my)\s+\w", re.IGNORECASE)
_PAIR_GAP = re.compile(
    r"\s*(and|or|&|/|,\s?or|,\s?and|,)\s*(?:(?:the|a|an|point|object|option|circle|choice)\s+){0,2}\(?\Z",
    re.I,
)
_MERGE_GAP = re.compile(r"[\s).:,(-]{0,5}(?:(?:the|a|an)\s+)?\(?\Z", re.IGNORECASE)
_NOT_GAP = re.compile(
    r"\s*(?:(?:the|a|an|be|is|it|than|of|option|choice|object|point|on|to|in|from)\s+){0,3}\(?\Z", re.I
)
_RELATIVE = re.compile(r",\s{0,2}(?:which|that)\s*\Z")


@dataclass(slots=True)
class Mention:
    """A choice named between two positions of a sentence."""

    start: int
    end: int
    index: int
    by_letter: bool = False


@dataclass(slots=True)
class Reading:
    """What one sentence says.

    Attributes:
        claims: (index of the choice it makes the answer, strength): 2 said outright, 1 inferred.
        mentions: Choices it names and doesn't rule out.
        denied: Choices it rules out.
        tie: Says that the choices are equal.
        hedge: Names two choices with "or".
        asking: A question, or a clause that leaves the answer open.
        concludes: Opens with "therefore" and the like.
        turns: Opens with "however" and the like.
        clash: A letter stands right beside the name of another choice.
        bare: Names choices and says nothing else.
    """

    claims: list[tuple[int, int]] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    denied: set[int] = field(default_factory=set)
    tie: bool = False
    hedge: bool = False
    asking: bool = False
    concludes: bool = False
    turns: bool = False
    clash: bool = False
    bare: bool = False


_Token = tuple[int, int, str, int]  # start, end, kind, value (choice index or polarity)


def sentences(text: str) -> list[str]:
    """Sentences and lines of plain text; a closing "?" stays on."""
    out: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        stop = end.end() if "?" in end[0] else end.start()
        if stop > start:
            out.append(text[start:stop])
        start = end.end()
    if start < len(text):
        out.append(text[start:])
    return out


def _letter_mention(words: list[re.Match[str]], i: int, options: Options) -> int | None:
    """Index of the choice that a one-letter word stands for, or None where it is a mere word."""
    word = words[i]
    char = word[0]
    text, start, end = word.string, word.start(), word.end()
    bracketed = text[start - 1 : start] in ("(", "[") and text[end : end + 1] in (")", "]")
    before = words[i - 1][0].lower() if i else ""
    after = words[i + 1][0].lower() if i + 1 < len(words) else ""
    if not bracketed:
        designated = before in _BEFORE_LETTER and (char.isupper() or before not in ("than",))
        closes = not text[end:].strip(" .!)") or text[end : end + 1] in (",", ";", ":", ")")
        if char in "Aa" or char.islower() or char == "I":
            speaks = after in _AFTER_LETTER and (
                char == "A" or (options.labels and after in ("is", "appears", "seems"))
            )
            if not (designated or speaks or (closes and char.isupper() and char != "I")):
                return None
            if char == "A" and designated and before == "than" and not (closes or after in _AFTER_LETTER):
                return None
        elif text[end : end + 1] == "'":
            return None
    upper = char.upper()
    if options.labels and not bracketed and before not in ("option", "choice"):
        return options.labels.get(upper)
    index = LETTERS.find(upper)
    return index if 0 <= index < options.count else None


def _mentions(sentence: str, words: list[re.Match[str]], options: Options) -> tuple[list[Mention], bool]:
    """Choices named in a sentence, letters merged with the names beside them; True where such two differ."""
    found: list[Mention] = []
    if options.pattern is not None:
        for match in options.pattern.finditer(sentence):
            index = options.names.get(squeeze(match[0]))
            if index is not None:
                found.append(Mention(match.start(), match.end(), index))
    letters: list[Mention] = []
    for i, word in enumerate(words):
        if len(word[0]) == 1 and word[0].isalpha() and word[0].isascii():
            index = _letter_mention(words, i, options)
            if index is not None and not any(m.start <= word.start() < m.end for m in found):
                letters.append(Mention(word.start(), word.end(), index, True))
    if not letters:
        return found, False
    if not found:
        return letters, False
    merged: list[Mention] = []
    clash = False
    for mention in sorted(found + letters, key=lambda m: m.start):
        last = merged[-1] if merged else None
        if (
            last
            and last.by_letter != mention.by_letter
            and _MERGE_GAP.match(sentence[last.end : mention.start])
        ):
            if last.index == mention.index:
                last.end = mention.end
                continue
            clash = True
        merged.append(mention)
    return merged, clash


def _drop_pairs(sentence: str, found: list[Mention], reading: Reading, rows: list[_Token]) -> list[Mention]:
    """Leave out "X and Y", "X or Y": they name the pair, not one of it."""
    kept: list[Mention] = []
    i = 0
    while i < len(found):
        mention = found[i]
        nxt = found[i + 1] if i + 1 < len(found) else None
        if nxt and nxt.index != mention.index and nxt.start - mention.end < 24:
            gap = _PAIR_GAP.match(sentence[mention.end : nxt.start])
            if gap:
                joiner = gap[1].lower().strip(" ,")
                # "behind the table, and the chair is closer": the first is an object of what came before.
                governed = any(
                    kind in ("place", "than", "comparative") and 0 <= mention.start - end < 30
                    for _, end, kind, _ in rows
                )
                if joiner in ("or", "/"):
                    reading.hedge = True
                    i += 2
                    continue
                if joiner in ("and", "&") and not governed:
                    i += 2
                    continue
        kept.append(mention)
        i += 1
    return kept


def _word_tokens(sentence: str, words: list[re.Match[str]], options: Options) -> list[_Token]:
    axis_words = _AXIS_WORDS[options.axis]
    sign = -1 if options.axis in _REVERSED else 1
    rows: list[_Token] = []
    for i, word in enumerate(words):
        text = word[0].lower()
        known = axis_words.get(text)
        if known:
            kind, polarity = known
            after = words[i + 1][0].lower() if i + 1 < len(words) else ""
            before = words[i - 1][0].lower() if i else ""
            if after in _LOOK or (text == "further" and (i == 0 or after == ",")):
                continue
            if text == "distant" and before == "less":
                polarity = 1
            if text == "right" and (before in ("that's", "is") and after in ("", ",") and i < 3):
                continue
            rows.append((word.start(), word.end(), kind, polarity * sign))
            continue
        if text == "close" and axis_words is _DEPTH:
            if i and words[i - 1][0].lower() in ("as", "equally"):
                rows.append((word.start(), word.end(), "tie", 0))
            elif i + 1 < len(words) and words[i + 1][0].lower() == "to":
                rows.append((word.start(), word.end(), "weak", sign))
            continue
        if text == "which":
            relative = _RELATIVE.search(sentence[max(0, word.start() - 3) : word.end()])
            rows.append((word.start(), word.end(), "which" if relative else "ask", 0))
            continue
        kind_only = _CLASSES.get(text)
        if kind_only is None:
            if text.endswith("n't"):
                rows.append((word.start(), word.end(), "not", 0))
            elif text == "rather" and i + 1 < len(words) and words[i + 1][0].lower() == "than":
                rows.append((word.start(), words[i + 1].end(), "not", 0))
            continue
        if kind_only == "than" and rows and rows[-1][1] == word.end():
            continue  # part of "rather than"
        if text == "instead" and i + 1 < len(words) and words[i + 1][0].lower() == "of":
            kind_only = "not"
        rows.append((word.start(), word.end(), kind_only, sign))
    return rows


def read_sentence(sentence: str, options: Options) -> Reading:
    """Read one sentence of plain text."""
    reading = Reading()
    words = list(_WORD.finditer(sentence))
    rows = _word_tokens(sentence, words, options)
    found, reading.clash = _mentions(sentence, words, options)
    reading.asking = sentence.endswith("?") and len(words) > 3
    head = [kind for _, end, kind, _ in rows if end < 60]
    reading.concludes = "done" in head
    reading.turns = "turn" in head
    reading.tie = any(kind == "tie" for _, _, kind, _ in rows)
    reading.bare = _is_bare(sentence, words, found)
    found = _drop_pairs(sentence, found, reading, rows)
    found = _drop_denied(sentence, found, rows, reading)
    reading.mentions = found
    if reading.asking:
        return reading
    if options.kind == "relation":
        _relation_claims(sentence, found, rows, options, reading)
    elif options.kind in ("entity", "label"):
        if any(kind in ("comparative", "place", "weak", "space") for _, _, kind, _ in rows):
            _comparison_claims(sentence, found, rows, options, reading)
    elif options.kind == "number" and not reading.hedge:
        named = {m.index for m in found if m.index >= 0}
        if len(named) == 1 and not any(kind == "ask" for _, _, kind, _ in rows):
            reading.claims = [(named.pop(), 2)]
    return reading


_FILLER = frozenset(
    "the a an it is it's its that that's this would be i i'd think believe guess say sure okay ok yes so probably likely "
    "definitely certainly object one answer therefore thus hence in on at to of image picture photo not but rather than "
    "option choice point circle and or either both could might may well clearly my final correct side hand located "
    "positioned isn't be, also just only actually most final instead letter them other highlighted by".split()
)


def _is_bare(sentence: str, words: list[re.Match[str]], found: list[Mention]) -> bool:
    """Only names of choices and words that add nothing."""
    if not found or len(words) > 40:
        return False
    for word in words:
        if word[0][0].isalnum() and not any(m.start <= word.start() < m.end for m in found):
            if word[0].lower() not in _FILLER:
                return False
    return True


def _drop_denied(sentence: str, found: list[Mention], rows: list[_Token], reading: Reading) -> list[Mention]:
    """Take out "not the chair", "rather than the chair", "left is wrong"."""
    negations = [(start, end) for start, end, kind, _ in rows if kind == "not"]
    if not negations:
        return found
    kept = []
    for mention in found:
        denied = any(
            0 <= mention.start - end < 30 and _NOT_GAP.match(sentence[end : mention.start])
            for _, end in negations
        )
        wrong = re.match(
            r"\s+is\s+(?:wrong|incorrect|not\b\s*(?:correct|right|the answer|it\b|\W*$))",
            sentence[mention.end :],
        )
        if denied or wrong:
            reading.denied.add(mention.index)
        else:
            kept.append(mention)
    return kept


@dataclass(slots=True)
class _State:
    subject: int | None = None
    last: int | None = None
    open_question: bool = False
    relative: bool = False


def _comparison_claims(
    sentence: str, found: list[Mention], rows: list[_Token], options: Options, reading: Reading
) -> None:
    tokens: list[_Token] = [*rows, *((m.start, m.end, "name", m.index) for m in found)]
    tokens.sort()
    state = _State()
    clause: list[_Token] = []
    between = False
    for i, token in enumerate(tokens):
        kind = token[2]
        if kind == "between":
            between = True
            continue
        if kind in ("cut", "which", "turn", "done"):
            comma = sentence[token[0]] in ",;:" or kind == "turn"
            upcoming = tokens[i + 1][2] if i + 1 < len(tokens) else ""
            if sentence[token[0]] == "," and upcoming == "than":
                continue
            if sentence[token[0]] == ":" and upcoming == "name" and _only_compares(clause):
                continue  # "closer to the camera: the table"
            if between and sentence[token[0] : token[1]].lower() == "and":
                between = False  # "between the camera and the table"
                continue
            _read_clause(sentence, clause, options, reading, state)
            clause = []
            if comma:
                state.open_question = False
            state.relative = kind == "which"
        else:
            clause.append(token)
    _read_clause(sentence, clause, options, reading, state)


def _only_compares(clause: list[_Token]) -> bool:
    kinds = {token[2] for token in clause}
    return bool(kinds) and kinds <= {"comparative", "weak", "place"}


def _read_clause(
    sentence: str, clause: list[_Token], options: Options, reading: Reading, state: _State
) -> None:
    """Add the claims of one clause and note what later clauses may refer back to."""
    if not clause:
        return
    kinds = [token[2] for token in clause]
    if "ask" in kinds:
        state.open_question = True
    names = [token for token in clause if token[2] == "name"]
    if "versus" in kinds:
        # "compared to the chair": a standard of comparison, never the subject.
        pivot = next(token for token in clause if token[2] == "versus")
        later = [token for token in names if token[0] > pivot[0]]
        if later:
            clause = [token for token in clause if token is not later[0]]
            names.remove(later[0])
    if not state.open_question and "tie" not in kinds and "both" not in kinds:
        for i, token in enumerate(clause):
            if token[2] in ("comparative", "weak"):
                _comparative(
                    sentence, clause, i, options, reading, state, token[3], 1 if token[2] == "weak" else 2
                )
            elif token[2] == "place":
                _place(sentence, clause, i, options, reading, state)
            elif token[2] in ("small", "large") and "space" in kinds and options.axis in ("near", "far"):
                polarity = token[3] if token[2] == "small" else -token[3]
                _comparative(sentence, clause, i, options, reading, state, polarity, 2)
    if names:
        if not state.relative:
            state.subject = names[0][3]
        state.last = names[-1][3]


def _other(index: int, options: Options) -> int | None:
    return 1 - index if options.count == 2 and index >= 0 else None


def _claim(reading: Reading, index: int | None, strength: int) -> None:
    if index is not None:
        reading.claims.append((index, strength))


def _inherited(state: _State) -> int | None:
    return state.last if state.relative else state.subject


def _comparative(
    sentence: str,
    clause: list[_Token],
    at: int,
    options: Options,
    reading: Reading,
    state: _State,
    polarity: int,
    strength: int,
) -> None:
    """ "X is closer (than Y)", "the closer one is X", "X is farther (than Y)"."""
    end = clause[at][1]
    before = [token for token in clause[:at] if token[2] == "name"]
    after = [token for token in clause[at + 1 :] if token[2] == "name"]
    denied = any(token[2] == "not" for token in clause[:at])
    than = next((token for token in clause[at + 1 :] if token[2] == "than"), None)
    if after and (than is None or after[0][0] < than[0]) and _REACH_GAP.match(sentence[end : after[0][0]]):
        return  # "closer to the table": the table is what the distance is measured to
    if than is not None:
        standard = next((token[3] for token in after if token[0] > than[0]), None)
        if len({token[3] for token in before}) > 1:
            return
        subject = before[-1][3] if before else _inherited(state)
        if subject is None and standard is not None:
            subject = _other(standard, options)
        if subject is None or subject == standard:
            return
        if options.count > 2 or (denied and standard is None):
            return
        if standard is None and not re.match(r"\s*(?:the )?other", sentence[than[1] :]):
            return  # closer than something that isn't offered
        if denied:
            polarity = -polarity
        _claim(reading, subject if polarity > 0 else _other(subject, options), strength)
        return
    if denied:
        return
    named = {token[3] for token in before}
    if len(named) > 1:
        return
    if named:
        subject = named.pop()
    elif after:
        if len({token[3] for token in after}) > 1:
            return
        subject = after[0][3]
    else:
        subject, strength = _inherited(state), 1
    if subject is not None:
        _claim(reading, subject if polarity > 0 else _other(subject, options), strength)


def _place(
    sentence: str, clause: list[_Token], at: int, options: Options, reading: Reading, state: _State
) -> None:
    """ "X is in front of Y", "X is behind Y", "X is behind"."""
    _, end, _, polarity = clause[at]
    before = [token for token in clause[:at] if token[2] == "name"]
    following = next((token for token in clause[at + 1 :] if token[2] == "name"), None)
    if any(token[2] == "not" for token in clause[:at]):
        return
    strength = 2 if before else 1
    subject = before[-1][3] if before else _inherited(state)
    standard = None
    if following and following[0] - end < 40 and _OBJECT_GAP.match(sentence[end : following[0]]):
        standard = following[3]
    elif _PRONOUN.match(sentence, end):
        standard = _other(subject, options) if subject is not None else None
    elif _OTHER_NOUN.match(sentence, end) and not _VIEWER.match(sentence, end):
        return
    if subject is None and standard is not None:
        subject = _other(standard, options)
        strength = 1
    if subject is None or subject == standard:
        return
    if options.count > 2 and standard is not None:
        return
    _claim(reading, subject if polarity > 0 else _other(subject, options), strength)


def _relation_claims(
    sentence: str, found: list[Mention], rows: list[_Token], options: Options, reading: Reading
) -> None:
    """Relation words; with the question known, "Y is right of X" answers for X."""
    if any(kind == "ask" for _, _, kind, _ in rows) or reading.hedge or reading.tie:
        return
    both = [start for start, _, kind, _ in rows if kind == "both"]
    subjects: list[tuple[int, int, bool]] = []
    if options.subject is not None and options.anchor is not None:
        subjects = [(m.start(), m.end(), True) for m in options.subject.finditer(sentence)]
        subjects += [(m.start(), m.end(), False) for m in options.anchor.finditer(sentence)]
        subjects.sort()
    for mention in found:
        if mention.index < 0 or any(start < mention.start for start in both):
            continue
        flipped = False
        if not mention.by_letter and subjects:
            after = next((s for s in subjects if 0 <= s[0] - mention.end < 16), None)
            before = [s for s in subjects if s[1] <= mention.start]
            if after is not None and re.fullmatch(
                r"\s*(?:of|to|from)?\s*(?:the|a|an)?\s*", sentence[mention.end : after[0]]
            ):
                flipped = after[2]
            elif before:
                flipped = not before[-1][2]
        index: int | None = mention.index
        if flipped:
            opposite = OPPOSITE.get(options.relations[mention.index], "")
            index = options.relations.index(opposite) if opposite in options.relations else None
        _claim(reading, index, 2)
