"""Answers after options that are commented one by one, and answers by nearness to the photographer."""

from __future__ import annotations

import pytest

from reinforcesight.judge import parse_answer

QUESTION = (
    "Which object is closer to the camera taking this photo, the {} (highlighted by a red box) or the {} (highlighted "
    "by a blue box)?"
)
LISTED = [
    ("Option (A): kite - high up at the back. Option (B): bench - right at the front. (B) is correct.", "B"),
    ("(A): kite, near. (B): bench, far. (A) is correct.", "A"),
    ("Option A, the kite, is further back. Option B, the bench, is closer. The answer is B.", "B"),
    ("Choice A (kite): too far. Choice B (bench): close. B it is.", "B"),
    ("Option A: kite (background). Option B: bench (foreground). Correct option: B", "B"),
    ("(A): kite. (B): bench. Both are equally near.", None),
    ("Option (A): kite is correct. Option (B): bench is correct.", None),
    ("Option (A): kite. Option (B): bench. (A) could be correct or (B).", None),
    ("Option (A): kite - at the back. Option (B): bench - in front. (C) is correct.", None),
]
NEAR = [
    ("The couch, since it's right next to the photographer.", "A"),
    ("The sofa, because it is right by the camera.", "A"),
    ("The settee - it's touching the lens.", "A"),
    ("The couch, as it sits right beside us.", "A"),
    ("The couch, since it is just a step from the camera.", "A"),
    ("Sofa, right next to the viewer.", "A"),
    ("The sofa is next to the shelf.", None),
    ("The sofa isn't right next to the photographer.", None),
    ("The sofa is next to the photographer's bag.", None),
    ("The sofa or the shelf, since it's right next to the photographer.", None),
    ("Is the sofa right next to the photographer?", None),
]


@pytest.mark.parametrize(("text", "letter"), LISTED)
def test_options_with_comments(text: str, letter: str | None) -> None:
    assert parse_answer(text, ["kite", "bench"], QUESTION.format("kite", "bench")).letter == letter


@pytest.mark.parametrize(("text", "letter"), NEAR)
def test_next_to_the_photographer(text: str, letter: str | None) -> None:
    assert parse_answer(text, ["sofa", "shelf"], QUESTION.format("sofa", "shelf")).letter == letter
