"""Turn the relations of a scene into questions with options, answer, reasoning and boxes to draw.

:func:`find_candidates` lists possible questions; :func:`compose` writes one question. The caller selects form,
relation and answer letter, so that it can balance the data set.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Annotated, Any

from pydantic import PlainSerializer

from reinforcesight.data_gen.questions.cue_wording import word_cues
from reinforcesight.data_gen.questions.forms import WITHOUT_PLACES, Form, QuestionKind, ReasoningStyle, names_answer
from reinforcesight.data_gen.questions.reasoning import MIDDLE_DISTANCE, ROOM_DEPTHS, Facts, write_reasoning
from reinforcesight.data_gen.questions.templates import (
    CVBENCH_COMPARE,
    CVBENCH_DEPTH,
    CVBENCH_DISTANCE,
    CVBENCH_RELATION,
    Templates,
)
from reinforcesight.errors import InputError
from reinforcesight.language.english import Mention, fill, is_plural
from reinforcesight.language.names import ambiguous_names, bare_name
from reinforcesight.language.object_names import usable_name
from reinforcesight.language.vocabulary import canonical_words
from reinforcesight.pictures.boxes import box_overlap
from reinforcesight.pictures.drawing import BOX_COLOURS, Box
from reinforcesight.protocol import Protocol, completion_text, letter, option_lines, with_instruction, with_options
from reinforcesight.relations import DEFAULT_RULES, Axis, Relation, RelationResult, RelationRules, relate_all
from reinforcesight.scene import ObjectId, Scene

_ALL_FORMS = frozenset(Form)
_BOXES_ONLY = frozenset({Form.CVBENCH_BOXES})
_COINCIDING = 0.7  # IoU above which two drawn boxes are hard to distinguish


@dataclass(frozen=True)
class Candidate:
    """Relation of subject to reference that a question may ask about; ``anchor`` only for distances."""

    axis: Axis
    subject: ObjectId
    reference: ObjectId
    anchor: ObjectId | None
    relation: Relation
    margin: float  # scale-free difference of the compared values, at least 0
    evidence: dict[str, Any]  # see RelationResult.evidence
    # Possible forms, in a fixed order: work files are the same whichever process writes them.
    forms: Annotated[frozenset[Form], PlainSerializer(sorted, list[Form])]


@dataclass(frozen=True)
class Question:
    """Question with everything that its data set row needs, except the picture."""

    form: Form
    relation: Relation  # of subject to reference, after a possible exchange
    task: str  # CV-Bench's name: Relation, Depth or Distance
    question: str
    choices: tuple[str, ...]
    answer: str  # letter of the correct option in brackets, "(A)"
    answer_text: str
    prompt: str  # question, options if shown, instruction
    completion: str  # reasoning and answer in their tags
    reasoning: str
    boxes: tuple[tuple[Box, str], ...]  # boxes to draw: pixels, xyxy half-open, and colour
    evidence: dict[str, Any]  # JSON values: ids, relation asked for, compared values, whether a floor was found
    margin: float
    subject: ObjectId
    reference: ObjectId
    anchor: ObjectId | None


def find_candidates(
    scene: Scene, rules: RelationRules = DEFAULT_RULES, *, box_colour_words: bool = True
) -> tuple[list[Candidate], list[RelationResult]]:
    """Return the relations that questions may ask about, and the pairs without a clear relation.

    Each unordered pair occurs once per axis (and anchor). Objects whose name can't be used (:func:`usable_name`) are
    in neither list. If a name is not unique, only the form with drawn boxes is possible. Without ``box_colour_words``,
    that form is not possible if a name has the colour of a box ("the red chair in the blue box").
    """
    ambiguous = {
        item.id: flag
        for item, flag in zip(scene.objects, ambiguous_names([o.name for o in scene.objects]), strict=True)
    }
    unusable = {item.id for item in scene.objects if not usable_name(item.name)}
    # "the box in the red box": the drawn box would be mistaken for the object.
    clashing = {"box"} if box_colour_words else {"box", *BOX_COLOURS}
    unboxable = {item.id for item in scene.objects if clashing.intersection(canonical_words(item.name))}
    candidates: list[Candidate] = []
    abstained: list[RelationResult] = []
    for result in relate_all(scene, rules=rules, marked=True):
        involved = {result.subject, result.reference} | ({result.anchor} - {None})
        if involved & unusable:
            continue
        if result.relation is None:
            abstained.append(result)
            continue
        forms = _BOXES_ONLY if any(ambiguous[i] for i in involved if i is not None) else _ALL_FORMS
        boxes = [scene[i].box for i in involved if i is not None]
        if involved & unboxable or any(box_overlap(*pair) > _COINCIDING for pair in combinations(boxes, 2)):
            forms = forms - _BOXES_ONLY
        if forms:
            candidates.append(
                Candidate(
                    axis=result.axis,
                    subject=result.subject,
                    reference=result.reference,
                    anchor=result.anchor,
                    relation=result.relation,
                    margin=result.margin,
                    evidence=dict(result.evidence),
                    forms=forms,
                )
            )
    return candidates, abstained


def compose(
    scene: Scene,
    candidate: Candidate,
    kind: QuestionKind,
    *,
    templates: Templates,
    rng: random.Random,
    style: ReasoningStyle = WITHOUT_PLACES,
) -> Question:
    """Write one question.

    Args:
        candidate: True relation to ask about.
        kind: One of the candidate's forms, and its relation or the inverse, which exchanges subject and reference.
        rng: Random numbers that decide only the wording, not the answer.

    Raises:
        InputError: Form, relation or index doesn't fit the candidate.
    """
    asked = word_question(scene, candidate, kind, templates=templates, rng=rng)
    roles, choices, answer_text = asked.roles, asked.choices, asked.answer_text
    form, relation = kind.form, kind.relation
    values = _values(candidate, exchanged=relation is not candidate.relation)
    mentions = roles.mentions
    wanted = relation.axis in (Axis.DEPTH, Axis.DISTANCE) and style.cues > 0 and not style.fixed_wording
    worded_cues = word_cues(scene, relation, roles.ids, rng) if wanted and rng.random() < style.cues else None
    facts = Facts(
        form=form,
        relation=relation,
        subject=mentions["subject"],
        reference=mentions["reference"],
        anchor=mentions.get("anchor"),
        names_answer=roles.names_answer,
        subject_first=kind.answer_index == 0 if roles.names_answer else style.fixed_wording or rng.random() < 0.5,
        choices=choices,
        answer_text=answer_text,
        values=values,
        margin=candidate.margin,
        alike=any(ambiguous_names([*roles.names.values()])),
        spots=_spots(scene, roles.ids),
        style=style,
        cues=None if worded_cues is None else worded_cues.sentences,
        others={} if worded_cues is None else worded_cues.others,
    )
    reasoning = write_reasoning(facts, rng)
    gold = letter(kind.answer_index)
    final = answer_text if form is Form.OPEN else f"({gold}) {answer_text}"
    floor = scene.floor
    evidence = {
        "axis": candidate.axis.value,
        "subject": roles.ids["subject"],
        "reference": roles.ids["reference"],
        "anchor": roles.ids.get("anchor"),
        "relation": relation.value,
        "asked": asked.relation.value,
        "values": values,
        "floor_found": None if floor is None else floor.found,
        "boxes": [{"object": roles.ids[role], "colour": colour} for role, colour in roles.colours.items()],
    }
    if worded_cues is not None and worded_cues.cues:
        evidence["cues"] = [cue.record() for cue in worded_cues.cues]
    return Question(
        form=form,
        relation=relation,
        task=relation.task,
        question=asked.question,
        choices=choices,
        answer=f"({gold})",
        answer_text=answer_text,
        prompt=with_instruction(asked.prompt, Protocol.REASON),
        completion=completion_text(reasoning, final),
        reasoning=reasoning,
        boxes=tuple((scene[roles.ids[role]].box, colour) for role, colour in roles.colours.items()),
        evidence=evidence,
        margin=candidate.margin,
        subject=roles.ids["subject"],
        reference=roles.ids["reference"],
        anchor=roles.ids.get("anchor"),
    )


@dataclass(frozen=True)
class WordedQuestion:
    """A question with its options, without reasoning."""

    roles: _Roles
    relation: Relation  # the relation that is asked for
    question: str
    choices: tuple[str, ...]
    answer_text: str
    prompt: str  # question, options if shown


def word_question(
    scene: Scene,
    candidate: Candidate,
    kind: QuestionKind,
    *,
    templates: Templates,
    rng: random.Random,
    colours: Mapping[ObjectId, str] | None = None,
) -> WordedQuestion:
    """Write the question of :func:`compose`, which describes the arguments, and its options.

    ``colours`` gives the drawn box of each marked object; by default as in CV-Bench.
    """
    form, relation = kind.form, kind.relation
    if form not in candidate.forms:
        raise InputError(
            f"the form {form.value!r} is not among the candidate's forms",
            fix=f"use {', '.join(sorted(candidate.forms))}",
        )
    if relation not in (candidate.relation, candidate.relation.inverse):
        raise InputError(
            f"the relation {relation.value!r} is neither the candidate's {candidate.relation.value!r} nor its inverse"
        )
    if kind.answer_index not in (0, 1):
        raise InputError(f"answer_index must be 0 or 1, got {kind.answer_index}")
    roles = _Roles.of(scene, candidate, kind)
    if colours is not None:
        known = {role: colours[object_id] for role, object_id in roles.ids.items() if object_id in colours}
        roles = replace(roles, colours=known)
    asked = relation if form is not Form.YES_NO or kind.affirm else relation.inverse
    choices, answer_text = _choices(roles, asked)
    question = _question(roles, asked, templates, rng)
    prompt = question
    if form in (Form.CVBENCH, Form.CVBENCH_BOXES) and roles.names_answer:
        prompt = f"{question}\n{option_lines(choices)}"  # as CV-Bench does for Depth and Distance
    elif form is not Form.OPEN:
        prompt = with_options(question, choices)
    return WordedQuestion(roles, asked, question, choices, answer_text, prompt)


@dataclass(frozen=True)
class _Roles:
    """Objects of a question by role: "subject", "reference", and "anchor" (the object that distances are measured to),
    if any.
    """

    kind: QuestionKind
    ids: dict[str, ObjectId]
    names: dict[str, str]  # without article
    colours: dict[str, str]  # colour of the drawn box, in drawing order

    @staticmethod
    def of(scene: Scene, candidate: Candidate, kind: QuestionKind) -> _Roles:
        relation = kind.relation
        subject, reference = candidate.subject, candidate.reference
        if relation is not candidate.relation:
            subject, reference = reference, subject
        ids = {"subject": subject, "reference": reference}
        if candidate.anchor is not None:
            ids["anchor"] = candidate.anchor
        names = {role: bare_name(scene[object_id].name) for role, object_id in ids.items()}
        order = _order(kind)
        colours: dict[str, str] = {}
        if kind.form is Form.CVBENCH_BOXES:
            if relation.axis is Axis.DISTANCE:
                colours = dict(zip(["anchor", *order], ("red", "blue", "green"), strict=True))
            elif relation.axis is Axis.DEPTH:
                colours = dict(zip(order, ("red", "blue"), strict=True))
            else:
                colours = {"subject": "red"}
                ambiguous = ambiguous_names([item.name for item in scene.objects])
                if ambiguous[scene.index_of(reference)]:
                    colours["reference"] = "blue"
        return _Roles(kind, ids, names, colours)

    @property
    def names_answer(self) -> bool:
        return names_answer(self.kind.form, self.kind.relation.axis)

    @property
    def mentions(self) -> dict[str, Mention]:
        """Return how a sentence mentions each object.

        The first mention names a drawn box; later mentions only if the names alone are ambiguous.
        """
        alike = dict(zip(self.names, ambiguous_names([*self.names.values()]), strict=True))
        result = {}
        for role, name in self.names.items():
            text, later = f"the {name}", None
            if role in self.colours:
                text, later = f"the {name} in the {self.colours[role]} box", None if alike[role] else text
            result[role] = Mention(text, is_plural(name), later)
        return result

    def option(self, role: str) -> str:
        """Return a name as an option, with its box if the names alone are ambiguous."""
        if self.colours and any(ambiguous_names([self.names["subject"], self.names["reference"]])):
            return f"{self.names[role]} ({self.colours[role]} box)"
        return self.names[role]


def _order(kind: QuestionKind) -> tuple[str, str]:
    """Return the roles of options (A) and (B) if the options are names."""
    return ("subject", "reference") if kind.answer_index == 0 else ("reference", "subject")


def _choices(roles: _Roles, asked: Relation) -> tuple[tuple[str, ...], str]:
    kind = roles.kind
    if kind.form is Form.YES_NO:
        right, wrong = ("yes", "no") if asked is kind.relation else ("no", "yes")
    elif roles.names_answer:
        right, wrong = roles.option("subject"), roles.option("reference")
    else:
        right, wrong = kind.relation.value, kind.relation.inverse.value
    return ((right, wrong) if kind.answer_index == 0 else (wrong, right)), right


def _question(roles: _Roles, asked: Relation, templates: Templates, rng: random.Random) -> str:
    if roles.kind.form in (Form.CVBENCH, Form.CVBENCH_BOXES):
        return _cvbench_question(roles)
    wording = templates.choose(roles.kind.form, asked, rng)
    mentions = dict(roles.mentions)
    mentions["first"], mentions["second"] = (mentions[role] for role in _order(roles.kind))
    return fill(wording, mentions)


def _cvbench_question(roles: _Roles) -> str:
    relation = roles.kind.relation
    axis = relation.axis
    word = "highlighted by a" if axis in (Axis.DEPTH, Axis.DISTANCE) else "annotated by the"
    slots = {role: role for role in roles.names} | dict(zip(("first", "second"), _order(roles.kind), strict=True))
    parts = {}
    for slot, role in slots.items():
        parts[slot] = roles.names[role]
        parts[f"{slot}_mark"] = f" ({word} {roles.colours[role]} box)" if role in roles.colours else ""
    if axis is Axis.DEPTH:
        return CVBENCH_DEPTH.format(compare=CVBENCH_COMPARE[relation], **parts)
    if axis is Axis.DISTANCE:
        return CVBENCH_DISTANCE.format(compare=CVBENCH_COMPARE[relation], **parts)
    return CVBENCH_RELATION.format(be="are" if is_plural(roles.names["subject"]) else "is", **parts)


def _spots(scene: Scene, ids: dict[str, ObjectId]) -> dict[str, tuple[float, float]] | None:
    """Return each object's horizontal centre (fraction of the picture's width) and depth; ``None`` without metres.

    Also ``None`` if the depths are not those of a room: "very far from the camera" is false on a table top, and on a
    street everything would be very far.
    """
    depths = [item.depth for item in scene.objects if item.depth is not None]
    if scene.depth_unit != "m" or not depths:
        return None
    if not ROOM_DEPTHS[0] <= min(depths) < MIDDLE_DISTANCE[1]:
        return None
    if not MIDDLE_DISTANCE[0] <= max(depths) <= ROOM_DEPTHS[1]:
        return None
    spots = {}
    for role, object_id in ids.items():
        item = scene[object_id]
        if item.depth is None:
            return None
        spots[role] = ((item.box[0] + item.box[2]) / 2 / scene.width, item.depth)
    return spots


def _values(candidate: Candidate, *, exchanged: bool) -> dict[str, Any]:
    """Return the compared values, with subject and reference exchanged if the question exchanges them."""
    if not exchanged:
        return dict(candidate.evidence)
    swap = {
        "subject": "reference",
        "reference": "subject",
        "subject_surface": "reference_surface",
        "reference_surface": "subject_surface",
    }
    return {key: candidate.evidence[swap.get(key, key)] for key in candidate.evidence}
