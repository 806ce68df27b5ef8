"""Questions: the answer is what boxes and depths say, the wording is CV-Bench's, letters and marks are as asked."""

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from question_scenes import OPPOSITE, random_question, random_scene, truth

from reinforcesight.data_gen.questions.compose import compose, find_candidates
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.errors import InputError
from reinforcesight.judge import judge
from reinforcesight.protocol import REASON_INSTRUCTION
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import Scene, SceneObject

seeds = st.integers(0, 2**32 - 1)
TEMPLATES = load_templates()


def made(seed, **options):
    return random_question(random.Random(seed), **options)


def picture(*items, depth_unit="m", width=640, height=480):
    """A scene from (name, box, depth) triples; ids are 0, 1, ..."""
    objects = []
    for index, (name, box, depth) in enumerate(items):
        centre = ((box[0] + box[2] - 640) * depth / 1000, (box[1] + box[3] - 480) * depth / 1000, depth)
        objects.append(
            SceneObject(id=index, name=name, box=box, depth=depth, centre=centre, thickness=0.05, masked=True)
        )
    return Scene(width=width, height=height, depth_unit=depth_unit, objects=tuple(objects))


def find(scene, axis, subject=0, reference=1, anchor=None):
    found, _ = find_candidates(scene)
    return next(
        c for c in found if (c.axis, {c.subject, c.reference}, c.anchor) == (axis, {subject, reference}, anchor)
    )


def ask(scene, candidate, form, relation, answer_index=0, affirm=True, seed=0):
    kind = QuestionKind(relation, form, answer_index, affirm)
    return compose(scene, candidate, kind, templates=TEMPLATES, rng=random.Random(seed))


LEFT_RIGHT = picture(("red chair", (40, 200, 140, 330), 2.0), ("table", (400, 210, 560, 320), 5.0))
DOUBLE = picture(("chair", (40, 200, 140, 330), 2.0), ("chair", (400, 210, 560, 320), 5.0))
THREE = picture(
    ("sofa", (40, 200, 140, 330), 2.0),
    ("table", (400, 210, 560, 320), 7.0),
    ("dog", (160, 220, 260, 300), 2.2),
)


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_the_answer_is_what_the_geometry_says(seed):
    scene, _, q, kind = made(seed)
    ids = (q.subject, q.reference, q.anchor)
    assert truth(scene, q.relation.value, *ids)
    assert q.relation is kind.relation
    if q.form is Form.YES_NO:
        assert q.answer_text == ("yes" if truth(scene, q.evidence["asked"], *ids) else "no")
        assert (q.evidence["asked"] == q.relation.value) == kind.affirm
    elif set(q.choices) <= {"left", "right", "above", "below", "in front", "behind"}:
        assert truth(scene, q.answer_text, *ids)
        assert not truth(scene, OPPOSITE[q.answer_text], *ids)
    else:
        assert q.answer_text.split(" (")[0] == scene[q.subject].name


_TELLS = {
    "left": r"\bleft\b",
    "right": r"\bright\b",
    "above": r"\b(above|higher|upper)\b",
    "below": r"\b(below|lower)\b",
    "in front": r"\b(in front|(closer|nearer) to the camera|closer to \S.* than to)\b",
    "behind": r"\b(behind|(farther|farther away|farther back) from)\b",
    "closer": r"\b(closer|nearer|shorter)\b",
    "farther": r"\b(farther|longer)\b",
}


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_the_words_of_the_question_ask_what_the_evidence_says(seed):
    _, _, q, _ = made(seed)
    pair = {q.evidence["asked"], OPPOSITE[q.evidence["asked"]]}
    said = {word for word in pair if re.search(_TELLS[word], q.question, re.IGNORECASE)}
    names_both_ends = q.form is Form.OPEN and q.task != "Distance"
    relation_question = q.form in (Form.CVBENCH, Form.CVBENCH_BOXES) and q.task == "Relation"
    assert said == (set() if relation_question else pair if names_both_ends else {q.evidence["asked"]})


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_letters_prompt_and_completion_fit_together(seed):
    _, _, q, kind = made(seed)
    letter = "AB"[kind.answer_index]
    assert q.answer == f"({letter})"
    assert q.choices["AB".index(letter)] == q.answer_text
    assert len(set(q.choices)) == 2
    final = q.answer_text if q.form is Form.OPEN else f"({letter}) {q.answer_text}"
    assert q.completion == f"<think>{q.reasoning}</think><answer>{final}</answer>"
    assert q.prompt.startswith(q.question)
    assert q.prompt.endswith(REASON_INSTRUCTION)
    options = f"\n(A) {q.choices[0]}\n(B) {q.choices[1]}\n"
    assert (options in q.prompt) == (q.form is not Form.OPEN)
    assert judge(q.completion, list(q.choices), q.answer).correct
    assert json.loads(json.dumps(q.evidence)) == q.evidence
    assert bool(q.boxes) == (q.form is Form.CVBENCH_BOXES)
    assert not re.search(r"\bthe the\b|[{}]|  ", q.prompt)


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(list(Form)))
def test_exchanging_subject_and_reference_inverts_the_relation(seed, form):
    scene, candidate, _, _ = made(seed, form=form)
    one = ask(scene, candidate, form, candidate.relation)
    other = ask(scene, candidate, form, candidate.relation.inverse)
    assert (one.subject, one.reference) == (other.reference, other.subject)
    assert one.relation is other.relation.inverse
    assert one.evidence["values"]["subject"] == other.evidence["values"]["reference"]
    assert one.evidence["values"]["reference"] == other.evidence["values"]["subject"]
    assert one.margin == other.margin


def test_same_seed_same_question_and_the_seed_never_moves_the_answer():
    candidate = find(LEFT_RIGHT, Axis.DEPTH)
    first = [ask(LEFT_RIGHT, candidate, Form.YES_NO, Relation.BEHIND, 1, False, seed) for seed in range(20)]
    again = [ask(LEFT_RIGHT, candidate, Form.YES_NO, Relation.BEHIND, 1, False, seed) for seed in range(20)]
    assert first == again
    assert len({q.prompt for q in first}) > 3
    assert {(q.answer, q.answer_text, q.choices) for q in first} == {("(B)", "no", ("yes", "no"))}


def test_the_wording_is_drawn_alike_whatever_the_answer():
    # With the same draws, yes and no differ in the words for the relation alone: nothing else tells the answer.
    candidate = find(LEFT_RIGHT, Axis.HORIZONTAL)
    for seed in range(30):
        yes = ask(LEFT_RIGHT, candidate, Form.YES_NO, Relation.LEFT, affirm=True, seed=seed).question
        no = ask(LEFT_RIGHT, candidate, Form.YES_NO, Relation.LEFT, affirm=False, seed=seed).question
        assert yes.replace("left", "right") == no


def test_cvbench_relation_wording():
    candidate = find(LEFT_RIGHT, Axis.HORIZONTAL)
    plain = ask(LEFT_RIGHT, candidate, Form.CVBENCH, Relation.LEFT, 1)
    assert plain.question == (
        "Considering the relative positions of the red chair and the table in the image provided, "
        "where is the red chair located with respect to the table?"
    )
    assert plain.choices == ("right", "left")
    assert plain.prompt == (
        f"{plain.question} Select from the following choices.\n(A) right\n(B) left\n{REASON_INSTRUCTION}"
    )
    boxed = ask(LEFT_RIGHT, candidate, Form.CVBENCH_BOXES, Relation.RIGHT)
    assert boxed.question == (
        "Considering the relative positions of the table (annotated by the red box) and the red chair in the image "
        "provided, where is the table (annotated by the red box) located with respect to the red chair?"
    )
    assert boxed.boxes == ((LEFT_RIGHT[1].box, "red"),)


def test_a_reference_whose_name_occurs_twice_is_marked_as_well():
    candidate = find(DOUBLE, Axis.HORIZONTAL)
    assert candidate.forms == {Form.CVBENCH_BOXES}
    q = ask(DOUBLE, candidate, Form.CVBENCH_BOXES, Relation.LEFT)
    assert q.question == (
        "Considering the relative positions of the chair (annotated by the red box) and the chair (annotated by the "
        "blue box) in the image provided, where is the chair (annotated by the red box) located with respect to the "
        "chair (annotated by the blue box)?"
    )
    assert q.boxes == ((DOUBLE[0].box, "red"), (DOUBLE[1].box, "blue"))
    assert "the chair in the red box" in q.reasoning.lower()
    assert "the chair in the blue box" in q.reasoning.lower()


def test_cvbench_depth_wording():
    candidate = find(LEFT_RIGHT, Axis.DEPTH)
    near = ask(LEFT_RIGHT, candidate, Form.CVBENCH_BOXES, Relation.IN_FRONT, 1)
    assert near.question == (
        "Which object is closer to the camera taking this photo, the table (highlighted by a red box) or the red chair "
        "(highlighted by a blue box)?"
    )
    assert near.prompt == f"{near.question}\n(A) table\n(B) red chair\n{REASON_INSTRUCTION}"
    assert (near.answer, near.answer_text) == ("(B)", "red chair")
    assert near.boxes == ((LEFT_RIGHT[1].box, "red"), (LEFT_RIGHT[0].box, "blue"))
    far = ask(LEFT_RIGHT, candidate, Form.CVBENCH, Relation.BEHIND, 1)
    assert far.question == ("Which object is farther from the camera taking this photo, the red chair or the table?")
    assert far.answer_text == "table"


def test_equal_names_become_distinguishable_options():
    q = ask(DOUBLE, find(DOUBLE, Axis.DEPTH), Form.CVBENCH_BOXES, Relation.IN_FRONT)
    assert q.choices == ("chair (red box)", "chair (blue box)")
    assert q.answer_text == "chair (red box)"
    assert q.boxes[0] == (DOUBLE[0].box, "red")


def test_cvbench_distance_wording():
    candidate = find(THREE, Axis.DISTANCE, 0, 1, anchor=2)
    q = ask(THREE, candidate, Form.CVBENCH_BOXES, Relation.CLOSER, 1)
    assert q.question == (
        "Estimate the real-world distances between objects in this image. Which object is closer to the dog "
        "(highlighted by a red box), the table (highlighted by a blue box) or the sofa (highlighted by a green box)?"
    )
    assert q.choices == ("table", "sofa")
    assert q.answer == "(B)"
    assert q.boxes == ((THREE[2].box, "red"), (THREE[1].box, "blue"), (THREE[0].box, "green"))
    plain = ask(THREE, candidate, Form.CVBENCH, Relation.FARTHER)
    assert plain.question == (
        "Estimate the real-world distances between objects in this image. Which object is farther from the dog, "
        "the table or the sofa?"
    )
    assert plain.answer_text == "table"


def test_open_questions_answer_with_the_text_alone():
    q = ask(LEFT_RIGHT, find(LEFT_RIGHT, Axis.DEPTH), Form.OPEN, Relation.BEHIND, 1)
    assert q.choices == ("in front", "behind")
    assert q.completion.endswith("<answer>behind</answer>")
    assert "(A)" not in q.prompt


@pytest.mark.parametrize(
    "name", ["7up can", "one-way sign", "second shelf", "left shoe", "camera", "cup, plate", "no"]
)
def test_objects_whose_name_cannot_be_used_are_left_out(name):
    scene = picture((name, (40, 200, 140, 330), 2.0), ("table", (400, 210, 560, 320), 5.0))
    assert find_candidates(scene) == ([], [])


def test_an_unusable_name_still_makes_another_ambiguous():
    scene = picture(
        ("can", (40, 200, 140, 330), 2.0),
        ("7up can", (250, 50, 330, 150), 3.0),
        ("table", (400, 210, 560, 320), 5.0),
    )
    found, _ = find_candidates(scene)
    assert found
    assert all(c.forms == {Form.CVBENCH_BOXES} for c in found)


def test_a_box_among_the_objects_is_not_marked_by_a_box():
    scene = picture(("cardboard box", (40, 200, 140, 330), 2.0), ("table", (400, 210, 560, 320), 5.0))
    found, _ = find_candidates(scene)
    assert found
    assert all(Form.CVBENCH_BOXES not in c.forms and Form.YES_NO in c.forms for c in found)


def test_boxes_that_would_lie_on_each_other_are_not_drawn():
    scene = picture(("dog", (100, 100, 300, 300), 2.0), ("fence", (95, 95, 310, 310), 5.0))
    found, _ = find_candidates(scene)
    assert [c.axis for c in found] == [Axis.DEPTH]
    assert Form.CVBENCH_BOXES not in found[0].forms


def test_abstentions_come_with_their_reason():
    scene = picture(("dog", (100, 100, 300, 300), 2.0), ("fence", (110, 95, 310, 310), 2.05))
    found, abstained = find_candidates(scene)
    assert found == []
    assert {r.axis for r in abstained} == {Axis.HORIZONTAL, Axis.VERTICAL, Axis.DEPTH}
    assert all(r.reason is not None for r in abstained)


def test_each_pair_occurs_once_per_axis_and_anchor():
    for seed in range(5):
        found, abstained = find_candidates(random_scene(random.Random(seed)))
        keys = [(r.axis, frozenset({r.subject, r.reference}), r.anchor) for r in (*found, *abstained)]
        assert len(keys) == len(set(keys))


def test_names_in_the_plural_take_are():
    scene = picture(("scissors", (40, 200, 140, 330), 2.0), ("stairs", (400, 210, 560, 320), 5.0))
    candidate = find(scene, Axis.HORIZONTAL)
    for form in (Form.YES_NO, Form.WHICH_OBJECT, Form.OPEN):
        for seed in range(40):
            q = ask(scene, candidate, form, Relation.LEFT, seed=seed)
            for text in (q.question, q.reasoning):
                assert not re.search(r"(scissors|stairs) (is|lies|appears|does)\b", text), text
                assert not re.search(r"\b(Is|Does|does) the (scissors|stairs)\b", text), text
    question = ask(scene, candidate, Form.CVBENCH, Relation.LEFT).question
    assert "where are the scissors located with respect to the stairs?" in question


def test_wrong_arguments_are_refused():
    candidate = find(DOUBLE, Axis.HORIZONTAL)
    with pytest.raises(InputError, match="yes_no"):
        ask(DOUBLE, candidate, Form.YES_NO, Relation.LEFT)
    with pytest.raises(InputError, match="neither"):
        ask(DOUBLE, candidate, Form.CVBENCH_BOXES, Relation.BEHIND)
    with pytest.raises(InputError, match="0 or 1"):
        ask(DOUBLE, candidate, Form.CVBENCH_BOXES, Relation.LEFT, answer_index=2)


def test_no_box_around_a_thing_whose_name_has_a_boxs_colour():
    scene = picture(
        ("red chair", (20, 20, 120, 160), 2.0),
        ("white chair", (300, 20, 380, 160), 4.0),
        ("table", (460, 300, 600, 400), 7.0),
    )
    for choice, boxed in ((True, {0, 1, 2}), (False, {1, 2})):
        found, _ = find_candidates(scene, box_colour_words=choice)
        assert {c.subject for c in found} | {c.reference for c in found} == {0, 1, 2}
        with_boxes = [c for c in found if Form.CVBENCH_BOXES in c.forms]
        assert {c.subject for c in with_boxes} | {c.reference for c in with_boxes} == boxed
