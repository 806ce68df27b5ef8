"""Derive the choices that a sentence claims from its tokens.

"X is closer (than Y)", "the closer one is X", "X is behind Y", "Y is right of X".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from reinforcesight.judge import lexicon
from reinforcesight.judge.counting import read_count
from reinforcesight.judge.options import Options
from reinforcesight.judge.wording import (
    NamedChoice,
    Reading,
    Token,
    drop_denied,
    drop_pairs,
    is_bare,
    mentions,
    read_words,
    word_tokens,
)

# Kinds of tokens without which a sentence compares nothing
_COMPARING = frozenset({"comparative", "place", "weak", "space"})


@dataclass(slots=True)
class _State:
    """What later clauses may refer back to, and whether the sentence leaves the answer open."""

    subject: int | None = None
    last: int | None = None
    open_question: bool = False
    concessive: bool = False
    relative: bool = False


def read_sentence(sentence: str, options: Options, previous: int | None = None) -> Reading:
    """Read one sentence of plain text; an opening "it" refers to the choice `previous`."""
    reading = Reading()
    # "From the driver's perspective ..., but" says nothing about the picture, unless the question asks for it.
    if ("mirror" in sentence or "reflection" in sentence or "'s " in sentence) and options.question_words.isdisjoint(
        ("perspective", "viewpoint", "view", "mirror")
    ):
        sentence = lexicon.OTHER_VIEW.sub(" ", sentence)
    words, spelled = read_words(sentence)
    rows = word_tokens(sentence, words, spelled, options)
    kinds = {kind for _, _, kind, _ in rows}
    found, reading.clash = mentions(sentence, words, spelled, options)
    reading.asking = sentence.endswith("?")
    head = [kind for _, end, kind, _ in rows if end < 60]
    reading.concludes = "done" in head
    reading.corrects = lexicon.OPENS_CORRECTION.match(sentence) is not None
    reading.turns = "turn" in head or reading.corrects
    reading.tie = "tie" in kinds or ("level" in kinds and not found)
    named = found
    found = drop_pairs(sentence, found, reading, rows)
    if named and not found and options.kind == "relation":
        reading.hedge = True  # "left and right of the jar"
    found = drop_denied(sentence, found, rows, options, reading)
    if options.kind == "entity" and found and lexicon.is_another_object(sentence, found[0].start, found[0].end):
        return reading
    reading.mentions = found
    if reading.asking:
        reading.bare = is_bare(words, spelled, named) and lexicon.ASKS.match(sentence) is None
        return reading
    if options.kind == "relation":
        _relation_claims(sentence, found, rows, options, reading)
    elif options.kind in ("entity", "label"):
        if not kinds.isdisjoint(_COMPARING):
            state = _State(previous if lexicon.REFERS_BACK.match(sentence) else None)
            _comparison_claims(sentence, found, rows, options, reading, state)
            if not reading.claims:
                _closing_name(sentence, found, rows, options, reading)
    elif options.kind == "number" and not reading.hedge:
        later = sentence.find(" but ")
        corrected = later > 0 and lexicon.FIRST_THOUGHT.search(
            sentence, 0, later
        )  # "I first thought five, but it's four"
        count = read_count(sentence[later:] if corrected else sentence, options.counted)
        # "I cannot see any dogs" counts none; any other number after "whether" or "cannot" is left open.
        if count is not None and (count[0] == 0 or "ask" not in kinds):
            reading.concludes |= count[1]
            _claim(reading, options.names.get(str(count[0])), 2)
    if reading.claims and lexicon.OPENING.search(sentence) and lexicon.LEFT_OPEN.search(sentence):
        reading.claims, reading.hedge = [], True
    elif reading.claims and lexicon.DENYING.search(sentence):
        unreal = lexicon.UNREAL.search(sentence)
        if unreal:
            # "It is false that the chair is closer; the table is closer."
            rest = sentence[unreal.end() :].partition(";")[2]
            reading.claims = read_sentence(rest, options).claims if rest else []
    elif reading.claims and sentence[:2].lower() in ("if", "un", "su") and lexicon.CONDITION.match(f"{sentence},"):
        reading.claims = []
    # Bare names count only if nothing is claimed.
    reading.bare = not reading.claims and is_bare(words, spelled, named)
    return reading


def _closing_name(
    sentence: str, found: list[NamedChoice], rows: list[Token], options: Options, reading: Reading
) -> None:
    """Claim the name at the end of "The object that is closer, judging by this and that, is the table"."""
    opening = lexicon.OPENS_WITH_OBJECT.match(sentence)
    if not found or not opening or any(kind in ("not", "ask") and at > opening.start(1) for at, _, kind, _ in rows):
        return
    last = found[-1]
    asked = next(
        (value for start, _, kind, value in rows if kind in ("comparative", "weak") and start < last.start), 0
    )
    if asked and lexicon.IS_BEFORE.search(sentence[: last.start]) and not sentence[last.end :].strip(" ).!"):
        _claim(reading, last.index if asked > 0 else _other(last.index, options), 2)


def _comparison_claims(
    sentence: str,
    found: list[NamedChoice],
    rows: list[Token],
    options: Options,
    reading: Reading,
    state: _State,
) -> None:
    tokens: list[Token] = [*rows, *((m.start, m.end, "name", m.index) for m in found)]
    tokens.sort()
    clause: list[Token] = []
    between = False
    for i, token in enumerate(tokens):
        kind = token[2]
        if kind == "between":
            between = True
            continue
        if kind in ("cut", "which", "turn", "done") and sentence[token[0] : token[1]].lower() != "actually":
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
            if kind in ("cut", "turn"):
                opener = sentence[token[0] : token[1]].lower()
                state.concessive = opener in ("although", "though") or (state.concessive and opener not in ",;but")
        else:
            clause.append(token)
    _read_clause(sentence, clause, options, reading, state)


def _only_compares(clause: list[Token]) -> bool:
    kinds = {token[2] for token in clause}
    return bool(kinds) and kinds <= {"comparative", "weak", "place"}


def _read_clause(sentence: str, clause: list[Token], options: Options, reading: Reading, state: _State) -> None:
    """Add the claims of one clause, and store what later clauses may refer back to."""
    if not clause:
        return
    kinds = [token[2] for token in clause]
    if "ask" in kinds:
        state.open_question = True
    names = [token for token in clause if token[2] == "name"]
    standard: int | None = None
    if "versus" in kinds:
        # In "compared to the chair", the chair is never the subject.
        pivot = next(token for token in clause if token[2] == "versus")
        later = [token for token in names if token[0] > pivot[0]]
        if later:
            clause = [token for token in clause if token is not later[0]]
            names.remove(later[0])
            standard = later[0][3]
    # "Although X seems closer" and "X may look closer" are weak claims, overridden by definite ones.
    yields = state.concessive or "may" in kinds
    made = len(reading.claims)
    if not state.open_question and "tie" not in kinds and "both" not in kinds:
        for i, token in enumerate(clause):
            if options.anchored and (token[2] == "place" or sentence[token[0] : token[1]].lower().endswith("ground")):
                continue  # "behind the chair" says nothing about the distance to the door
            if token[2] in ("comparative", "weak"):
                _comparative(sentence, clause, i, options, reading, state, token[3], 1 if token[2] == "weak" else 2)
            elif token[2] == "place":
                _place(sentence, clause, i, options, reading, state)
            elif token[2] in ("small", "large") and "space" in kinds and options.axis in ("near", "far"):
                polarity = token[3] if token[2] == "small" else -token[3]
                _comparative(sentence, clause, i, options, reading, state, polarity, 2)
    if yields:
        reading.claims[made:] = [(index, 1) for index, _ in reading.claims[made:]]
    if names:
        if not state.relative:
            state.subject = names[0][3]
        state.last = names[-1][3]
    if standard is not None:
        state.last = standard


def _other(index: int, options: Options) -> int | None:
    return 1 - index if options.count == 2 and index >= 0 else None


def _claim(reading: Reading, index: int | None, strength: int) -> None:
    if index is not None:
        reading.claims.append((index, strength))


def _inherited(state: _State) -> int | None:
    return state.last if state.relative else state.subject


def _comparative(
    sentence: str,
    clause: list[Token],
    at: int,
    options: Options,
    reading: Reading,
    state: _State,
    polarity: int,
    strength: int,
) -> None:
    """Claim the subject of "X is closer (than Y)", "the closer one is X", "X is farther (than Y)"."""
    end = clause[at][1]
    before = [token for token in clause[:at] if token[2] == "name"]
    after = [token for token in clause[at + 1 :] if token[2] == "name"]
    denied = any(token[2] == "not" for token in clause[:at])
    than = next((token for token in clause[at + 1 :] if token[2] == "than"), None)
    if after and (than is None or after[0][0] < than[0]) and lexicon.REACH_GAP.match(sentence[end : after[0][0]]):
        # In "closer to the table", the distance is measured to the table, so it is no claim, except in "closer to the
        # table than to the chair" about the camera or the anchor of the question.
        about = set(re.findall(r"[^\W_]+", sentence[max(0, clause[at][0] - 60) : clause[at][0]].lower())[-6:])
        measured_from = (lexicon.VIEWER | options.question_words) - lexicon.FILLER
        if than and len(after) == 2 and not before and not denied and about & measured_from:
            _claim(reading, after[0][3] if polarity > 0 else after[1][3], strength)
        elif options.anchored and len(after) == 1 and not before and not denied and about & measured_from:
            _claim(reading, after[0][3] if polarity > 0 else _other(after[0][3], options), strength)
        return
    if options.question_words:
        reach = lexicon.REACH.match(sentence, end)
        if reach:
            target = set(reach[1].lower().split())
            if options.anchored and target & lexicon.CAMERA and not target & options.question_words:
                return  # "closer to the camera", while the question is about the door
            if not (target & lexicon.VIEWER or target & options.question_words):
                return  # "closer to the tree", while the question is about the camera
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
            if polarity > 0 and not denied and lexicon.REST.match(sentence, than[1]):
                _claim(reading, subject, strength)
            return
        if standard is None and not re.match(r"\s*(?:the )?other", sentence[than[1] :]):
            return  # closer than an object that is not a choice
        if denied:
            polarity = -polarity
        _claim(reading, subject if polarity > 0 else _other(subject, options), strength)
        return
    if denied:
        return
    named = {token[3] for token in before}
    if len(named) > 1:
        # "A is closer B is closer": only names after the last comparison count.
        rel = next((t for t in reversed(clause[:at]) if t[2] in ("comparative", "weak", "place")), None)
        if rel is None:
            return
        # "X in front of Y ... closer" is still about X.
        named = {t[3] for t in before if (t[0] < rel[0] if rel[2] == "place" else t[0] > rel[0])}
        strength = 1 if rel[2] == "place" else strength
        if len(named) != 1:
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


def _place(sentence: str, clause: list[Token], at: int, options: Options, reading: Reading, state: _State) -> None:
    """Claim the subject of "X is in front of Y", "X is behind Y", "X is behind"."""
    _, end, _, polarity = clause[at]
    before = [token for token in clause[:at] if token[2] == "name"]
    following = next((token for token in clause[at + 1 :] if token[2] == "name"), None)
    if any(token[2] == "not" for token in clause[:at]):
        return
    strength = 2 if before else 1
    subject = before[-1][3] if before else _inherited(state)
    standard = None
    if following and following[0] - end < 40 and lexicon.OBJECT_GAP.match(sentence[end : following[0]]):
        standard = following[3]
    elif lexicon.PRONOUN.match(sentence, end):
        standard = _other(subject, options) if subject is not None else None
    elif lexicon.OTHER_NOUN.match(sentence, end) and not lexicon.BEFORE_VIEWER.match(sentence, end):
        return
    elif sentence[end:].strip() in ("of", "of the", "of a"):
        return  # cut off
    if subject is None and standard is not None:
        subject = _other(standard, options)
        strength = 1
    if subject is None or subject == standard:
        return
    if options.count > 2 and standard is not None:
        return
    _claim(reading, subject if polarity > 0 else _other(subject, options), strength)


def _relation_claims(
    sentence: str, found: list[NamedChoice], rows: list[Token], options: Options, reading: Reading
) -> None:
    """Claim the named relations. If the question asks about X, "Y is right of X" claims the inverse ("left")."""
    if reading.hedge or reading.tie:
        return
    asks = [start for start, _, kind, _ in rows if kind == "ask"]
    said_from = 0
    if asks:
        # "It is hard to tell, but the cup is on the left": the part after "but" counts.
        said_from = next((end for start, end, kind, _ in rows if kind == "turn" and start > asks[-1]), -1)
        if said_from < 0:
            return
    both = [start for start, _, kind, _ in rows if kind == "both"]
    turns = [start for start, _, kind, _ in rows if kind == "turn" or sentence[start] == ";"]
    names: list[tuple[int, int, bool]] = []
    if options.subject is not None and options.anchor is not None:
        names = [(m.start(), m.end(), True) for m in options.subject.finditer(sentence)]
        names += [(m.start(), m.end(), False) for m in options.anchor.finditer(sentence)]
        names.sort()
    strange = lexicon.STRANGER.match(sentence) if names else None
    if strange and strange[1].lower() not in lexicon.NO_OBJECT and names[0][0] > strange.end(1):
        return  # "The drum is left of the amplifier."
    edges = [edge.end() for edge in lexicon.EDGE_OF_CLAUSE.finditer(sentence)] if names else []
    joined = [
        second[1]
        for first, second in pairwise(names)
        if lexicon.PAIR_GAP.match(sentence[first[1] : second[0]]) and lexicon.ARE_BOTH.match(sentence, second[1])
    ]
    thought = [start for start in turns if lexicon.FIRST_THOUGHT.search(sentence, 0, start)]
    for mention in found:
        turn = max(
            (start for start in turns if start < mention.start), default=-1
        )  # "neither left nor right, but above"
        if mention.index < 0 or mention.start < said_from or any(turn < start < mention.start for start in both):
            continue
        if not mention.by_letter and lexicon.PART_OF_PICTURE.match(sentence, mention.end):
            continue
        if mention.start == 0 and names and len(found) > 1 and sentence[mention.end : mention.end + 1] == ",":
            continue  # "Right, the cup is left of the plate."
        flipped = False
        if not mention.by_letter and lexicon.HEADING.search(sentence, max(0, mention.start - 24), mention.start):
            continue  # "the dog is facing left"
        if not mention.by_letter and names:
            third = lexicon.THIRD_OBJECT.match(sentence, mention.end)
            if (
                third
                and (third["new"] or third[2].lower() not in lexicon.NO_OBJECT)
                and not any(third.start(2) <= name[0] <= third.end(2) + 12 for name in names)
            ):
                continue  # "left of the drum"
            after = next((n for n in names if 0 <= n[0] - mention.end < 16), None)
            opened = max((edge for edge in edges if edge <= mention.start), default=0)
            before = [n for n in names if opened <= n[0] and n[1] <= mention.start]
            there = next((n for n in names if n[0] >= mention.end), None)
            if before and before[-1][1] in joined:
                continue  # "the dog and the ball are on the left"
            if after and lexicon.RELATION_OBJECT_GAP.fullmatch(sentence, mention.end, after[0]):
                if not before and names[-1] is after and lexicon.IN_SIGHT.search(sentence, after[1]):
                    continue  # "left of the dog there is a post"
                flipped = after[2]
            elif there and not before and lexicon.SIDE_IS.fullmatch(sentence, mention.end, there[0]):
                flipped = not there[2]  # "the object on the left is the dog"
            elif before and sentence.startswith("'s", before[-1][1]):
                if not lexicon.ON_THE.search(sentence, 0, before[-1][0]):
                    continue  # "the dog's left side is wet"
                flipped = before[-1][2]  # "on the dog's left"
            elif before:
                flipped = not before[-1][2]
            elif names[0][1] <= mention.start and not lexicon.CONCLUDED.match(sentence, opened):
                since = sentence.rfind(";", 0, mention.start)
                flipped = not next((n for n in names if n[0] > since), names[0])[2]
        strength = 1 if any(mention.start < start for start in thought) else 2
        _claim(reading, options.inverse.get(mention.index) if flipped else mention.index, strength)
