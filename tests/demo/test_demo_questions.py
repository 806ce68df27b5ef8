"""Questions of the demo, and the claims that it marks."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from reinforcesight.demo.answers import mark_claims
from reinforcesight.demo.questions import QUESTION_KINDS, own_question, rendered_question, rendered_source
from reinforcesight.errors import InputError
from reinforcesight.relations import Axis, relate
from reinforcesight.scene import Scene

PICTURE = Image.new("RGB", (400, 300), "white")
MUG, LAMP, SOFA = (
    ("red mug", (20.0, 100.0, 80.0, 160.0)),
    ("lamp", (250.0, 100.0, 300.0, 200.0)),
    ("sofa", (100.0, 200.0, 200.0, 290.0)),
)


def test_own_boxes_say_what_is_left() -> None:
    asked = own_question(PICTURE, [LAMP, MUG], "left or right")
    assert asked.choices == ("left", "right")
    assert asked.gold == "B"  # the lamp is right of the mug
    assert "the lamp (annotated by the red box)" in asked.question, "as in CV-Bench and in the training data"
    assert asked.picture.getpixel((250, 100)) == (255, 0, 0)
    assert asked.picture.getpixel((20, 100)) == (0, 0, 255)


@pytest.mark.parametrize("kind", QUESTION_KINDS)
def test_every_kind_can_be_asked(kind: str) -> None:
    asked = own_question(PICTURE, [MUG, LAMP, SOFA], kind)
    assert len(asked.choices) == 2
    depth = QUESTION_KINDS[kind].axis in (Axis.DEPTH, Axis.DISTANCE)
    assert depth <= (asked.gold is None), "without depth nobody knows what is closer"
    assert asked.prompt.endswith(f"(B) {asked.choices[1]}")


def test_options_of_the_same_name_differ() -> None:
    asked = own_question(PICTURE, [LAMP, ("lamp", MUG[1])], "closer to the camera")
    assert asked.choices == ("lamp (red box)", "lamp (blue box)")


def test_third_object_is_needed_and_named() -> None:
    with pytest.raises(InputError, match="needs 3 objects"):
        own_question(PICTURE, [MUG, LAMP, (" ", SOFA[1])], "closer to the third object")


def test_claims_are_marked_by_the_boxes() -> None:
    asked = own_question(PICTURE, [MUG, LAMP], "left or right")
    text = "<think>The red mug is to the left of the lamp. The lamp is to the left of the red mug. The lamp is behind "
    text += "the red mug.</think><answer>(A) left</answer>"
    marked = [(piece.lower(), label) for piece, label in mark_claims(text, asked) if label]
    assert [label for _, label in marked] == ["holds", "does not hold", "can't be checked"]
    assert marked[0][0] == "red mug is to the left of the lamp"
    whole = "".join(piece for piece, _ in mark_claims(text, asked))
    assert whole == text[len("<think>") : text.index("</think>")]


def test_rendered_questions_are_true_and_of_all_kinds() -> None:
    pytest.importorskip("trimesh")
    source = rendered_source(None, seed=3)
    axes = set()
    for number in range(6):
        asked = rendered_question(source, number)
        scene, evidence = Scene.from_json(asked.scene or ""), json.loads(asked.evidence or "")
        axis = Axis(evidence["axis"])
        result = relate(
            scene, evidence["subject"], evidence["reference"], axis, anchor=evidence["anchor"], marked=True
        )
        assert result.relation is not None
        assert result.relation.value == evidence["relation"]
        assert asked.gold in ("A", "B")
        axes.add(axis)
    assert len(axes) > 1
    assert rendered_question(source, 2).question == rendered_question(source, 2).question
