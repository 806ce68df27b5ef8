"""What no text may do: raise, or earn by anything but a right answer with reasons. And what changes nothing."""

import random
import re
from pathlib import Path

import pytest
from gaming_attempts import ATTEMPTS, HONEST, gaming_table, make_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from reward_samples import random_row, renamed, row, says, swapped_options

from reinforcesight.grpo.reward import Gate, RewardConfig, RewardWeights, make_reward_functions, score_completion
from reinforcesight.scene import Scene

seeds = st.integers(0, 2**32 - 1)
FRAGMENTS = (
    *(
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "</think><answer>",
        "(A)",
        "(B)",
        " left",
        " right",
        "A",
        "B",
    ),
    *(
        "The cat is left of the dog. ",
        "The cat is right of the dog. ",
        "The dog is left of the cat. ",
        " or ",
        " not ",
    ),
    *(
        "the cat",
        " the dog ",
        " is ",
        " above ",
        "? ",
        ". ",
        "So the answer is ",
        "left of",
        "2",
        " two ",
        "\n",
    ),
    *(
        "The black bird is above the dog. ",
        "{",
        "\\boxed{A}",
        "[ANSWER]",
        "\x00",
        "\u200b",
        "½",
        "\ud800",
        "İ",
        "answer",
    ),
)
texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(lambda parts: says("".join(parts))),
    st.tuples(st.lists(st.sampled_from(FRAGMENTS), max_size=8), st.lists(st.sampled_from(FRAGMENTS), max_size=3)).map(
        lambda two: says("".join(two[0]), "".join(two[1]))
    ),
)
WEIGHTS = RewardWeights()


@given(texts, st.sampled_from(["(A)", "(B)"]))
@settings(max_examples=400, deadline=None)
def test_no_text_raises_and_only_right_answers_with_reasons_count(text, answer):
    parts = score_completion(text, row(answer=answer, relation="left" if answer == "(A)" else "right"))
    assert -WEIGHTS.over_length - WEIGHTS.repetition <= parts.total <= 1.7 + 1e-9
    if parts.total > WEIGHTS.format + WEIGHTS.qualitative + 1e-9:
        assert parts.accuracy == parts.format == parts.qualitative == parts.consistent == 1
        assert any(item.as_asked for item in parts.claims)


@given(texts, st.sampled_from(list(Gate)), st.booleans())
@settings(max_examples=120, deadline=None)
def test_no_text_raises_in_any_setting(text, gate, thinking):
    config = RewardConfig(gate=gate, thinking=thinking)
    columns = {name: [value] for name, value in row().items()}
    for function in make_reward_functions(config):
        (value,) = function([None], [text], None, **columns)
        assert value is not None
        assert value == value


@given(st.lists(st.text(max_size=20), max_size=4), st.text(max_size=20), st.text(max_size=40))
@settings(max_examples=120, deadline=None)
def test_no_row_of_strings_raises(choices, answer, question):
    data = row() | {"choices": choices, "answer": answer, "question": question}
    score_completion(says("The cat is left of the dog.", answer), data)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a" * 50_000,
            "(1," * 10_000,
            f"(1{',1' * 10_000}",
            " " * 50_000,
            "<answer>" * 5_000,
            "t w " * 10_000,
        ),
        *(
            "the cat is left of the dog " * 1_500,
            "is " * 10_000 + "left of",
            "[THINK]" * 5_000,
            "ｔwо " * 10_000,
        ),
        *("<think>" * 9_000, "left of the " * 4_000, "the answer is " * 4_000),
    ],
)
def test_long_texts_end(text):
    assert score_completion(text, row()).total <= 0
    assert score_completion(says(text), row()).total <= 0.2


@given(seeds, st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_order_of_options_changes_nothing(seed, kind):
    data, question = random_row(seed)
    completion = spoilt(question.completion, data, kind)
    before = score_completion(completion, data)
    after = score_completion(*swapped_options(data, completion)[::-1])
    assert values(before) == values(after)
    assert (before.letter is None) == (after.letter is None)


NEW_NAMES = (
    *(
        "anchor",
        "silver teapot",
        "hat stand",
        "violin",
        "wheelbarrow",
        "old wooden ladder",
        "kite",
        "tent",
        "drum",
    ),
    *("canoe", "stuffed owl", "piano", "suitcase", "globe", "letter box", "harp", "easel", "sledge"),
)


@given(seeds, st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_names_of_objects_change_nothing(seed, kind):
    data, question = random_row(seed, doubles=False)
    completion = spoilt(question.completion, data, kind)
    old = [item.name for item in Scene.from_json(data["scene"]).objects]
    new = random.Random(seed).sample([name for name in NEW_NAMES if "box" not in name], len(old))
    before = score_completion(completion, data)
    after = score_completion(*renamed(data, completion, dict(zip(old, new, strict=True)))[::-1])
    assert values(before) == values(after)


def values(parts):
    """All that does not name letters or places in the text."""
    kinds = [(item.claim, item.verdict, item.counted, item.as_asked) for item in parts.claims]
    return (
        *(parts.accuracy, parts.format, parts.qualitative, parts.grounded, parts.consistent),
        *(
            parts.over_length,
            parts.repetition,
            parts.total,
            parts.answer_counts,
            parts.status,
            parts.numbers,
            kinds,
        ),
    )


def spoilt(completion, data, kind):
    """The completion as it is, with the wrong answer, with its claim turned into the opposite, or repeated."""
    if kind == 1:
        index = 1 - "AB".index(data["answer"][1])
        return re.sub("<answer>.*", f"<answer>({'AB'[index]}) {data['choices'][index]}</answer>", completion)
    if kind == 2:
        opposite = {"left": "right", "right": "left", "above": "below", "below": "above", "closer": "farther"}
        pattern = re.compile(rf"\b({'|'.join(opposite)}) ((?:of|to|the|from))\b")
        return pattern.sub(lambda m: f"{opposite[m[1]]} {m[2]}", completion)
    if kind == 3:
        thought = completion[len("<think>") : completion.index("</think>")]
        return completion.replace(thought, " ".join([thought] * 6))
    return completion


# --- gaming -----------------------------------------------------------------------------------------------------


def test_at_least_twenty_attempts():
    assert len(ATTEMPTS) >= 20


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_attempt_earns_more_than_an_honest_wrong_answer(name):
    for case in make_cases():
        honest = score_completion(HONEST["honest, wrong"](case), case.row)
        right = score_completion(HONEST["honest, right"](case), case.row)
        attempt = score_completion(ATTEMPTS[name](case), case.row)
        assert attempt.total <= honest.total < right.total
        assert not (attempt.answer_counts and attempt.accuracy)


weights = st.fixed_dictionaries({name: st.floats(0, 5) for name in RewardWeights.model_fields})


@given(weights)
@settings(max_examples=25, deadline=None)
def test_attempts_fail_whatever_the_weights(chosen):
    config = RewardConfig(weights=RewardWeights(**chosen))
    for case in make_cases():
        honest = score_completion(HONEST["honest, wrong"](case), case.row, config).total
        for write in ATTEMPTS.values():
            assert score_completion(write(case), case.row, config).total <= honest + 1e-9


def test_the_table_in_the_docs_is_true():
    page = (Path(__file__).parents[2] / "docs" / "log" / "rewards.md").read_text(encoding="utf-8")
    assert gaming_table() in page
