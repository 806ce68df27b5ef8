"""Cues: what a known scene shows is found and named, and nothing else; no text gives its answer as its reason."""

import json
import random
import re

import pytest
from cue_scenes import id_of, street
from question_scenes import random_scene

from reinforcesight.data_gen.audit.cues import cue_problems
from reinforcesight.data_gen.questions.compose import compose, find_candidates
from reinforcesight.data_gen.questions.cue_kinds import CueKind
from reinforcesight.data_gen.questions.cues import find_cues
from reinforcesight.data_gen.questions.forms import Form, ReasoningStyle
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.language.numbers import find_numbers
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import Contact, Scene, SceneObject

CIRCULAR = re.compile(r"I reach|comes (?:before|after)|The way from|is set farther back|deeper in the scene")


@pytest.fixture(scope="module")
def scene():
    return street()


def cues(scene, relation, subject, reference, anchor=None):
    ids = {"subject": id_of(scene, subject), "reference": id_of(scene, reference)}
    if anchor:
        ids["anchor"] = id_of(scene, anchor)
    return find_cues(scene, relation, ids)


def kinds(found):
    return {(cue.kind.value, cue.against) for cue in found}


def test_the_post_covers_the_wall_and_meets_the_ground_lower_in_the_picture(scene):
    found = cues(scene, Relation.IN_FRONT, "post", "wall")
    assert kinds(found) == {("covers", False), ("ground", False), ("eye level", False)}
    turned = cues(scene, Relation.BEHIND, "wall", "post")
    assert turned == found


def test_something_in_the_air_is_nearer_than_the_ground_that_it_hides(scene):
    (ground,) = [cue for cue in cues(scene, Relation.IN_FRONT, "kite", "tree") if cue.kind is CueKind.GROUND]
    assert ground.values["subject_how"] == "above"
    assert ground.values["reference_how"] == "stands"


def test_a_low_base_misleads_where_the_nearer_one_is_in_the_air(scene):
    found = cues(scene, Relation.IN_FRONT, "kite", "post")
    assert ("in air", True) in kinds(found)
    assert ("ground", False) not in kinds(found)


def test_a_pedestal_stands_for_what_it_carries(scene):
    (ground,) = [cue for cue in cues(scene, Relation.IN_FRONT, "vase", "wall") if cue.kind is CueKind.GROUND]
    assert ground.values["subject_how"] == "carried"


def test_the_narrower_gap_is_a_cue_and_a_misleading_one_is_marked(scene):
    assert ("gap", False) in kinds(cues(scene, Relation.CLOSER, "wall", "kite", "tree"))
    found = cues(scene, Relation.FARTHER, "kite", "post", "tree")
    assert all(not cue.against for cue in found if cue.kind is CueKind.GAP)


def questions(scene, *, style, seed=0, axes=(Axis.DEPTH, Axis.DISTANCE)):
    rng = random.Random(seed)
    for candidate in find_candidates(scene)[0]:
        if candidate.axis in axes:
            for form in sorted(candidate.forms):
                yield compose(
                    scene,
                    candidate,
                    form=Form(form),
                    relation=rng.choice([candidate.relation, candidate.relation.inverse]),
                    answer_index=rng.randrange(2),
                    templates=load_templates(),
                    rng=rng,
                    style=style,
                )


@pytest.mark.parametrize("seed", range(6))
def test_what_is_told_is_recorded_and_passes_the_audit(scene, seed):
    told = 0
    for question in questions(scene, style=ReasoningStyle(), seed=seed):
        told += len(question.evidence.get("cues", []))
        assert not find_numbers(question.reasoning), question.reasoning
        assert not CIRCULAR.search(question.reasoning), question.reasoning
        problems = cue_problems(
            json.loads(json.dumps(question.evidence)),
            scene,
            question.relation.axis,
            question.relation,
            question.reasoning,
        )
        assert list(problems) == []
    assert told > 20


def test_no_text_says_that_one_is_nearer_before_its_claim_where_nothing_is_seen():
    rng = random.Random(3)
    for _ in range(20):
        for question in questions(random_scene(rng), style=ReasoningStyle(), seed=rng.random()):
            assert not CIRCULAR.search(question.reasoning), question.reasoning


def test_cues_can_be_switched_off_and_fixed_wording_has_none(scene):
    for style in (ReasoningStyle(cues=0.0), ReasoningStyle(fixed_wording=True)):
        for question in questions(scene, style=style):
            assert "cues" not in question.evidence
    fixed = [q.reasoning for q in questions(scene, style=ReasoningStyle(fixed_wording=True))]
    assert fixed == [q.reasoning for q in questions(scene, style=ReasoningStyle(fixed_wording=True, cues=0.0))]


def test_left_and_right_have_no_cues(scene):
    assert cues(scene, Relation.LEFT, "tree", "wall") == []
    for question in questions(scene, style=ReasoningStyle(), axes=(Axis.HORIZONTAL, Axis.VERTICAL)):
        assert "cues" not in question.evidence


def test_a_scene_without_outlines_has_no_cues_but_sizes(scene):
    bare = json.loads(scene.to_json()) | {"contacts": [], "outline_gaps": None}
    for item in bare["objects"]:
        item |= {"floor_clearance": None, "carrier_base": None}
    found = find_cues(Scene.from_json(bare), Relation.IN_FRONT, {"subject": 4, "reference": 1})
    assert {cue.kind for cue in found} <= {CueKind.SIZE}


def test_what_carries_a_thing_is_not_between_it_and_another():
    def thing(number: int, name: str, x: float) -> SceneObject:
        left = 300 + 100 * x
        return SceneObject(
            id=number, name=name, box=(left, 200, left + 40, 260), depth=3.0, centre=(x, 0.0, 3.0), thickness=0.5
        )

    things = (thing(1, "bear", -1.0), thing(2, "bed", 0.0), thing(3, "shoes", 1.0), thing(4, "lamp", -1.3))
    scene = Scene(width=600, height=400, depth_unit="m", objects=things)
    ids = {"subject": 4, "reference": 3, "anchor": 1}
    (cue,) = [cue for cue in find_cues(scene, Relation.CLOSER, ids) if cue.kind is CueKind.BETWEEN]
    assert cue.subject == 2
    on_the_bed = (Contact(kind="rests on", subject=1, reference=2, pixels=20),)
    lying = scene.model_copy(update={"contacts": on_the_bed})
    assert CueKind.BETWEEN not in {cue.kind for cue in find_cues(lying, Relation.CLOSER, ids)}
