"""What the audit reads off texts: priors that tell the answer, and which way a question asks."""

from __future__ import annotations

import json
import random

import pytest
from small_dataset import make_rows, write_dataset

from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.data_gen.audit.findings import Findings
from reinforcesight.data_gen.audit.rows import Understood, asked_in_words, mask_names, reads_reference_first
from reinforcesight.data_gen.audit.run import audit
from reinforcesight.data_gen.audit.shortcuts import Guess, TextItem, guess_from_text, judge_guesses
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import Scene, SceneObject


@pytest.fixture(scope="module")
def rows():
    return make_rows(range(30), per_axis=4)


# Text alone


def items(count, *, prior=False, letter=False, seed=0):
    rng = random.Random(seed)
    words = ["lamp", "table", "chair", "sofa", "vase", "clock", "rug", "shelf"]
    height = {word: index for index, word in enumerate(words)}
    result = []
    for number in range(count):
        first_name, second_name = sorted(rng.sample(words, 2))
        above = height[first_name] < height[second_name] if prior else rng.random() < 0.5
        right = 0 if letter and "lamp" in (first_name, second_name) else int(rng.random() < 0.5)
        result.append(
            TextItem(
                group=str(number // 3),
                axis="vertical",
                form="cvbench",
                text=f"where is the {first_name}? above | below, the {second_name}",
                letter=right,
                options=2,
                first=(first_name, first_name),
                second=(second_name, second_name),
                anchor="",
                first_is_smaller=above,
                yes=None,
            )
        )
    return result


def guesses(found, **settings):
    return {(g.what, g.axis): g for g in guess_from_text(found, seed=settings.get("seed", 0))}


def test_a_text_prior_is_measured():
    biased = guesses(items(240, prior=True))
    assert biased["order", "vertical"].accuracy > 0.9
    assert biased["order", "vertical"].low > 0.8
    assert biased["letter", "vertical"].accuracy < 0.65
    fair = guesses(items(240))["order", "vertical"]
    assert fair.low < 0.5 < fair.high + 0.05
    told = guesses(items(240, letter=True))["letter", "all"]
    assert told.low > 0.5
    few = guesses(items(12))["order", "all"]
    assert few.accuracy is None
    assert guesses([]) == guesses([])


def test_a_text_prior_is_a_finding(tmp_path, rows):
    # Keep the questions whose answer follows the alphabet: the text alone then tells it.
    def follows(row):
        evidence, scene = json.loads(row.evidence), Scene.from_json(row.scene)
        names = [scene[evidence[role]].name for role in ("subject", "reference")]
        smaller = Relation(row.relation) is Relation(row.relation).axis.relations[0]
        return smaller == (names[0] < names[1])

    write_dataset(tmp_path, {"train": [row for row in rows if follows(row)]})
    report = audit(AuditConfig(dataset=tmp_path, quiet=True))
    finding = next(f for f in report.findings if f.rule == "text_hint")
    assert "order (all)" in finding.examples[0]


@pytest.mark.parametrize(
    ("what", "pictures", "accuracy", "rule"),
    [
        ("order", 500, 0.9, "text_shortcut"),
        ("order", 500, 0.6, "text_hint"),
        ("order", 500, 0.53, None),
        ("order", 20, 0.9, "text_hint"),  # few photographs are as they are
        ("letter", 20, 0.9, "text_shortcut"),
        ("truth", 500, 0.3, None),
    ],
)
def test_how_bad_a_text_prior_is(what, pictures, accuracy, rule):
    findings = Findings()
    guess = Guess(what, "all", 1000, pictures, accuracy, error=0.02)
    table, numbers = judge_guesses([guess, Guess("truth", "depth", 3, 1, None)], findings)
    assert [f.rule for f in findings.all()] == ([rule] if rule else [])
    assert table.rows[1][4] == "too few"
    assert numbers[0]["accuracy"] == accuracy


# Reading a question's words


def thing(object_id, name, x):
    return SceneObject(id=object_id, name=name, box=(x, 10, x + 20, 30), depth=1.0 + object_id)


def known(boxed=None, names=("red chair", "left shoe", "lamp")):
    objects = tuple(thing(i, name, 30 * i) for i, name in enumerate(names))
    people = dict(zip(("subject", "reference", "anchor"), objects, strict=False))
    scene = Scene(width=200, height=100, objects=objects)
    return Understood(scene, Axis.HORIZONTAL, people, boxed or {}, dict.fromkeys(people, not boxed))


@pytest.mark.parametrize(
    ("question", "axis", "expected"),
    [
        ("Is the red chair to the left of the left shoe?", Axis.HORIZONTAL, Relation.LEFT),
        ("Is the red chair to the right of the left shoe?", Axis.HORIZONTAL, Relation.RIGHT),
        ("Is the red chair near the left shoe?", Axis.HORIZONTAL, None),
        ("Is it left or right?", Axis.HORIZONTAL, None),
        ("Which is the right answer: is the red chair left of the lamp?", Axis.HORIZONTAL, Relation.LEFT),
        ("Which is farther from the camera?", Axis.DEPTH, Relation.BEHIND),
        ("Is the lamp in front?", Axis.DEPTH, Relation.IN_FRONT),
        ("Which has the shorter way to the lamp?", Axis.DISTANCE, Relation.CLOSER),
        ("Does it hang lower?", Axis.VERTICAL, Relation.BELOW),
    ],
)
def test_which_way_a_question_asks(question, axis, expected):
    assert asked_in_words(mask_names(question, known()), axis) is expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is the red chair left of the left shoe?", False),
        ("Compared with the left shoe, is the red chair farther left?", False),
        ("Compared with the red chair, is the left shoe farther left?", True),
        ("Is the left shoe left of the red chair?", True),
        ("On which side of the left shoe is the red chair?", False),
        ("Is the lamp farther from the red chair than from the left shoe?", False),
        ("Is the lamp farther from the left shoe than from the red chair?", True),
        ("Is the red chair farther from the lamp than the left shoe is?", False),
        ("Is the left shoe farther from the lamp than the red chair is?", True),
        ("Seen from the lamp, is the left shoe nearer than the red chair?", True),
    ],
)
def test_who_is_asked_about(question, expected):
    assert reads_reference_first(mask_names(question, known())) is expected


def test_names_in_boxes_are_told_apart_by_colour():
    twins = known({"subject": "red", "reference": "blue"}, names=("chair", "chair"))
    text = "Is the chair in the blue box left of the chair (highlighted by a red box)?"
    assert mask_names(text, twins) == "Is role_reference left of role_subject?"
