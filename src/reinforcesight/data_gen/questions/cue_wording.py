"""Which cues a text names, and in which words.

In the wordings ``{a}`` is the cue's subject, ``{b}`` its reference, ``{via}`` the third object and ``{anchor}`` the
anchor. None of them contains a number word or a unit ("foot"), and none says that one of the two objects asked about is
nearer, except where a thing that covers part of another is in front of it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reinforcesight.data_gen.questions.cues import Cue, CueKind, find_cues
from reinforcesight.language.english import Mention, is_plural
from reinforcesight.language.names import ambiguous_names, bare_name
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import ObjectId, Scene

_TWO_SHARE = 0.85  # of the texts about a scene with two cues or more that name two
_AGAINST_SHARE = 0.5  # of the texts about a scene with a misleading cue that name it
_ALONE = frozenset({CueKind.IN_AIR, CueKind.GAP})  # misleading cues that a text may name without another cue

# The first half of each list mentions {a} before {b}.
_WORDINGS: Mapping[CueKind, tuple[str, ...]] = {
    CueKind.COVERS: (
        "{a} covers part of {b}.",
        "{a} hides part of {b}.",
        "{b} is partly hidden by {a}.",
        "{b} is partly covered by {a}.",
    ),
    CueKind.CHAIN: (
        "{a} covers part of {via}, and {via} covers part of {b}.",
        "{b} is partly hidden by {via}, and {via} is partly hidden by {a}.",
    ),
    CueKind.ORDER: (
        "On the ground, the base of {via} comes between the bases of {a} and {b}.",
        "On the ground, the base of {via} comes between the bases of {b} and {a}.",
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
    CueKind.RESTS_ON: ("{a} rests on {b}.", "There is no gap between {a} and {b}, since {a} rests on {b}."),
    CueKind.GAP: (
        "In the picture, the gap between {a} and {anchor} is narrower than the gap between {b} and {anchor}.",
        "In the picture, the gap between {b} and {anchor} is wider than the gap between {a} and {anchor}.",
    ),
    CueKind.BETWEEN: ("{a} is between {anchor} and {b}.", "Between {anchor} and {b} there is {a}."),
}
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
        "{a} takes up more of the picture than {b}, but size alone does not decide.",
    ),
    CueKind.IN_AIR: (
        "The base of {a} is lower in the picture, but {b} does not stand on the ground.",
        "The base of {b} is higher in the picture than the base of {a}, but {b} does not stand on the ground.",
    ),
    CueKind.GAP: (
        "In the picture, the gap between {a} and {anchor} is narrower than the gap between {b} and {anchor}, but {a} is"
        " well <behind> {anchor}.",
    ),
}
# How an object meets the ground.
_BASES: Mapping[str, str] = {
    "stands": "the base of <x>",
    "on": "the base of {via}, which carries <x>,",
    "carried": "the base of what carries <x>",
    "above": "the lowest part of <x>",
}
_CUT: Mapping[str, str] = {
    "cut": "The lower edge of the picture cuts off {a}, while <b> is seen on the ground.",
    "carried, cut": "What carries {a} reaches down to the lower edge of the picture, while <b> is seen on the ground.",
}
_PUT = "This puts <far> well <behind> {anchor}."


@dataclass(frozen=True)
class Told:
    """The cues that a text names.

    Attributes:
        sentences: With placeholders: {s}, {r} and {anchor} for the objects of the question.
        others: Mentions of further objects, by placeholder.
    """

    cues: tuple[Cue, ...]
    sentences: tuple[str, ...]
    others: Mapping[str, Mention]


def tell_cues(scene: Scene, relation: Relation, ids: Mapping[str, ObjectId], rng: random.Random) -> Told:
    """Choose among the cues of a scene, and word them.

    Args:
        scene: Where the objects are.
        relation: The true one, of ``ids["subject"]`` to ``ids["reference"]``; a distance is to ``ids["anchor"]``.
        ids: The objects of the question by role.
        rng: Decides which cues are named and how.
    """
    names = {role: scene[item].name for role, item in ids.items()}
    alike = any(ambiguous_names([*names.values()]))
    told = _choose(find_cues(scene, relation, ids), rng, most=1 if alike else 2)
    roles = {"subject": "{s}", "reference": "{r}", "anchor": "{anchor}"}
    slots = {item: roles[role] for role, item in ids.items()}
    others: dict[str, Mention] = {}
    for cue in told:
        for item in (cue.subject, cue.reference, cue.via):
            if item is not None and item not in slots:
                slot, name = f"other{len(others)}", bare_name(scene[item].name)
                slots[item] = f"{{{slot}}}"
                others[slot] = Mention(f"the {name}", is_plural(name))
    depth = {item.id: item.depth or 0.0 for item in scene.objects}
    sentences = [_sentence(_pattern(cue, depth, rng), cue, slots) for cue in told]
    # In a question about distances: cues to the depth of the anchor and of the object that is farther from it.
    apart = [cue for cue in told if cue.anchor is None]
    if relation.axis is Axis.DISTANCE and apart and not any(cue.against for cue in told):
        far = apart[-1].reference if apart[-1].subject == ids["anchor"] else apart[-1].subject
        puts = _PUT.replace("<behind>", _behind(far, ids["anchor"], depth)).replace("<far>", slots[far])
        sentences.insert(1 + told.index(apart[-1]), puts)
    return Told(tuple(told), tuple(sentences), others)


def _choose(cues: Sequence[Cue], rng: random.Random, *, most: int) -> list[Cue]:
    """One cue of each group, a misleading one before those that support the answer."""
    groups: dict[str, list[Cue]] = {}
    for cue in cues:
        groups.setdefault(cue.group, []).append(cue)
    against = groups.pop("against", [])
    chosen = [rng.choice(groups[name]) for name in rng.sample(sorted(groups), len(groups))]
    if len(chosen) > 1:
        chosen = chosen[: most if rng.random() < _TWO_SHARE else 1]
    fitting = [cue for cue in against if chosen or cue.kind in _ALONE]
    if fitting and (not chosen or (most > 1 and rng.random() < _AGAINST_SHARE)):
        chosen = [rng.choice(fitting), *chosen[: most - 1]]
    return chosen


def _sentence(pattern: str, cue: Cue, slots: Mapping[ObjectId, str]) -> str:
    for name, item in {"{a}": cue.subject, "{b}": cue.reference, "{via}": cue.via}.items():
        if item is not None:
            pattern = pattern.replace(name, slots[item])
    return pattern[0].upper() + pattern[1:]


def _pattern(cue: Cue, depth: Mapping[ObjectId, float], rng: random.Random) -> str:
    if cue.kind is CueKind.GROUND:
        return _ground(cue, rng)
    if cue.kind is CueKind.LEVEL:
        lower = cue.values["reference_base"] > cue.values["anchor_base"]  # type: ignore[operator]
        return _LEVEL.replace("<lower>", "lower" if lower else "higher")
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
    if how[0] in _CUT:
        return _CUT[how[0]].replace("<b>", last)
    first = _BASES[how[0]].replace("<x>", "{a}")
    where = " on the ground" if how[1] == "stands" else ""
    if subject_first:
        return f"{first} is lower in the picture than {last.rstrip(',')}{where}."
    last = f"{last} on the ground" if where else last
    return f"{last} is higher in the picture than {first.rstrip(',')}."
