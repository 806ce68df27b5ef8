"""A question about a scene, and its twin about the mirrored scene: the same words, the other answer."""

from __future__ import annotations

import random
from itertools import product

import pytest

from reinforcesight.data_gen.questions.compose import Candidate, Question, compose, find_candidates
from reinforcesight.data_gen.questions.forms import FORMS, Form, QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.relations import Axis
from reinforcesight.scene import Camera, Scene, SceneObject

TEMPLATES = load_templates(None)


def scene(places: dict[str, tuple[float, float, float]]) -> Scene:
    """Objects by column, row (centre, pixels) and depth (metres)."""
    objects = tuple(
        SceneObject(
            id=at,
            name=name,
            box=(x - 20, y - 20, x + 20, y + 20),
            depth=z,
            depth_spread=0.01,
            centre=((x - 200) / 300 * z, (y - 150) / 300 * z, z),
            thickness=0.05,
            valid_depth_fraction=1.0,
            visible_fraction=1.0,
            masked=True,
        )
        for at, (name, (x, y, z)) in enumerate(places.items())
    )
    camera = Camera(fx=300, fy=300, cx=200, cy=150)
    return Scene(width=400, height=300, depth_unit="m", camera=camera, objects=objects)


MUG, LAMP, BED = (60.0, 60.0, 2.0), (330.0, 240.0, 4.0), (60.0, 150.0, 2.2)
FIRST = scene({"mug": MUG, "lamp": LAMP, "bed": BED})
SECOND = scene({"mug": LAMP, "lamp": MUG, "bed": BED})  # every relation of the mug and the lamp is inverted


def candidate(of: Scene, axis: Axis) -> Candidate:
    found, _ = find_candidates(of)
    return next(c for c in found if c.axis is axis and {c.subject, c.reference} == {0, 1})


def ask(of: Scene, kind: QuestionKind) -> Question:
    return compose(of, candidate(of, kind.relation.axis), kind, templates=TEMPLATES, rng=random.Random(5))


KINDS = [
    QuestionKind(relation, form, answer, affirm)
    for form, axis, answer, affirm in product(FORMS, Axis, (0, 1), (True, False))
    for relation in axis.relations
    if affirm or form is Form.YES_NO
]


@pytest.mark.parametrize("form", FORMS)
def test_the_twin_asks_the_same_and_answers_the_opposite(form):
    for kind in (kind for kind in KINDS if kind.form is form):
        first, second = ask(FIRST, kind), ask(SECOND, kind.twin)
        assert first.prompt == second.prompt
        assert first.choices == second.choices
        assert {first.answer, second.answer} == {"(A)", "(B)"}
        assert first.answer_text != second.answer_text


def test_a_twin_of_a_twin_is_the_question_itself():
    assert all(kind.twin.twin == kind and kind.twin != kind for kind in KINDS)
