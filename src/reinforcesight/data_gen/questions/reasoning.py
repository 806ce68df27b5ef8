"""Write the reasoning of a question from its evidence, without numbers and in agreement with the answer.

A text consists of an opening that names the quantity to compare, the position of each object, the comparison, the
options if they are shown, and a conclusion. It contains at least one phrase of
:data:`~reinforcesight.language.sentences.phrases.CLAIM_PHRASES`, and no statement that the evidence doesn't support.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reinforcesight.data_gen.questions.forms import WITHOUT_PLACES, Form, ReasoningStyle
from reinforcesight.language.english import Mention, fill
from reinforcesight.language.sentences.phrases import CLAIM_PHRASES, adverbs
from reinforcesight.protocol import letter
from reinforcesight.relations import Axis, Relation


@dataclass(frozen=True)
class Facts:
    """Input of :func:`write_reasoning`."""

    form: Form
    relation: Relation  # of subject to reference
    subject: Mention
    reference: Mention
    anchor: Mention | None
    names_answer: bool  # whether the answer is the subject's name, not a relation word or yes or no
    subject_first: bool  # whether the text mentions the subject first, for example as option (A)
    choices: tuple[str, ...]
    answer_text: str
    values: Mapping[str, float | None]  # evidence: "subject", "reference", and other compared values
    margin: float  # as in RelationResult.margin
    alike: bool = False  # the names are ambiguous: each mention names its box, and the text is kept short
    # By role: horizontal centre (fraction of the picture's width), and depth in metres; None: depth isn't in metres.
    spots: Mapping[str, tuple[float, float]] | None = None
    style: ReasoningStyle = WITHOUT_PLACES
    cues: tuple[str, ...] | None = None  # sentences that mention cues, with placeholders; None: written without cues
    others: Mapping[str, Mention] = field(default_factory=dict)  # further objects, by placeholder in cues


_OPENINGS: dict[Axis, tuple[str, ...]] = {
    Axis.HORIZONTAL: (
        "What counts is the position across the picture.",
        "I compare where {x} and {y} are from side to side.",
        "I look from the left edge of the picture to the right edge.",
        "The question is about left and right in the picture.",
    ),
    Axis.VERTICAL: (
        "What counts is the height in the picture.",
        "I compare how high up {x} and {y} are in the picture.",
        "I look from the upper edge of the picture to the lower edge.",
        "The question is about up and down in the picture.",
    ),
    Axis.DEPTH: (
        "What counts is how far each object is from the camera.",
        "I compare the distance from the camera to {x} and to {y}.",
        "I judge the depth, starting at the camera.",
        "The question is about depth, not about the place in the picture.",
        "An object in front is closer to the camera than an object behind.",
    ),
    Axis.DISTANCE: (
        "What counts is the real distance to {anchor}.",
        "I compare how far {x} and {y} are from {anchor}.",
        "I take {anchor} as the starting point.",
        "The question is about real distances in the scene.",
    ),
}

# Position of a centre, by fifths of the picture; each phrase is true of every centre within its band. The pretraining
# of nano uses the same words.
POSITION_WORDS: dict[Axis, tuple[tuple[str, ...], ...]] = {
    Axis.HORIZONTAL: (
        ("near the left edge", "at the far left of the picture"),
        ("in the left part of the picture", "left of the middle"),
        ("around the middle of the picture", "near the middle from side to side"),
        ("in the right part of the picture", "right of the middle"),
        ("near the right edge", "at the far right of the picture"),
    ),
    Axis.VERTICAL: (
        ("near the upper edge", "close to the top of the picture"),
        ("in the upper part of the picture", "higher than the middle"),
        ("around middle height in the picture", "near the middle from top to bottom"),
        ("in the lower part of the picture", "lower than the middle"),
        ("near the lower edge", "close to the bottom of the picture"),
    ),
}
# Nearness of an object by its depth in metres; each band contains about a fifth of the objects in a room.
NEARNESS: tuple[tuple[float, str], ...] = (
    (2.4, "very close to the camera"),
    (3.2, "close to the camera"),
    (4.0, "at a middle distance"),
    (5.2, "far from the camera"),
    (math.inf, "very far from the camera"),
)
# The words are for rooms: nearest and farthest depth there, and what is neither near nor far, metres.
ROOM_DEPTHS, MIDDLE_DISTANCE = (0.9, 11.0), (3.2, 4.0)
# <x> and <y> stand for the places of {x} and {y}. The pretraining of nano uses these patterns, too.
PLACED_APART = (
    "{x} is <x>, and {y} is <y>.",
    "{x} is <x>, while {y} is <y>.",
    "{x} is <x>. {y} is <y>.",
    "I find {x} <x> and {y} <y>.",
    "I see {x} <x>; {y} is <y>.",
)
_PLACED_TOGETHER = (
    "{x} and {y} are both <x>.",
    "Both {x} and {y} are <x>.",
    "I find both {x} and {y} <x>.",
)
_APART = {
    Axis.HORIZONTAL: "They do not overlap from side to side.",
    Axis.VERTICAL: "They do not overlap in height.",
}
_OVERLAP = {
    Axis.HORIZONTAL: "They overlap a little from side to side, but their centres are apart.",
    Axis.VERTICAL: "They overlap a little in height, but their centres are apart.",
}
# Patterns with the nearer object {n} and the farther one {f}; the first list mentions {n} first.
_DEPTHS = {
    True: (
        "{n} is the nearer object, and {f} is set farther back.",
        "Looking into the scene, {n} comes before {f}.",
        "The camera is nearer to {n}, while {f} is deeper in the scene.",
        "The way from the camera to {n} is shorter than the way to {f}.",
        "Going into the scene, I reach {n} sooner than {f}.",
    ),
    False: (
        "{f} is set farther back, and {n} is the nearer object.",
        "Looking into the scene, {f} comes after {n}.",
        "{f} is deeper in the scene, while the camera is nearer to {n}.",
        "The way from the camera to {f} is longer than the way to {n}.",
        "Going into the scene, I reach {f} later than {n}.",
    ),
}
_DISTANCES = {
    True: (
        "It is a shorter way from {anchor} to {n} than to {f}.",
        "Going out from {anchor}, I reach {n} sooner than {f}.",
        "Between {anchor} and {n} there is less space than between {anchor} and {f}.",
        "Measured from {anchor}, {n} is the nearer object, and {f} is farther away.",
    ),
    False: (
        "It is a longer way from {anchor} to {f} than to {n}.",
        "Going out from {anchor}, I reach {f} later than {n}.",
        "Between {anchor} and {f} there is more space than between {anchor} and {n}.",
        "Measured from {anchor}, {f} is farther away, and {n} is the nearer object.",
    ),
}
_WELL_APART = "They are well apart in depth."
_GAP_AGREES = "The gaps between their surfaces show the same order."

_LEADS: dict[Axis, tuple[str, ...]] = {
    Axis.HORIZONTAL: ("", "This means that ", "Across the picture, ", "From this I see that "),
    Axis.VERTICAL: ("", "This means that ", "Going by their places, ", "From this I see that "),
    Axis.DEPTH: ("", "This means that ", "Seen from the camera, ", "From this I see that "),
    Axis.DISTANCE: ("", "This means that ", "In the scene, ", "From this I see that "),
}
# A lead isn't used if these words occur earlier in the text or in the claim that it introduces.
_ECHOES: dict[str, str] = {
    "Across the picture, ": "across the picture",
    "Seen from the camera, ": "camera",
    "In the scene, ": "in the scene",
}
_LEADS_TOGETHER = ("Still, ", "Even so, ", "Within that part, ")

_HENCE = ("So", "Therefore", "Hence", "Thus")
_WORD_ENDINGS: tuple[str, ...] = ("{hence} the answer is {answer}.", "{hence} {claim}.")
_AFTER_OPTIONS = "{hence} the answer is option {letter}: {answer}."
_NAME_ENDINGS: tuple[str, ...] = (
    "{hence} the answer is {s}.",
    "That makes {s} the answer.",
    "{hence} {s} is {short}.",
)
_YES_ENDINGS: tuple[str, ...] = (
    "{hence} the statement is true, and the answer is yes.",
    "This is what the question asks, so the answer is yes.",
    "{hence} the answer to the question is yes.",
)
_NO_ENDINGS: tuple[str, ...] = (
    "{hence} the statement is false, and the answer is no.",
    "The question asks the opposite, so the answer is no.",
    "{hence} the answer to the question is no.",
)
_OPTION_NAMES = "Option A names {x}, and option B names {y}."
_OPTION_WORDS = "Option A says {first}, and option B says {second}."
# Short description of the correct object, if the answer is a name.
_SHORT: dict[Relation, str] = {
    Relation.LEFT: "farther to the left",
    Relation.RIGHT: "farther to the right",
    Relation.ABOVE: "higher up",
    Relation.BELOW: "lower down",
    Relation.IN_FRONT: "closer to the camera",
    Relation.BEHIND: "farther from the camera",
    Relation.CLOSER: "closer to {anchor}",
    Relation.FARTHER: "farther from {anchor}",
}


class _FirstWording(random.Random):
    """Random numbers for fixed wording: the first item of each list, and only the parts with probability 1."""

    def choice(self, seq: Any) -> Any:
        return seq[0]

    def random(self) -> float:
        return math.nextafter(1.0, 0.0)


# Adjective for one of two objects, used with fixed wording.
_SORT: dict[Relation, str] = {
    Relation.LEFT: "left",
    Relation.RIGHT: "right",
    Relation.ABOVE: "upper",
    Relation.BELOW: "lower",
    Relation.IN_FRONT: "closer",
    Relation.BEHIND: "farther",
    Relation.CLOSER: "closer",
    Relation.FARTHER: "farther",
}


def write_reasoning(facts: Facts, rng: random.Random) -> str:
    """Write the reasoning for a question: about 25 to 60 words, up to 90 with places, ending in the answer."""
    rng = _FirstWording() if facts.style.fixed_wording else rng
    axis = facts.relation.axis
    x, y = (facts.subject, facts.reference) if facts.subject_first else (facts.reference, facts.subject)
    mentions = {"x": x, "y": y, "s": facts.subject, "r": facts.reference, **facts.others}
    if facts.anchor is not None:
        mentions["anchor"] = facts.anchor
    together = False
    parts: list[str] = []
    if not facts.alike and (rng.random() < 0.6 or facts.cues == ()):
        parts.append(rng.choice(_OPENINGS[axis]))
    if axis in POSITION_WORDS:
        seen, together = _places(facts, axis, rng)
        parts += seen
    else:
        smaller = facts.relation is axis.relations[0]
        near, far = (facts.subject, facts.reference) if smaller else (facts.reference, facts.subject)
        mentions |= {"n": near, "f": far}
        parts += _along_the_way(facts, axis, rng, near_first=smaller == facts.subject_first)
    turned = facts.form is not Form.YES_NO and rng.random() < 0.3
    if facts.style.fixed_wording and facts.names_answer:
        # The claim is about the first object, so that the picture decides a word instead of the order of the names.
        turned = not facts.subject_first
    phrase = rng.choice(CLAIM_PHRASES[facts.relation.inverse if turned else facts.relation])
    leads = _LEADS_TOGETHER if together else _LEADS[axis]
    said = " ".join((*parts, phrase)).lower()
    fitting = [lead for lead in leads if lead not in _ECHOES or _ECHOES[lead] not in said]
    adverb = rng.choice(adverbs(phrase, _strength(facts)))
    parts.append(f"{rng.choice(fitting)}{_claim(facts, phrase, adverb, turned=turned)}.")
    optioned = not facts.alike and facts.form is not Form.OPEN
    if optioned and facts.style.letters and rng.random() < facts.style.letters:
        parts.append(_letters(facts, rng))
    else:
        listed = optioned and rng.random() < 0.5
        if listed:
            parts.append(_options(facts))
        parts.append(_ending(facts, rng, phrase=phrase, turned=turned, listed=listed))
    return fill(" ".join(parts), mentions)


def _claim(facts: Facts, phrase: str, adverb: str = "", *, turned: bool = False) -> str:
    """Return a clause that relates the subject to the reference; ``turned``: the reference to the subject."""
    first, second = ("{r}", "{s}") if turned else ("{s}", "{r}")
    clause = " ".join(part for part in (first, "is", adverb, phrase, second) if part)
    return f"{clause} is" if facts.anchor is not None else clause


def _places(facts: Facts, axis: Axis, rng: random.Random) -> tuple[list[str], bool]:
    """Return sentences with each object's place in the picture, and whether both are in the same part of it."""
    values = facts.values
    at = [values["subject"], values["reference"]]
    if not facts.subject_first:
        at.reverse()
    bands = [min(4, int(5 * (value or 0.0))) for value in at]
    places = [rng.choice(POSITION_WORDS[axis][band]) for band in bands]
    together = bands[0] == bands[1]
    pattern = rng.choice(_PLACED_TOGETHER if together else PLACED_APART)
    parts = [pattern.replace("<x>", places[0]).replace("<y>", places[1])]
    overlap = values.get("overlap")
    if overlap is not None and rng.random() < 0.25:
        if overlap == 0:
            parts.append(_APART[axis])
        elif overlap > 0.05:
            parts.append(_OVERLAP[axis])
    return parts, together


def nearness_words(metres: float) -> str:
    return next(words for limit, words in NEARNESS if metres < limit)


def _spots(facts: Facts, axis: Axis, rng: random.Random) -> list[str]:
    """Return sentences that say where each object is: from side to side (for distances), and how far away."""
    if facts.spots is None:
        return []
    if not facts.style.places or (facts.cues is None and rng.random() >= facts.style.places):
        return []
    order = ("subject", "reference") if facts.subject_first else ("reference", "subject")
    near = {role: nearness_words(metres) for role, (_, metres) in facts.spots.items()}
    if axis is Axis.DEPTH:
        first, second = (near[role] for role in order)
        if facts.cues is not None and first == second:
            return []
        pattern = rng.choice(_PLACED_TOGETHER if first == second else PLACED_APART)
        return [pattern.replace("<x>", first).replace("<y>", second)]
    parts = []
    for slot, role in (("anchor", "anchor"), ("x", order[0]), ("y", order[1])):
        across = rng.choice(POSITION_WORDS[Axis.HORIZONTAL][min(4, max(0, int(5 * facts.spots[role][0])))])
        parts.append(f"{{{slot}}} is {across}, {near[role]}.")
    return parts


def _along_the_way(facts: Facts, axis: Axis, rng: random.Random, *, near_first: bool) -> list[str]:
    """Return sentences that say which object is nearer to the camera, or to the anchor.

    With cues they only say what can be seen, or where each object is: the claim follows, and is not its own reason.
    """
    values = facts.values
    if facts.cues:
        return list(facts.cues)
    if facts.cues is not None:
        return _spots(facts, axis, rng)
    located = _spots(facts, axis, rng)
    if facts.style.fixed_wording:
        return located
    if axis is Axis.DEPTH:
        parts = [*located, rng.choice(_DEPTHS[near_first])]
        if _strength(facts) == 2 and rng.random() < 0.25:
            parts.append(_WELL_APART)
        return parts
    parts = [*located, rng.choice(_DISTANCES[near_first])]
    gaps = values.get("subject_surface"), values.get("reference_surface")
    if gaps[0] is not None and gaps[1] is not None and gaps[0] != gaps[1]:
        agrees = (gaps[0] < gaps[1]) == (facts.relation is Relation.CLOSER)
        if agrees and rng.random() < 0.25:
            parts.append(_GAP_AGREES)
    return parts


# Margins above which a claim is clear, and strong: in the picture, centre distance divided by box side; for depth and
# distance, 1 minus the ratio of the smaller to the larger value.
_STRENGTHS = {
    Axis.HORIZONTAL: (1.0, 2.5),
    Axis.VERTICAL: (1.0, 2.5),
    Axis.DEPTH: (0.25, 0.5),
    Axis.DISTANCE: (0.45, 0.65),
}
# "far to the left" also needs this distance between the centres, as a fraction of the picture.
_FAR_IN_PICTURE = 0.35


def _strength(facts: Facts) -> int:
    axis = facts.relation.axis
    clear, strong = _STRENGTHS[axis]
    level = int(facts.margin >= clear) + int(facts.margin >= strong)
    if level == 2 and axis in POSITION_WORDS:
        shift = abs((facts.values["subject"] or 0.0) - (facts.values["reference"] or 0.0))
        level = 2 if shift >= _FAR_IN_PICTURE else 1
    return level


def _options(facts: Facts) -> str:
    """Return a sentence with the options in order, which connects the words of the answer to its letter."""
    if facts.names_answer:
        return _OPTION_NAMES
    first, second = facts.choices
    return _OPTION_WORDS.replace("{first}", first).replace("{second}", second)


def letters_text(choices: Sequence[str], right: int, ending: str) -> str:
    """Return the letter of each option, a conclusion, and the letter of the correct option again.

    Here the letter follows the option's name, while in the list of options it precedes the name. Copying a letter that
    follows is much easier for a small model.

    Args:
        choices: Options in order, with their articles.
        right: Index of the correct option.
        ending: Conclusion without its full stop, such as "So the answer is left".
    """
    named = [f"{choice} is option {letter(i)}" for i, choice in enumerate(choices)]
    listed = f"{', '.join(named[:-1])}, and {named[-1]}"
    return f"As for the options, {listed}. {ending}, and {choices[right]} is option {letter(right)}."


def _letters(facts: Facts, rng: random.Random) -> str:
    choices = ("{x}", "{y}") if facts.names_answer else facts.choices
    right = facts.choices.index(facts.answer_text)
    if facts.style.fixed_wording and facts.names_answer:
        # Two steps: which object is the nearer one, and which one is asked for. Both in one step are hard to learn.
        first, second = facts.relation.axis.relations
        place = right if facts.relation is first else 1 - right
        kinds = [f"the {_SORT[first]} object", f"the {_SORT[second]} object"]
        listed = f"{kinds[0]} is option {letter(place)}, and {kinds[1]} is option {letter(1 - place)}"
        asked = f"the {_SORT[facts.relation]} object"
        return f"As for the options, {listed}. So the answer is {asked}, and {asked} is option {letter(right)}."
    if facts.form is Form.YES_NO:
        ending = "{hence} the answer to the question is {answer}"
    else:
        ending = rng.choice(_NAME_ENDINGS[:2] if facts.names_answer else _WORD_ENDINGS[:1]).rstrip(".")
    answer = "{s}" if facts.names_answer else facts.answer_text
    text = ending.replace("{hence}", rng.choice(_HENCE)).replace("{answer}", answer)
    return letters_text(choices, right, text)


def _ending(facts: Facts, rng: random.Random, *, phrase: str, turned: bool, listed: bool) -> str:
    """Return the conclusion. It does not repeat the preceding claim, which used ``phrase``."""
    comparative = phrase.endswith(" than")
    if facts.form is Form.YES_NO:
        endings = _YES_ENDINGS if facts.answer_text == "yes" else _NO_ENDINGS
    elif facts.names_answer:
        endings = _NAME_ENDINGS if turned or not comparative else _NAME_ENDINGS[:-1]
    elif turned:
        # The claim was about the reference, so the conclusion is the claim about the subject.
        endings = _WORD_ENDINGS[-1:]
    else:
        endings = _WORD_ENDINGS if comparative else _WORD_ENDINGS[:-1]
    if listed and not turned:
        endings = (*endings, _AFTER_OPTIONS)
    text = rng.choice(endings)
    word = facts.relation.value
    with_word = [p for p in CLAIM_PHRASES[facts.relation] if word in p and not p.endswith(" than")]
    replacements = {
        "hence": rng.choice(_HENCE),
        "answer": "{s}" if facts.names_answer else facts.answer_text,
        "letter": letter(facts.choices.index(facts.answer_text)),
        "claim": _claim(facts, rng.choice(with_word)) if "{claim}" in text else "",
        "short": _SHORT[facts.relation],
    }
    for key, value in replacements.items():
        text = text.replace("{" + key + "}", value)
    return text
