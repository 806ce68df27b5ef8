"""Questions as GRPO asks them: other letters each pass, prompts to match, pictures decoded late and once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from grpo_support import row_with_scene, write_scenes
from hypothesis import given
from hypothesis import strategies as st

from reinforcesight import protocol
from reinforcesight.errors import InputError
from reinforcesight.grpo.data import QUESTION_COLUMNS, Presenter, QuestionView, gold_index, permuted
from reinforcesight.grpo.reward import score_completion
from reinforcesight.judge import judge
from reinforcesight.protocol import ANSWER_INSTRUCTION, Protocol
from reinforcesight.tuning.data import encoded_rows, load_training_data, random_rows

words = st.lists(
    st.sampled_from(["left", "right", "the red chair", "a lamp", "yes", "no", "nearer"]),
    min_size=2,
    max_size=5,
    unique=True,
)


def question(choices, gold, *, newline_options=False):
    asked = "Which one?"
    prompt = f"{asked}\n{protocol.option_lines(choices)}"
    if not newline_options:
        prompt = protocol.with_options(asked, choices)
    return {
        "id": "q-1",
        "prompt": [
            {"role": "user", "content": protocol.with_instruction(prompt, Protocol.REASON)},
        ],
        "completion": [{"role": "assistant", "content": "<answer>(A)</answer>"}],
        "question": asked,
        "choices": list(choices),
        "answer": f"({protocol.letter(gold)})",
    }


@given(words, st.data(), st.integers(0, 9), st.integers(0, 99), st.booleans())
def test_prompt_choices_and_answer_change_together(choices, data, passes, seed, newline_options):
    gold = data.draw(st.integers(0, len(choices) - 1))
    stored = question(choices, gold, newline_options=newline_options)
    shown = permuted(stored, epoch=passes, seed=seed)
    assert sorted(shown["choices"]) == sorted(choices)
    assert shown["choices"][gold_index(shown)] == choices[gold]
    text = shown["prompt"][0]["content"]
    assert text == stored["prompt"][0]["content"].replace(
        protocol.option_lines(choices), protocol.option_lines(shown["choices"])
    )
    assert ("completion" in shown) == (passes == 0), "its letter would be the stored one"
    # What was right stays right, by its text and by its new letter.
    for said in (f"({shown['answer'][1]}) {choices[gold]}", shown["answer"]):
        assert judge(f"<answer>{said}</answer>", shown["choices"], shown["answer"]).correct
    assert shown == permuted(stored, epoch=passes, seed=seed)


@given(words, st.data())
def test_the_right_answer_has_each_letter_once(choices, data):
    stored = question(choices, data.draw(st.integers(0, len(choices) - 1)))
    letters = [permuted(stored, epoch=n, seed=3)["answer"] for n in range(len(choices))]
    assert sorted(letters) == [f"({protocol.letter(i)})" for i in range(len(choices))]


def test_open_questions_stay_as_they_are():
    stored = question(["left", "right"], 1)
    stored["prompt"] = [{"role": "user", "content": "Where is it?\n" + protocol.REASON_INSTRUCTION}]
    assert permuted(stored, epoch=1, seed=0) == stored


def test_rewards_of_a_permuted_row_agree_with_it():
    stored = row_with_scene(0, np.random.default_rng([1]))
    shown = permuted(stored, epoch=1, seed=0)
    assert shown["answer"] != stored["answer"]
    reasoning = stored["completion"][0]["content"].split("<answer>")[0]
    right, wrong = (
        score_completion(f"{reasoning}<answer>{row['answer']} {stored['answer_text']}</answer>", shown)
        for row in (shown, stored)
    )
    assert (right.accuracy, right.grounded, right.consistent) == (1.0, 1.0, 1.0)
    assert wrong.accuracy == 0.0


def test_presented_rows_share_a_picture_that_is_decoded_late(tmp_path, monkeypatch):
    import reinforcesight.grpo.data as data_module

    decoded = []
    original = data_module.decode_picture
    monkeypatch.setattr(data_module, "decode_picture", lambda r: decoded.append(r["id"]) or original(r))
    rows = encoded_rows(load_training_data(str(write_scenes(tmp_path))).train, QUESTION_COLUMNS)
    assert isinstance(rows[0]["image"], dict), "still encoded"
    group = [rows[0]] * 3 + [rows[1]] * 3
    shown = Presenter(thinking=True, permute=True, seed=0).present(group, epoch=1)
    assert decoded == [rows[0]["id"], rows[1]["id"]]
    assert shown[0]["image"] is shown[2]["image"]
    assert shown[0]["image"].size == (28, 28)
    assert shown[0]["prompt"] == shown[2]["prompt"] != rows[0]["prompt"]
    shown[0]["x"] = 1
    assert "x" not in shown[1]


def test_pictures_get_the_processors_size_where_vllm_would_choose_another():
    from types import SimpleNamespace

    row = row_with_scene(0, np.random.default_rng([1]), side=200)
    processor = SimpleNamespace(
        image_processor=SimpleNamespace(
            patch_size=14, merge_size=2, size={"shortest_edge": 784, "longest_edge": 84 * 84}
        )
    )
    shown = Presenter(thinking=True, permute=False, seed=0, processor=processor).present([row], epoch=0)
    assert shown[0]["image"].size == (84, 84)


def test_without_thinking_the_answer_alone_is_asked_for(tmp_path):
    rows = random_rows(load_training_data(str(write_scenes(tmp_path))).train, 3, seed=5)
    view = QuestionView(rows, thinking=False)
    assert len(view) == 3
    assert view.ids == [row["id"] for row in rows]
    for at in range(3):
        text = view[at]["prompt"][-1]["content"]
        assert text.endswith(f"\n{ANSWER_INSTRUCTION}")
        assert protocol.REASON_INSTRUCTION not in text
    assert QuestionView(rows, thinking=True)[0] == rows[0]
    other = {**rows[0], "prompt": [{"role": "user", "content": "Say something."}]}
    with pytest.raises(InputError, match="instruction to think first"):
        Presenter(thinking=False, permute=False, seed=0).present([other], epoch=0)


def test_an_answer_that_is_no_option_is_named():
    with pytest.raises(InputError, match=r"'\(C\)' is not the letter of one of 2"):
        gold_index({**question(["left", "right"], 0), "answer": "(C)"})


def test_scenes_of_the_test_data_hold_the_truth():
    rng = np.random.default_rng([0])
    for index in range(10):
        row = row_with_scene(index, rng)
        assert json.loads(row["scene"])["objects"][0]["id"] == json.loads(row["evidence"])["subject"]
        assert score_completion(row["completion"][0]["content"], row).grounded == 1.0
