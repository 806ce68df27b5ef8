"""Check single rows: derive the answer again from the stored scene, the options and the question's words.

These checks do not use the code that wrote the question. The correct option follows from the relation in the scene,
the relation that the question asks for, and the options.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reinforcesight.data_gen.audit.cues import cue_problems
from reinforcesight.data_gen.audit.findings import Findings
from reinforcesight.data_gen.dataset.reader import StoredRow
from reinforcesight.data_gen.dataset.rows import Row
from reinforcesight.data_gen.questions.forms import FORMS
from reinforcesight.errors import InputError
from reinforcesight.judge import judge
from reinforcesight.judge.blocks import split_completion
from reinforcesight.language.claims import read_claims
from reinforcesight.language.names import ambiguous_names, bare_name
from reinforcesight.language.numbers import find_numbers
from reinforcesight.language.sentences.mentions import MentionTable, scene_mentions
from reinforcesight.protocol import LETTERS, REASON_INSTRUCTION, completion_text, option_lines
from reinforcesight.relations import relate
from reinforcesight.relations.kinds import Axis, Relation, RelationRules
from reinforcesight.scene import Scene, SceneObject

_NEAR = r"in front|front|closer|closest|nearer|nearest|sooner|shorter|shortest|smaller|less"
_FAR = r"behind|back|farther|farthest|further|furthest|deeper|later|longer|longest|larger|more"
_WORDS: dict[Axis, tuple[str, str]] = {
    Axis.HORIZONTAL: (r"left|leftmost", r"right|rightmost"),
    Axis.VERTICAL: (
        r"above|higher|highest|upper|uppermost|over|top|topmost",
        r"below|lower|lowest|under|beneath|bottom|underneath",
    ),
    Axis.DEPTH: (_NEAR, _FAR),
    Axis.DISTANCE: (_NEAR, _FAR),
}
_ROLE_WORDS = {role: f"role_{role}" for role in ("subject", "reference", "anchor")}
_REFERENCE_FIRST = re.compile(
    r"\b(?:compared (?:with|to)|starting (?:from|at)|relative to|with respect to|next to|seen from|side of|from) "
    r"(?:the )?(role_[a-z]+)",
    re.IGNORECASE,
)


_THAN_FROM = re.compile(r"\bthan from (?:the )?role_", re.IGNORECASE)
_Add = Callable[[str, str], None]  # of a rule, and what is wrong in the row


@dataclass(frozen=True, slots=True)
class Understood:
    """Row whose scene and evidence could be read."""

    scene: Scene
    axis: Axis
    objects: Mapping[str, SceneObject]  # by role: subject, reference, anchor
    boxed: Mapping[str, str]  # colour of the drawn box by role
    unique: Mapping[str, bool]  # whether each role's name is unique in the picture
    evidence: Mapping[str, Any] = field(default_factory=dict)
    cues: int = 0  # number of visual cues in the reasoning


class RowChecks:
    """Checks rows in order; keeps the last scene, since the rows of a picture follow each other."""

    def __init__(self, findings: Findings, rules: RelationRules) -> None:
        self._findings = findings
        self._rules = rules
        self._scene_text = ""
        self._scene: Scene | None = None
        self._ambiguous: list[bool] = []

    def check(self, stored: StoredRow) -> Understood | None:
        """Check everything except the picture; return ``None`` if scene or evidence can't be read."""
        row = stored.row

        def add(rule: str, what: str) -> None:
            self._findings.add(rule, f"{stored.where} ({row.id}): {what}")

        known: Understood | None = None
        try:
            known = self._understand(row)
        except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._findings.add("bad_scene", f"{stored.where}: {error}")
        if row.form not in FORMS:
            add("column", f"unknown form {row.form!r}")
        self._check_texts(row, known, add)
        if known is not None:
            self._check_label(row, known, add)
            self._check_answer(row, known, add)
            reasoning = split_completion(row.completion).reasoning
            for problem in cue_problems(known.evidence, known.scene, known.axis, plain_relation(known), reasoning):
                add(*problem)
        return known

    def _understand(self, row: Row) -> Understood:
        if self._scene is None or row.scene != self._scene_text:
            self._scene = None
            scene = Scene.from_json(row.scene)
            self._ambiguous = ambiguous_names([item.name for item in scene.objects])
            self._scene, self._scene_text = scene, row.scene
        scene = self._scene
        evidence = json.loads(row.evidence)
        axis = Axis(evidence["axis"])
        roles = ["subject", "reference"] + (["anchor"] if axis is Axis.DISTANCE else [])
        objects = {role: scene[evidence[role]] for role in roles}
        if len({item.id for item in objects.values()}) < len(objects):
            raise ValueError("the evidence names one object twice")
        by_id = {item.id: role for role, item in objects.items()}
        boxed = {by_id[entry["object"]]: str(entry["colour"]) for entry in evidence.get("boxes") or []}
        unique = {role: not self._ambiguous[scene.index_of(item.id)] for role, item in objects.items()}
        return Understood(scene, axis, objects, boxed, unique, evidence, len(evidence.get("cues", [])))

    def _check_label(self, row: Row, known: Understood, add: _Add) -> None:
        roles = known.objects
        result = relate(
            known.scene,
            roles["subject"].id,
            roles["reference"].id,
            known.axis,
            anchor=roles["anchor"].id if "anchor" in roles else None,
            marked=True,  # unique names are checked separately: a marked object needs none
            rules=self._rules,
        )
        bare_relation = plain_relation(known)
        stated = known.evidence.get("relation")
        if result.relation is None:
            add("unclaimable", str(result.reason))
        elif math.fabs(result.margin - row.margin) > 1e-6 * max(1.0, result.margin):
            add("column", f"margin {row.margin}, the scene gives {result.margin}")
        holds = result.relation or bare_relation
        if row.relation != holds or stated != holds or bare_relation is not holds:
            add("wrong_label", f"column {row.relation!r}, evidence {stated!r}, the scene shows {holds}")
        task = holds.task if holds else None
        if row.task != task:
            add("column", f"task {row.task!r}, expected {task!r}")

    def _check_answer(self, row: Row, known: Understood, add: _Add) -> None:
        holds = plain_relation(known)
        try:
            asked = Relation(known.evidence["asked"])
        except (KeyError, ValueError):
            add("bad_scene", "the evidence does not say what is asked")
            return
        if holds is None:
            return
        masked = mask_names(row.question, known)
        in_words = asked_in_words(masked, known.axis)
        names_answer = _roles_of_options(row.choices, known) is not None
        if in_words is not None and in_words is not asked and (row.form == "yes_no" or names_answer):
            add("asked_otherwise", f"evidence {asked.value!r}, words {in_words.value!r}: {row.question}")
            asked = in_words
        expected = right_option(row.choices, known, holds, asked)
        if expected is None:
            wanted = "yes and no, the two relations of the axis, or the names of the two objects as options"
            add("wrong_answer", f"expected {wanted}, got {list(row.choices)}")
        elif row.answer != f"({LETTERS[expected]})":
            add("wrong_answer", f"stored {row.answer}, the scene gives {row.choices[expected]!r}")
        if not names_answer and reads_reference_first(masked):
            add("role_order", row.question)
        for role, unique in known.unique.items():
            if not unique and role not in known.boxed:
                add("ambiguous_name", repr(known.objects[role].name))

    def _check_texts(self, row: Row, known: Understood | None, add: _Add) -> None:
        right = LETTERS.find(row.answer.strip("()"))
        folded = [choice.casefold() for choice in row.choices]
        if not re.fullmatch(r"\([A-Z]\)", row.answer) or not 0 <= right < len(row.choices):
            add("column", f"answer {row.answer!r} with {len(row.choices)} options")
        elif row.choices[right] != row.answer_text:
            add("column", f"answer_text {row.answer_text!r}, option {row.choices[right]!r}")
        if len(set(folded)) < 2 or len(set(folded)) < len(folded):
            add("column", f"the options are {list(row.choices)}")
        shown = option_lines(row.choices[:26]).splitlines()
        if row.question not in row.prompt or not row.prompt.endswith(REASON_INSTRUCTION):
            add("prompt", "the question or the closing instruction is not in the prompt")
        elif row.form == "open" and any(line in row.prompt for line in shown):
            add("prompt", "an open question shows its options")
        elif row.form != "open" and not all(line in row.prompt for line in shown):
            add("prompt", "an option is not in the prompt")
        final = row.answer_text if row.form == "open" else f"{row.answer} {row.answer_text}"
        blocks = split_completion(row.completion)
        reasoning = blocks.reasoning if blocks.exact else row.completion
        if not reasoning.strip() or row.completion != completion_text(reasoning, final):
            add("completion_format", repr(row.completion[-80:]))
        verdict = judge(row.completion, row.choices, row.answer, question=row.question)
        if not verdict.correct:
            add("judge", verdict.explanation)
        names = [item.name for item in known.scene.objects] if known else []
        numbers = find_numbers(reasoning, ignore=[*names, *(bare_name(name) for name in names)])
        if numbers:
            add("number_in_reasoning", ", ".join(numbers[:5]))
        if known is not None:
            self._check_claims(reasoning, known, add)

    def _check_claims(self, reasoning: str, known: Understood, add: _Add) -> None:
        holds = plain_relation(known)
        scene, objects = known.scene, known.objects
        places = {role: scene.index_of(item.id) for role, item in objects.items()}
        colours = {places[role]: colour for role, colour in known.boxed.items()}
        names = [item.name for item in scene.objects]
        table = MentionTable(scene_mentions(names, self._ambiguous, places.values(), colours))
        pair = (places["subject"], places["reference"])
        true = {pair: holds, pair[::-1]: holds.inverse} if holds else {}
        for claim in read_claims(table.split(reasoning), pair, places.get("anchor")):
            expected = true.get((claim.subject, claim.reference), claim.relation)
            if claim.relation.axis is known.axis and claim.relation is not expected:
                add("reasoning_contradicts", reasoning)


def plain_relation(known: Understood) -> Relation | None:
    """Return the relation of the stored numbers, without margins; ``None`` if a number is missing."""
    values: list[float | None] = []
    for role in ("subject", "reference"):
        item = known.objects[role]
        if known.axis is Axis.HORIZONTAL:
            values.append(item.box[0] + item.box[2])
        elif known.axis is Axis.VERTICAL:
            values.append(item.box[1] + item.box[3])
        elif known.axis is Axis.DEPTH:
            values.append(item.depth)
        else:
            anchor = known.objects["anchor"].centre
            values.append(math.dist(item.centre, anchor) if item.centre and anchor else None)
    first, second = values
    if first is None or second is None or first == second:
        return None
    return known.axis.relations[0 if first < second else 1]


def mask_names(question: str, known: Understood) -> str:
    """Replace every mention of an object in a question by its role: "role_subject"."""
    text = question
    for role, item in sorted(known.objects.items(), key=lambda pair: -len(pair[1].name)):
        name = re.escape(bare_name(item.name))
        if role in known.boxed:
            colour = re.escape(known.boxed[role])
            own = rf"(?: \([^()]*\b{colour} box\)| in the {colour} box)"
            text = re.sub(rf"\b{name}{own}", _ROLE_WORDS[role], text, flags=re.IGNORECASE)
        if known.unique[role]:
            text = re.sub(rf"\b{name}\b(?: \([^()]*box\))?", _ROLE_WORDS[role], text, flags=re.IGNORECASE)
    return re.sub(r"\bthe (?=role_)", "", text, flags=re.IGNORECASE)


def asked_in_words(masked: str, axis: Axis) -> Relation | None:
    """Return the relation that a question asks for; ``None`` if it names both relations of the axis or neither."""
    text = re.sub(r"\b(?:right|left) (?:answer|option|word)\b", " ", masked, flags=re.IGNORECASE)
    said = [re.search(rf"\b(?:{words})\b", text, re.IGNORECASE) is not None for words in _WORDS[axis]]
    if said[0] == said[1]:
        return None
    return axis.relations[0 if said[0] else 1]


def reads_reference_first(masked: str) -> bool:
    """Return whether the question asks about the evidence's reference: "Compared with SUBJECT, is REFERENCE ..."."""
    subject, reference = _ROLE_WORDS["subject"], _ROLE_WORDS["reference"]
    # "Is the lamp farther from SUBJECT than from REFERENCE?": the compared objects are those after "from".
    matches = () if _THAN_FROM.search(masked) else _REFERENCE_FIRST.finditer(masked)
    after = {match[1] for match in matches}
    if subject in after and reference not in after:
        return True
    order = [word for word in re.findall(r"role_[a-z]+", masked) if word not in after]
    return subject in order and reference in order and order.index(reference) < order.index(subject)


def right_option(choices: Sequence[str], known: Understood, holds: Relation, asked: Relation) -> int | None:
    """Return the index of the correct option if ``holds`` is true in the scene and ``asked`` is asked for."""
    folded = [" ".join(choice.split()).casefold() for choice in choices]
    if sorted(folded) == ["no", "yes"]:
        return folded.index("yes" if holds is asked else "no")
    if sorted(folded) == sorted(relation.value for relation in known.axis.relations):
        return folded.index(holds.value)
    roles = _roles_of_options(choices, known)
    if roles is None:
        return None
    winner = "subject" if holds is asked else "reference"
    return roles.index(winner)


def _roles_of_options(choices: Sequence[str], known: Understood) -> list[str] | None:
    """Return the role of the object that each option names; ``None`` if the options aren't the two objects."""
    found: list[str] = []
    for choice in choices:
        text = " ".join(choice.split()).casefold()
        fits = []
        for role in ("subject", "reference"):
            name = bare_name(known.objects[role].name).casefold()
            accepted = {name, f"the {name}"}
            colour = known.boxed.get(role)
            if colour:
                accepted |= {f"{name} ({colour} box)", f"the {name} in the {colour} box"}
            if text in accepted:
                fits.append(role)
        if len(fits) != 1:
            return None
        found.append(fits[0])
    return found if sorted(found) == ["reference", "subject"] else None
