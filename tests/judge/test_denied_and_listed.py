"""Letters that are called wrong, conclusions after lists, marked answers, and places that answer nothing."""

from __future__ import annotations

import pytest

from reinforcesight.judge import parse_answer

NEARER = "Which object is closer to the camera, the chair or the table?"
WHERE = "Where is the cup located with respect to the lamp?"
DOOR = "Which object is closer to the door, the chair or the table?"
CHOICES = {NEARER: ["chair", "table"], WHERE: ["left", "right"]}


def letter(text: str, question: str = NEARER) -> str | None:
    return parse_answer(
        text,
        CHOICES.get(question, ["left", "right"] if "where" in question else ["chair", "table"]),
        question=question,
    ).letter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The answer is (B), so option A is wrong.", "B"),
        ("Therefore (B) is wrong.", None),
        ("Option A is incorrect.", None),
        ("A is wrong, so the answer is B.", "B"),
        ("Not A.", None),
        ("It can't be (A).", None),
        ("We can exclude option B.", None),
        ("Excluding A, the answer must be B.", "B"),
        ("The wrong option is A.", None),
        ("The incorrect answer is (B) table.", None),
        ("I did not choose A.", None),
        ("I rejected B.", None),
        ("Option (A) is not correct; option (B) is.", "B"),
        ("B is right and A is wrong.", "B"),
        ("A isn't the answer.", None),
        ("The answer is A, not B.", "A"),
        ("Rather than A, I choose B.", "B"),
        ("The correct answer is B rather than A.", "B"),
        ("A, because the chair is closer; B is farther.", "A"),
        ("Option A would mean the chair is closer, which is wrong. So it is B.", "B"),
        ("The answer can't be A because the chair is behind the table.", "B"),
        ("I was going to say A, but that is incorrect. B.", "B"),
        ("My answer is B (A is incorrect).", "B"),
        ("B, since A makes no sense", "B"),
        ("The correct option is not A.", None),
        ("Neither A nor B is right.", None),
        ("A is the wrong answer", None),
        ("A is not the wrong answer", None),
        ("Choice B is out. ", None),
        ("A or B? I'd go with B.", "B"),
        ("The answer is A. B is not plausible.", "A"),
        ("It is not the table, so A.", "A"),
        ("We can exclude B, since nothing suggests that the table is closer. A is correct.", "A"),
        ("A 不正确, 正确的是 B。", "B"),
        ("La opción A no es correcta. Respuesta: B", "B"),
        ("Rejected: chair. Chosen: table.", "B"),
        ("Wrong: B.", None),
        ("Eliminating A leaves B.", "B"),
        ("The chair isn't closer. The table is.", "B"),
        ("The chair is closer, but so is the table.", None),
        ("The chair might be closer, or perhaps the table.", None),
        ("One might think that the chair is closer. In fact, the table is.", "B"),
        ('The claim "the chair is closer" is wrong.', None),
    ],
)
def test_denied_letters(text: str, expected: str | None) -> None:
    assert letter(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(A) can be ruled out. So (B).", "B"),
        ("A: wrong. B: correct.", "B"),
        ("(A) chair - incorrect\n(B) table - correct", "B"),
        (
            "A) The chair is near the wall. B) The table is at the front. Therefore the table is closer.",
            "B",
        ),
        ("A. chair: it stands far from us.\nB. table: it is right in front of us.\n\nConclusion: table.", "B"),
        ("(A) is the chair, (B) is the table. The table is closer to the camera.", "B"),
        ("Options:\nA. chair\nB. table\nAnswer: B", "B"),
        ("- A: the chair is farther away\n- B: the table is closer\n\nSo B.", "B"),
        (
            "The object that, going by its size and its place, is closer to the camera is the table.",
            "B",
        ),
        ("The one closest to the camera, despite the chair standing in front of the wall, is the table.", "B"),
        ("What is closer, as its lower edge shows, is the table.", "B"),
        ("The second option is correct.", "B"),
        ("I pick the first option.", "A"),
        ("Is it the chair? No. The table? Yes.", "B"),
        ("The former is closer.", "A"),
        ("Comparing the chair and the table, the former is closer.", "A"),
        ("The chair and the table differ; the latter is nearer.", "B"),
        ("Option A: chair. Option B: table.", None),
        ("A: farther, B: closer", "B"),
        ("From farthest to nearest: chair, table.", "B"),
        ("The table is at the very front, the chair at the back of the room.", "B"),
        ("The chair looks larger, which suggests that it is closer.", "A"),
        ("The table, being behind the chair, is farther.", "A"),
    ],
)
def test_conclusions_and_lists(text: str, expected: str | None) -> None:
    assert letter(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<answer>not (A)</answer>", None),
        ("<answer>(B), not (A)</answer>", "B"),
        ("<answer>(A) is wrong</answer>", None),
        ("The answer is option 2.", "B"),
        ("<answer>2</answer>", "B"),
        ("<answer>Option 1</answer>", "A"),
        ("<answer>3</answer>", None),
        ("\\boxed{2}", "B"),
        ('{"answer": 2}', "B"),
        ("<answer>B</answer></answer>", "B"),
        ("<think>x</think><answer>B</answer></think>", "B"),
        ("<think>x</think><answer>(B) table</answer></answer></think>", "B"),
        ("B</think>", "B"),
        ("(B) table</think>", "B"),
        ("The table is closer.</think>", None),
        ("x</think>\n\n", None),
        ("<think>The chair is far.</think>\n\nThe answer is B.</think>", "B"),
        ("La respuesta correcta es la B.", "B"),
        ("La respuesta correcta es la opción (B) mesa.", "B"),
        ("Respuesta: B", "B"),
        ("La bonne réponse est B.", "B"),
        ("La réponse correcte est l'option B.", "B"),
        ("La réponse est la (B).", "B"),
        ("Die richtige Antwort ist B.", "B"),
        ("Die Antwort lautet (B).", "B"),
        ("Richtig ist B.", "B"),
        ("Antwort: B", "B"),
        ("正确答案是B。", "B"),
        ("正确答案为(B)", "B"),
        ("正确的选项是 B", "B"),
        ("答案选B", "B"),
        ("因此，答案是 B。", "B"),
        ("所以选择 (B)。", "B"),
        ("La risposta corretta è B.", "B"),
        ("Final answer: $\\boxed{\\text{B}}$", "B"),
        ('{"reasoning": "A is wrong", "answer": "B"}', "B"),
        ('{"answer": "(B) table"}', "B"),
    ],
)
def test_marked_answers(text: str, expected: str | None) -> None:
    assert letter(text) == expected


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [
        ("Left? No. Right? Yes.", WHERE, "B"),
        ("The latter.", NEARER, "B"),
        ("The correct answer is the first one.", NEARER, "A"),
        ("The first object is farther away.", NEARER, "B"),
        ("The latter.", "Which object is closer, the table or the chair?", None),
        ("The chair, marked by a red box, is by the wall. The table, marked by a red", NEARER, None),
        ("That is what's left: the cup is on the right side.", WHERE, "B"),
        ("After ruling out the left, I see the cup on the right.", WHERE, "B"),
        ("The cup has a higher y-value.", "Where is the cup with respect to the lamp?", None),
        ("<answer>1</answer>", WHERE, "A"),
        ("The cup is in the upper left corner of the picture.", WHERE, None),
        ("The cup is in the right half. The lamp is elsewhere.", WHERE, None),
        (
            "The table is in the lower left corner and the chair is behind it.",
            "Which object in the left half of the picture is closer, the chair or the table?",
            "B",
        ),
        (
            "The chair is left of the table.",
            "Which object in the left corner is larger, the chair or the table?",
            None,
        ),
        ("The table is closer.", "Of the chair behind the sofa and the table, which one is closer?", "B"),
        ("The chair is closer.", "The lamp is farther away. Which is closer, the chair or the table?", "A"),
        ("The camera is closer to the table than to the chair.", NEARER, "B"),
        ("The dog is closer to the table than to the chair.", NEARER, None),
        ("The chair's shadow is closer than the table.", NEARER, None),
        ("The cat on the chair is closer than the table.", NEARER, None),
        ("One might say the chair is closer. That would be wrong.", NEARER, None),
        ("The chair is closer... hmm, no, the table is closer.", NEARER, "B"),
        ("The chair is closer to the camera.", DOOR, None),
        ("The chair is in the foreground, the table behind it.", DOOR, None),
        ("The chair is closer to the door.", DOOR, "A"),
        ("The vase is left of the lamp.", WHERE, None),
        ("The cup is left of the vase.", WHERE, None),
        ("The object on the left is the lamp.", WHERE, "B"),
        ("At first I thought it was on the left, but it is on the right.", WHERE, "B"),
        ("From the waiter's perspective it is right, but in the picture it is left.", WHERE, "A"),
        ("The chair is right next to the door; the table is on the other side of the room.", DOOR, "A"),
        ("The door is right next to the table.", DOOR, "B"),
        ("The cup is left of the lamp, at the same height.", WHERE, "A"),
        ("The cup and the lamp are on the left.", WHERE, None),
        ("The cup's left side is chipped.", WHERE, None),
        ("Left of the lamp there is a vase.", WHERE, None),
        ("The cup is to the left, near the vase which stands right of a plate.", WHERE, "A"),
        ("The cup is facing left.", WHERE, None),
        ("Is it left?", WHERE, None),
        ("The lamp comes first from left to right, then the cup, so right.", WHERE, "B"),
        ("It is right.", "From the waiter's perspective, where is the cup located with respect to the lamp?", "B"),
    ],
)
def test_what_the_question_asks_for(text: str, question: str, expected: str | None) -> None:
    assert letter(text, question) == expected


def test_choices_that_are_statements():
    choices = ["The cup is to the left of the lamp", "The cup is to the right of the lamp"]
    question = "Where is the cup relative to the lamp?"
    for text, expected in (
        ("The lamp is to the left of the cup.", "B"),
        ("left", "A"),
        ("The second statement is correct.", "B"),
    ):
        assert parse_answer(text, choices, question=question).letter == expected


def test_more_than_all_others():
    choices = ["chair", "table", "jar", "mailbox"]
    question = "Which of these is the farthest from the camera?"
    for text, expected in (
        ("The jar is farther away than the rest.", "C"),
        ("From nearest to farthest: jar, table, chair, mail box.", "D"),
        ("The mail box is at the very back.", "D"),
    ):
        assert parse_answer(text, choices, question=question).letter == expected
