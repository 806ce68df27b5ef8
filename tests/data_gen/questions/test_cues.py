"""Cues: what a known scene shows is found and named, and nothing else; no text gives its answer as its reason."""

import json
import random
import re

import pytest
from claims_support import claims_in
from cue_scenes import id_of, street
from question_scenes import random_scene

from reinforcesight.data_gen.audit.cues import cue_problems
from reinforcesight.data_gen.questions.compose import compose, find_candidates
from reinforcesight.data_gen.questions.cue_wording import (
    _AGAINST,
    _BASES,
    _CHAINS,
    _ONE_SUPPORT,
    _USUAL_SIZES,
    _WORDINGS,
)
from reinforcesight.data_gen.questions.cues import CueKind, find_cues
from reinforcesight.data_gen.questions.forms import QuestionKind, ReasoningStyle
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.language.english import Mention, fill
from reinforcesight.language.numbers import find_numbers
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import Camera, Contact, Floor, Scene, SceneObject

PAIR = {"subject": 1, "reference": 2}
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
    # A thin trunk may be what is hidden.
    things = [o.model_copy(update={"visible_fraction": 0.98}) if o.name == "kite" else o for o in scene.objects]
    partly = scene.model_copy(update={"objects": tuple(things)})
    assert ("in air", True) not in kinds(cues(partly, Relation.IN_FRONT, "kite", "post"))
    behind = Contact(kind="covers", subject=id_of(scene, "tree"), reference=id_of(scene, "kite"), pixels=9)
    covered = scene.model_copy(update={"contacts": (*scene.contacts, behind)})
    assert ("in air", True) not in kinds(cues(covered, Relation.IN_FRONT, "kite", "post"))


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
                kind = QuestionKind(
                    rng.choice([candidate.relation, candidate.relation.inverse]), form, rng.randrange(2)
                )
                yield compose(scene, candidate, kind, templates=load_templates(), rng=rng, style=style)


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
    # The contact is out of sight, but the surfaces meet: bear and bed, at places 0 and 1.
    apart = [[0.0 if i == j else 1.0 for j in range(4)] for i in range(4)]
    free = scene.model_copy(update={"surface_distances": apart})
    assert CueKind.BETWEEN in {cue.kind for cue in find_cues(free, Relation.CLOSER, ids)}
    apart[0][1] = apart[1][0] = 0.02
    touching = scene.model_copy(update={"surface_distances": apart})
    assert CueKind.BETWEEN not in {cue.kind for cue in find_cues(touching, Relation.CLOSER, ids)}
    cut = [item.model_copy(update={"truncated": item.id == 2}) for item in things]
    assert CueKind.BETWEEN not in {
        cue.kind for cue in find_cues(scene.model_copy(update={"objects": tuple(cut)}), Relation.CLOSER, ids)
    }


def thing(number, name, box, depth, **values):
    x = (box[0] + box[2]) / 2 - 300.0
    place = (x * depth / 500.0, (box[3] - 100.0) * depth / 500.0, depth)
    return SceneObject(
        id=number, name=name, box=box, depth=depth, depth_near=depth, depth_far=depth, centre=place, thickness=0.1,
        masked=True, visible_fraction=1.0, **values,
    )  # fmt: skip


def room(*things, contacts=()):
    """A level camera at a height of 1.5 over the floor; the floor is at row 100 + 750 / depth."""
    floor = Floor(found=True, normal=(0.0, -1.0, 0.0), offset=1.5, support=0.5)
    camera = Camera(fx=500.0, fy=500.0, cx=300.0, cy=100.0)
    size = {"width": 600, "height": 400, "depth_unit": "m"}
    return Scene(**size, camera=camera, objects=things, floor=floor, contacts=contacts)


GROUND = {"floor_clearance": 0.0}


def test_a_base_that_is_partly_hidden_is_no_lower_than_its_nearest_surface():
    near, far = (
        thing(1, "bin", (10, 300, 60, 350), 3.0, **GROUND),
        thing(2, "stool", (100, 200, 150, 250), 5.0, **GROUND),
    )
    assert CueKind.GROUND in {cue.kind for cue in find_cues(room(near, far), Relation.IN_FRONT, PAIR)}
    for surface, told in ((4.0, True), (2.5, False)):
        hidden = far.model_copy(update={"visible_fraction": 0.7, "depth_near": surface})
        found = {cue.kind for cue in find_cues(room(near, hidden), Relation.IN_FRONT, PAIR)}
        assert (CueKind.GROUND in found) == told


def test_what_the_lower_edge_cuts_off_is_nearer_than_what_does_not_reach_it():
    near, far = thing(1, "bin", (10, 200, 60, 400), 1.5, truncated=True), thing(2, "jug", (100, 100, 150, 250), 3.0)
    (cut,) = [cue for cue in find_cues(room(near, far), Relation.IN_FRONT, PAIR) if cue.kind is CueKind.CUT]
    assert (cut.subject, cut.reference) == (1, 2)
    low = far.model_copy(update={"box": (100.0, 100.0, 150.0, 380.0)})
    assert CueKind.CUT not in {cue.kind for cue in find_cues(room(near, low), Relation.IN_FRONT, PAIR)}


def test_what_hangs_on_a_wall_is_told_from_what_stands_on_a_pedestal():
    near = thing(1, "bin", (10, 300, 60, 350), 3.0, **GROUND)
    for row, how in ((220.0, "wall"), (265.0, "carried")):
        far = thing(2, "clock", (100, 50, 150, 100), 5.0, floor_clearance=1.0, carrier_base=row)
        (ground,) = [cue for cue in find_cues(room(near, far), Relation.IN_FRONT, PAIR) if cue.kind is CueKind.GROUND]
        assert ground.values["reference_how"] == how


def test_a_third_object_that_one_rests_on_and_the_other_is_hidden_by():
    near, far, desk = (thing(i, name, (10.0 * i, 50, 10.0 * i + 8, 90), i + 1.0) for i, name in enumerate("ABC"))
    contacts = (
        Contact(kind="rests on", subject=0, reference=2, pixels=20),
        Contact(kind="covers", subject=2, reference=1, pixels=20),
    )
    desk = desk.model_copy(update={"depth": 1.5})
    (chain,) = find_cues(room(near, far, desk, contacts=contacts), Relation.IN_FRONT, {"subject": 0, "reference": 1})
    assert (chain.kind, chain.via, dict(chain.values)) == (CueKind.CHAIN, 2, {"first": "rests on", "second": "covers"})


def test_things_on_one_support_and_things_at_one_depth():
    rests = [Contact(kind="rests on", subject=item, reference=4, pixels=20) for item in (1, 3)]
    near, anchor = (thing(i, n, (10.0 * i, 250, 10.0 * i + 8, 290), 3.0) for i, n in ((1, "cup"), (3, "bowl")))
    far, desk = thing(2, "shoe", (300, 300, 340, 350), 3.0, **GROUND), thing(4, "desk", (5, 260, 200, 350), 3.0)
    made = room(near, far, anchor, desk, contacts=tuple(rests))
    ids = {"subject": 1, "reference": 2, "anchor": 3}
    assert CueKind.ONE_SUPPORT in {cue.kind for cue in find_cues(made, Relation.CLOSER, ids)}
    level = [thing(i, n, (100.0 * i, 300, 100.0 * i + 9, 350), 3.0, **GROUND) for i, n in ((1, "cup"), (2, "bin"))]
    made = room(level[0], thing(3, "jug", (500, 200, 509, 220), 6.0), level[1])
    found = find_cues(made, Relation.CLOSER, {"subject": 1, "reference": 3, "anchor": 2})
    assert CueKind.ONE_DEPTH in {cue.kind for cue in found}


def test_the_wordings_claim_no_relation_that_is_asked_about():
    """All that the reader of claims finds in a cue's sentence is that what covers a thing is in front of it."""
    names = {"a": "cup", "b": "bed", "via": "chair", "carrier": "desk", "anchor": "lamp"}
    mentions = {slot: Mention(f"the {name}") for slot, name in names.items()}
    lists = [*_WORDINGS.values(), *_CHAINS.values(), *_USUAL_SIZES.values(), *_AGAINST.values(), _ONE_SUPPORT]
    patterns = [text for texts in lists for text in texts]
    patterns += [
        f"{base.replace('<x>', '{a}')} is lower in the picture than the base of {{b}}." for base in _BASES.values()
    ]
    for pattern in patterns:
        stands = pattern.replace("<stands>", "rests on {carrier}").replace("<behind>", "behind")
        text = fill(stands, mentions)
        assert find_numbers(text) == []
        for claim in claims_in(text, {name: slot for slot, name in names.items()}):
            hides = "covers" in text or "hides" in text or "hidden" in text or "covered" in text
            assert (claim.relation in (Relation.IN_FRONT, Relation.BEHIND) and hides) or "is in depth" in text, text
