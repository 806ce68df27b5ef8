"""The contract of the parser and the judge: statuses, rules, gold forms, and properties that must hold for any text."""

from __future__ import annotations

import dataclasses
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.judge import AnswerStatus, ParsedAnswer, judge, parse_answer
from reinforcesight.protocol import completion_text, letter

PAIR = ["chair", "table"]
SIDES = ["left", "right"]
POINTS = ["A is closer", "B is closer"]
FARTHER = "Which object is farther from the camera, the chair or the table?"


def read(text, choices=PAIR, question=None):
    answer = parse_answer(text, choices, question=question)
    return answer.letter or answer.status.value


# --- contract ---------------------------------------------------------------------------------------------------


def test_statuses_are_the_contract_words():
    assert [s.value for s in AnswerStatus] == [
        "answered", "ambiguous", "conflicting", "out_of_range", "none", "truncated",
    ]  # fmt: skip


def test_records_are_frozen():
    answer = parse_answer("B", PAIR)
    assert answer == ParsedAnswer("B", AnswerStatus.ANSWERED, "bare_letter")
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.letter = "A"
    verdict = judge("B", PAIR, "(B)")
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.correct = False


def test_reads_what_the_project_writes():
    for i, name in enumerate(SIDES):
        text = completion_text("The cup stands further to that side.", f"({letter(i)}) {name}")
        assert read(text, SIDES) == letter(i)
        assert read(f"<think>x</think><answer>{name}</answer>", SIDES) == letter(i)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>It is A.</think><answer>B</answer>", "B"),
        ("<think>It is A.<//think><answer>B</answer>", "B"),
        ("<THINK>It is A.</THINK><ANSWER>B</ANSWER>", "B"),
        ("<think>one <think>two</think> three</think> B", "B"),
        ("the tag was opened in the prompt, A</think>B", "B"),
        ("<think>never closed <answer>B</answer>", "B"),
        ("<think>never closed, the answer is B", "truncated"),
        ("<think>closed</think>", "none"),
        ("<answer>A</answer> no: <answer>B</answer>", "B"),
        ("<answer>A</answer> <answer>", "A"),
        ("<answer>A</answer> <answer>B", "A"),
        ("<answer>B", "B"),
        ("<answer>the", "truncated"),
        ("＜answer＞Ｂ＜/answer＞", "B"),
    ],
)
def test_tags(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The chair is closer than the table.", "A"),
        ("The chair is farther than the table.", "B"),
        ("The chair is not closer than the table.", "B"),
        ("Not the chair.", "none"),
        ("The table, not the chair.", "B"),
        ("The chair is behind the table.", "B"),
        ("The chair is behind the sofa.", "none"),
        ("The chair is as close as the table.", "ambiguous"),
        ("Is the chair closer than the table?", "none"),
        ("If the chair is closer than the table, it hides it.", "none"),
        ("The chairlift is closer.", "none"),
        ("A table", "B"),
        ("Answer: A table", "B"),
        ("A. table", "conflicting"),
        ("B. The chair is closer.", "conflicting"),
        ("Answer: A\nAnswer: B", "conflicting"),
        ("Answer: A\nOn reflection, the answer is B", "B"),
        ("Based on the picture", "none"),
        ("Answer seems unclear", "none"),
    ],
)
def test_sentences(text, expected):
    assert read(text) == expected


def test_the_question_turns_the_polarity():
    assert read("The chair is farther than the table.", question=FARTHER) == "A"
    assert read("The table is closer.", question=FARTHER) == "A"


def test_box_colours_need_the_question():
    question = "Which is closer, the chair (highlighted by a red box) or the table (highlighted by a blue box)?"
    assert read("The object in the blue box is closer.", question=question) == "B"
    assert read("The object in the blue box is closer.") == "none"


def test_which_object_questions_on_other_axes():
    question = "Which object is above the other, the chair or the table?"
    assert read("The table is above the chair.", question=question) == "B"
    assert read("The table is below the chair.", question=question) == "A"
    assert (
        read(
            "The chair is to the right of the table.",
            question="Which object is left, the chair or the table?",
        )
        == "B"
    )


def test_relation_words_follow_subject_and_anchor():
    question = "Where is the cat located with respect to the dog?"
    assert read("The dog is to the right of the cat.", SIDES, question) == "A"
    assert read("That's right!", SIDES, question) == "none"
    assert read("(B) left", SIDES) == "conflicting"
    assert read("A right", SIDES) == "conflicting"


def test_letters_that_name_things():
    assert read("Point B is farther than point A.", POINTS) == "A"
    assert read("(A) B is closer", POINTS) == "conflicting"
    assert read("C", POINTS) == "out_of_range"
    # Letters of the things and of the options need not agree.
    swapped = ["B is closer", "A is closer"]
    assert read("Point B is closer.", swapped) == "A"
    assert read("(A) B is closer", swapped) == "A"


def test_longest_name_wins():
    assert read("The coffee table is closer.", ["coffee table", "table"]) == "A"
    assert read("The table is closer.", ["coffee table", "table"]) == "B"
    assert read("The table is closer.", ["coffee table", "side table"]) == "none"


def test_equal_choices_leave_only_letters():
    assert read("chair", ["chair", "Chair"]) == "ambiguous"
    assert read("B", ["chair", "Chair"]) == "B"


def test_no_choices():
    assert parse_answer("A", []) == ParsedAnswer(None, AnswerStatus.NONE, "no_choices")


# --- judge ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gold", ["(B)", "B", "b", "(b)", "B.", "right", "Right", " right ", "(B) right", "B. right"])
@pytest.mark.parametrize("choices", [SIDES, ["(A) left", "(B) right"], ["A. left", "B. right"]])
def test_gold_forms(gold, choices):
    verdict = judge("(B) right", choices, gold)
    assert (verdict.correct, verdict.letter, verdict.gold, verdict.scorable) == (True, "B", "B", True)
    assert not judge("A", choices, gold).correct


@pytest.mark.parametrize(
    ("choices", "gold"),
    [
        ([], "A"),
        (PAIR, "C"),
        (PAIR, "(C)"),
        (PAIR, "sofa"),
        (PAIR, ""),
        (PAIR, "(A) table"),
        (["chair", "chair"], "chair"),
        ([f"thing {i}" for i in range(27)], "A"),
    ],
)
def test_broken_items_are_not_scorable(choices, gold):
    verdict = judge("A", choices, gold)
    assert not verdict.scorable
    assert not verdict.correct
    assert verdict.gold is None
    assert "not scorable" in verdict.explanation


@pytest.mark.parametrize("text", ["", "C", "A or B", "<think>A", "(A) table", "I can't tell."])
@pytest.mark.parametrize("gold", ["A", "B"])
def test_no_letter_is_never_correct(text, gold):
    verdict = judge(text, PAIR, gold)
    assert verdict.scorable
    assert verdict.letter is None
    assert not verdict.correct


def test_reciting_every_option_pays_nothing():
    for text in ("(A) chair (B) table", "A B", "A, B", "(B) table (A) chair", "chair table", "\\boxed{A, B}"):
        for gold in "AB":
            assert not judge(text, PAIR, gold).correct, text


# --- properties -------------------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(), max_size=200)  # includes NUL and lone surrogates
WORDS = (
    "A B C (A) (B) a b . , : ? ! \n chair table the is closer farther than not or and behind in front of answer "
    "Answer: <think> </think> <//think> <answer> </answer> \\boxed{ } ** $ { \" ' | ~~ </s> <|im_end|> both same "
    "which it left right yes no therefore however （Ａ） 答案 🅱️ \ud800 \x00"
)
PIECES = st.lists(st.sampled_from(WORDS.split(" ")), max_size=30).map(" ".join)
NAMES = st.lists(
    st.sampled_from(
        ["chair", "table", "coffee table", "night stand", "left", "right", "yes", "3", "Ä", "A", "the lamp"]
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=400, deadline=None)
@given(text=ANY_TEXT | PIECES, choices=NAMES | st.lists(ANY_TEXT, max_size=4), question=st.none() | ANY_TEXT)
def test_any_text_reads_to_an_offered_letter_or_to_none(text, choices, question):
    answer = parse_answer(text, choices, question=question)
    assert (answer.letter is not None) == (answer.status is AnswerStatus.ANSWERED)
    if answer.letter is not None:
        assert answer.letter in [letter(i) for i in range(len(choices))]
    assert answer.rule
    assert parse_answer(text, choices, question=question) == answer


@settings(max_examples=200, deadline=None)
@given(
    text=ANY_TEXT | PIECES,
    choices=NAMES | st.lists(ANY_TEXT, max_size=4),
    gold=ANY_TEXT | st.sampled_from("ABC"),
)
def test_judge_never_raises(text, choices, gold):
    verdict = judge(text, choices, gold)
    assert verdict.correct == (verdict.scorable and verdict.letter is not None and verdict.letter == verdict.gold)


ANSWERS = st.sampled_from(
    [
        "{0}",
        "({0})",
        "{0}.",
        "({0}) {1}",
        "{0}. {1}",
        "{1}",
        "The {1}",
        "The {1} is closer.",
        "Answer: {0}",
        "The answer is {0}.",
    ]
)
WRAPPERS = st.sampled_from(
    [
        "**{}**", "__{}__", "`{}`", "  {}\n", "<answer>{}</answer>", "<think>hm</think>{}", "<s> {}</s>",
        "{}<|im_end|>", "\\boxed{{{}}}", "$\\boxed{{\\text{{{}}}}}$", "> {}", "- {}", "<b>{}</b>", '"{}"',
        "\u200b{}\u200b", "“{}”", "<think>(A) or (B)?</think>\n<answer>{}</answer>", "```\n{}\n```", "### {}",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    form=ANSWERS,
    wrappers=st.lists(WRAPPERS, max_size=2),
    index=st.integers(0, 1),
    role=st.sampled_from(["", "ASSISTANT: ", "### Assistant:\n", "**Assistant:** "]),
)
def test_markup_around_an_answer_changes_nothing(form, wrappers, index, role):
    text = form.format(letter(index), PAIR[index])
    for wrapper in wrappers:
        text = wrapper.format(text)
    text = role + text
    assert read(text) == letter(index), text


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(
        st.sampled_from(["chair", "lamp", "red car", "night stand", "books"]),
        min_size=2,
        max_size=2,
        unique=True,
    ),
    form=st.sampled_from(
        [
            "{0}",
            "The {0}.",
            "The {0} is closer.",
            "The {0} is closer than the {1}.",
            "The {1} is behind the {0}.",
            "not the {1}",
        ]
    ),
)
def test_swapping_the_choices_swaps_the_letter(names, form):
    text = form.format(*names)
    swapped = {"A": "B", "B": "A"}
    straight = read(text, names)
    assert read(text, names[::-1]) == swapped.get(straight, straight)


@settings(max_examples=200, deadline=None)
@given(
    text=PIECES.filter(lambda t: "\ud800" not in t),
    spaces=st.sampled_from(["  ", "\u00a0", "\t", "\u2003", " \u200b"]),
)
def test_other_spaces_and_nfkc_change_nothing(text, spaces):
    expected = parse_answer(text, PAIR).letter
    assert parse_answer(text.replace(" ", spaces), PAIR).letter == expected
    assert parse_answer(unicodedata.normalize("NFKC", text), PAIR).letter == expected


# --- size -------------------------------------------------------------------------------------------------------

SHAPES = [
    "A", "A ", "\n", "(A) ", "<", "<think>", "</think>", "<answer>", "</answer>", "\\boxed{", "{", "*", "answer ",
    "answer:\n", "chair ", "the chair is closer, ", "not the chair ", "~~", "$", "'", '"answer":', "</s>", "<|im_end|>",
    "中", "\ufdfa", "\ud800", "User: ", "A\n", "chair and table ", "(highlighted by a ", "B is correct ", "|\n",
]  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_of_anything(shape):
    # A pattern that backtracks would run for hours here.
    text = shape * (1_000_000 // len(shape))
    for end in ("", "x", "\nAnswer: B"):
        answer = parse_answer(text + end, PAIR)
        assert answer.letter in {None, "A", "B"}


def test_long_outputs_are_read_at_both_ends():
    filler = "The room is bright and tidy. " * 100_000
    assert read(f"(B) table\n{filler}") == "B"
    assert read(f"{filler}\nTherefore, the answer is (B).") == "B"
    assert read(f"<think>{filler}</think><answer>B</answer>{filler}") == "B"
