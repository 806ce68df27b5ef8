"""Which cues a text names, and in which words.

In the wordings ``{a}`` is the cue's subject, ``{b}`` its reference, ``{anchor}`` the anchor, and ``{via}`` and
``{carrier}`` are further objects. None of them contains a number word or a unit ("foot"), and none says that one of the
two objects asked about is nearer, except where a thing that covers part of another is in front of it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reinforcesight.data_gen.questions.cues import Cue, CueKind, find_cues
from reinforcesight.language.english import Mention, is_plural
from reinforcesight.language.names import bare_name
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import ObjectId, Scene

_AGAINST_SHARE = 0.5  # of the texts about a scene with a misleading cue and two others that name it
_ALONE = frozenset({CueKind.IN_AIR, CueKind.GAP})  # misleading cues that a text may name without another cue

_SECOND = frozenset({CueKind.ONE_DEPTH})  # these show nothing without another cue

# The first half of each list mentions {a} before {b}.
_WORDINGS: Mapping[CueKind, tuple[str, ...]] = {
    CueKind.COVERS: (
        "{a} covers part of {b}.",
        "{a} hides part of {b}.",
        "{b} is partly hidden by {a}.",
        "{b} is partly covered by {a}.",
    ),
    CueKind.ORDER: (
        "On the ground, the base of {via} comes between the bases of {a} and {b}.",
        "On the ground, the base of {via} comes between the bases of {b} and {a}.",
    ),
    CueKind.CUT: (
        "The lower edge of the picture cuts off {a}, while {b} does not reach down to that edge.",
        "{b} does not reach down to the lower edge of the picture, which cuts off {a}.",
    ),
    CueKind.EYE_LEVEL: (
        "{a} and {b} both stand on the ground, and the base of {a} is farther below eye level.",
        "{b} and {a} both stand on the ground, and the base of {b} is not as far below eye level.",
    ),
    CueKind.SAME_TOP: (
        "{a} and {b} both rest on {via}, and the base of {a} is lower in the picture.",
        "{b} and {a} both rest on {via}, and the base of {b} is higher in the picture.",
    ),
    CueKind.SIZE: (
        "{a} looks larger than {b}, although they are about the same size.",
        "{b} looks smaller than {a}, although they are about the same size.",
    ),
    CueKind.ONE_DEPTH: (
        "{a} and {anchor} both stand on the ground with their bases at about the same height in the picture, so they "
        "are at about the same depth.",
        "The bases of {anchor} and {a} on the ground are at about the same height in the picture, so their depth is "
        "about the same.",
    ),
    CueKind.RESTS_ON: ("{a} rests on {b}.", "There is no gap between {a} and {b}, since {a} rests on {b}."),
    CueKind.GAP: (
        "In the picture, the gap between {a} and {anchor} is narrower than the gap between {b} and {anchor}.",
        "In the picture, the gap between {b} and {anchor} is wider than the gap between {a} and {anchor}.",
    ),
    CueKind.BETWEEN: ("{a} is between {anchor} and {b}.", "Between {anchor} and {b} there is {a}."),
}
_CHAINS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("covers", "covers"): (
        "{a} covers part of {via}, and {via} covers part of {b}.",
        "{b} is partly hidden by {via}, and {via} is partly hidden by {a}.",
    ),
    ("rests on", "covers"): (
        "{a} rests on {via}, and {via} covers part of {b}.",
        "{b} is partly hidden by {via}, on which {a} rests.",
    ),
    ("covers", "carries"): (
        "{a} covers part of {via}, and {b} rests on {via}.",
        "{b} rests on {via}, and {via} is partly hidden by {a}.",
    ),
    ("covers", "ground"): (
        "{a} covers part of {via}, and the base of {via} on the ground is lower in the picture than the base of {b}.",
        "The base of {b} on the ground is higher in the picture than the base of {via}, and {via} is partly hidden by "
        "{a}.",
    ),
    ("ground", "covers"): (
        "The base of {a} on the ground is lower in the picture than the base of {via}, and {via} covers part of {b}.",
        "{b} is partly hidden by {via}, and the base of {via} on the ground is higher in the picture than the base of "
        "{a}.",
    ),
}
# By how the objects look: {b} is the larger one in real life, except for "too large".
_USUAL_SIZES: Mapping[str, tuple[str, ...]] = {
    "larger": (
        "{a} looks larger than {b} here, although in real life {b} is much larger.",
        "In real life {b} is much larger than {a}, yet here {a} looks larger.",
    ),
    "alike": (
        "{a} looks about as large as {b} here, although in real life {b} is much larger.",
        "In real life {b} is much larger than {a}, yet here {b} looks about as large as {a}.",
    ),
    "less": (
        "{b} looks larger than {a}, but in real life the difference is far greater than it looks here.",
        "Side by side in real life, {b} is far larger than {a}, more so than it looks here.",
    ),
    "too large": (
        "{a} looks larger here, compared with {b}, than in real life.",
        "Compared with {b}, {a} looks larger here than in real life.",
    ),
}
_ONE_SUPPORT = (
    "{a} and {anchor} both rest on {via}, while {b} <stands>.",
    "{b} <stands>, while {anchor} and {a} both rest on {via}.",
)
_OUTLINES_MEET = (
    "In the picture, the outlines of {a} and {anchor} meet, while there is a gap between {b} and {anchor}."
)
_LEVEL = (
    "On the ground, the bases of {a} and {anchor} are at about the same height in the picture, and the base of {b} is "
    "much <lower>."
)
_AGAINST: Mapping[CueKind, tuple[str, ...]] = {
    CueKind.SIZE: (
        "{a} looks larger than {b}, but that is misleading here.",
        "{a} looks larger than {b}, but in real life {a} is larger, too.",
        "{a} takes up more of the picture than {b}, but size alone does not decide.",
    ),
    CueKind.IN_AIR: (
        "The base of {a} is lower in the picture, but {b} does not stand on the ground.",
        "The base of {b} is higher in the picture than the base of {a}, but {b} does not stand on the ground.",
    ),
    CueKind.GAP: (
        "In the picture, the gap between {a} and {anchor} is narrower than the gap between {b} and {anchor}, but {a} is"
        " <behind> {anchor}, and most of the distance between them is in depth.",
    ),
}
# How an object meets the ground.
_BASES: Mapping[str, str] = {
    "stands": "the base of <x>",
    "on": "the base of {via}, which carries <x>,",
    "wall": "the foot of the wall that carries <x>",
    "carried": "the base of what carries <x>",
    "above": "the lowest part of <x>",
}
_CUT: Mapping[str, str] = {
    "cut": "The lower edge of the picture cuts off {a}, while <b> is seen on the ground.",
    "carried, cut": "What carries {a} reaches down to the lower edge of the picture, while <b> is seen on the ground.",
}
_PUT = "This puts <far> <behind> {anchor}."


@dataclass(frozen=True)
class WordedCues:
    """The chosen cues, and the sentences that mention them."""

    cues: tuple[Cue, ...]
    sentences: tuple[str, ...]  # with the placeholders {s}, {r} and {anchor} for the objects of the question
    others: Mapping[str, Mention]  # mentions of further objects, by placeholder


def word_cues(scene: Scene, relation: Relation, ids: Mapping[str, ObjectId], rng: random.Random) -> WordedCues:
    """Choose among the cues to a relation (as in :func:`find_cues`), and word them."""
    chosen = _choose(find_cues(scene, relation, ids), rng)
    roles = {"subject": "{s}", "reference": "{r}", "anchor": "{anchor}"}
    slots = {item: roles[role] for role, item in ids.items()}
    others: dict[str, Mention] = {}
    for cue in chosen:
        for item in (cue.subject, cue.reference, cue.via, cue.carrier):
            if item is not None and item not in slots:
                slot, name = f"other{len(others)}", bare_name(scene[item].name)
                slots[item] = f"{{{slot}}}"
                others[slot] = Mention(f"the {name}", is_plural(name))
    depth = {item.id: item.depth or 0.0 for item in scene.objects}
    sentences = [_sentence(_pattern(cue, depth, rng), cue, slots) for cue in chosen]
    # In a question about distances: cues to the depth of the anchor and of the object that is farther from it.
    apart = [cue for cue in chosen if cue.anchor is None]
    if relation.axis is Axis.DISTANCE and apart and not any(cue.against for cue in chosen):
        far = apart[-1].reference if apart[-1].subject == ids["anchor"] else apart[-1].subject
        puts = _PUT.replace("<behind>", _behind(far, ids["anchor"], depth)).replace("<far>", slots[far])
        sentences.insert(1 + chosen.index(apart[-1]), puts)
    return WordedCues(tuple(chosen), tuple(sentences), others)


def _choose(cues: Sequence[Cue], rng: random.Random) -> list[Cue]:
    """Choose at most two cues, one of each family; a misleading one comes before those that support the answer."""
    families: dict[str, list[Cue]] = {}
    for cue in cues:
        families.setdefault(cue.family, []).append(cue)
    against = families.pop("against", [])
    chosen = [rng.choice(families[name]) for name in rng.sample(sorted(families), len(families))]
    first = [cue for cue in chosen if cue.kind not in _SECOND]
    chosen = chosen[:2]
    if all(cue.kind in _SECOND for cue in chosen):
        chosen = first[:1]
    sized = any(cue.kind is CueKind.USUAL_SIZE for cue in chosen)
    fitting = [cue for cue in against if (chosen or cue.kind in _ALONE) and not (sized and cue.kind is CueKind.SIZE)]
    share = _AGAINST_SHARE if len(chosen) > 1 else 1.0
    if fitting and (not chosen or rng.random() < share):
        chosen = [rng.choice(fitting), *chosen[:1]]
    return chosen


def _sentence(pattern: str, cue: Cue, slots: Mapping[ObjectId, str]) -> str:
    items = {"{a}": cue.subject, "{b}": cue.reference, "{via}": cue.via, "{carrier}": cue.carrier}
    for name, item in items.items():
        if item is not None:
            pattern = pattern.replace(name, slots[item])
    return pattern[0].upper() + pattern[1:]


def _pattern(cue: Cue, depth: Mapping[ObjectId, float], rng: random.Random) -> str:
    if cue.kind is CueKind.GROUND:
        return _ground(cue, rng)
    if cue.kind is CueKind.LEVEL:
        lower = float(cue.values["reference_base"]) > float(cue.values["anchor_base"])
        return _LEVEL.replace("<lower>", "lower" if lower else "higher")
    if cue.kind is CueKind.CHAIN:
        return rng.choice(_CHAINS[str(cue.values["first"]), str(cue.values["second"])])
    if cue.kind is CueKind.USUAL_SIZE:
        return rng.choice(_USUAL_SIZES[str(cue.values["looks"])])
    if cue.kind is CueKind.ONE_SUPPORT:
        stands = "stands on the ground" if cue.carrier is None else "rests on {carrier}"
        return rng.choice(_ONE_SUPPORT).replace("<stands>", stands)
    if cue.kind is CueKind.ORDER and cue.anchor is not None:
        return "On the ground, the base of {a} comes between the bases of {anchor} and {b}."
    if cue.kind is CueKind.GAP and not cue.against and cue.values["subject_gap"] == 0:
        return _OUTLINES_MEET
    text = rng.choice((_AGAINST if cue.against else _WORDINGS)[cue.kind])
    if cue.anchor is not None:
        text = text.replace("<behind>", _behind(cue.subject, cue.anchor, depth))
    return text


def _behind(item: ObjectId, other: ObjectId, depth: Mapping[ObjectId, float]) -> str:
    return "behind" if depth[item] > depth[other] else "in front of"


def _ground(cue: Cue, rng: random.Random) -> str:
    how = str(cue.values["subject_how"]), str(cue.values["reference_how"])
    subject_first = rng.random() < 0.5
    if how == ("stands", "stands"):
        if subject_first:
            return "{a} and {b} both stand on the ground, and the base of {a} is lower in the picture."
        return "{b} and {a} both stand on the ground, and the base of {b} is higher in the picture."
    last = _BASES[how[1]].replace("<x>", "{b}")
    if cue.carrier is not None:
        last = last.replace("{via}", "{carrier}")
    if how[0] in _CUT:
        return _CUT[how[0]].replace("<b>", last)
    first = _BASES[how[0]].replace("<x>", "{a}")
    where = " on the ground" if how[1] == "stands" else ""
    if subject_first:
        return f"{first} is lower in the picture than {last.rstrip(',')}{where}."
    last = f"{last} on the ground" if where else last
    return f"{last} is higher in the picture than {first.rstrip(',')}."
