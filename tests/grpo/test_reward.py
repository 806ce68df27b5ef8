"""Each part of the reward for itself."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from reward_samples import random_row, row, says, swapped_options

from reinforcesight.errors import InputError
from reinforcesight.grpo.reward import (
    PART_NAMES,
    Gate,
    RewardConfig,
    RewardFunction,
    claim_spans,
    make_reward_functions,
    reward_weights,
    score_completion,
)
from reinforcesight.grpo.reward.answers import _written_as_asked, read_blocks
from reinforcesight.judge import judge

TRUE, FALSE = "The cat is left of the dog.", "The cat is right of the dog."
seeds = st.integers(0, 2**32 - 1)


def part(name, text, data=None, **config):
    return getattr(score_completion(text, data or row(), RewardConfig(**config)), name)


# --- accuracy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("(A) left", 1),
        ("(A)", 1),
        ("A", 1),
        ("left", 1),
        ("The cat is to the left of the dog.", 1),
        ("(B) right", 0),
        ("(B) left", 0),  # contradicts itself
        ("(A) or (B)", 0),
        ("(A) left or maybe (B) right", 0),
        ("(A) left, perhaps", 0),
        ("(A) left (B) right", 0),
        ("left right", 0),
        ("both", 0),
        ("I can't tell", 0),
        ("(C)", 0),
        ("", 0),
    ],
)
def test_accuracy(answer, right):
    assert part("accuracy", says(TRUE, answer)) == right


def test_several_answer_blocks_must_agree():
    again = "<answer>{}</answer>"
    assert part("accuracy", says(TRUE) + again.format("A")) == 1
    assert part("accuracy", says(TRUE) + again.format("(B)")) == 0
    assert part("accuracy", says(TRUE, "(B)") + again.format("(A)")) == 0


def test_broken_row_is_not_scored():
    parts = score_completion(says(TRUE), row(answer="(F)"))
    assert parts.accuracy is None
    assert parts.total is None


@given(
    seeds,
    st.sampled_from(["{} {}", "{0}", "{1}", " {1} ", "{0} {1}.", "{0}  {1}", "{0} the {1}"]),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_quick_answer_is_the_judges(seed, pattern, right):
    data, _ = random_row(seed)
    index = "AB".index(data["answer"][1]) ^ (not right)
    text = says("I look.", pattern.format(f"({'AB'[index]})", data["choices"][index]))
    quick = _written_as_asked(read_blocks(text), tuple(data["choices"]), data["answer"])
    verdict = judge(text, data["choices"], data["answer"], question=data["question"])
    if quick is not None:
        assert quick == (verdict.letter, verdict.gold, verdict.status)
    assert quick is not None or pattern not in ("{} {}", " {1} ")


# --- format -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (says("I look."), 1),
        ("  <think>I look.</think>\n\n<answer>(A)</answer>\n", 1),
        ("<think>I look.\nThen more.</think><answer>left</answer>", 1),
        (says(""), 0),
        (says(" . "), 0),
        (says("I look.", " "), 0),
        (says("I look.", "word " * 21), 0),
        ("<answer>(A)</answer>", 0),
        ("<think>I look.</think>", 0),
        ("<think>I look.</think>(A)", 0),
        ("(A)", 0),
        ("", 0),
        ("So: " + says("I look."), 0),
        (says("I look.") + " Done.", 0),
        (says("I look.") * 2, 0),
        (says("I look.") + "<answer>(A)</answer>", 0),
        (says("I <think>look.</think>"), 0),
        (says("I <b>look</b>."), 0),
        (says("I look [ANSWER]B[/ANSWER]."), 0),
        (says("I look ◁answer▷B◁/answer▷."), 0),
        ("<answer>(A)</answer><think>I look.</think>", 0),
        ("<THINK>I look.</THINK><ANSWER>(A)</ANSWER>", 0),
        ("<think>I look.<answer>(A)</answer></think>", 0),
        ("<think>I look.<think><answer>(A)</answer>", 0),
    ],
)
def test_format(text, good):
    assert part("format", text) == good


def test_format_without_thinking():
    assert part("format", " <answer>(A) left</answer>\n", thinking=False) == 1
    assert part("format", says("I look."), thinking=False) == 0
    assert part("format", "(A)", thinking=False) == 0
    assert part("format", "<answer></answer>", thinking=False) == 0


def test_completions_that_begin_inside_the_block():
    """Where the chat template ends the prompt with the tag, all parts are as with it."""
    whole = says(TRUE)
    inside = whole.removeprefix("<think>")
    expected = score_completion(whole, row())
    assert part("total", inside) == 0
    for text in (inside, "\n" + inside, whole):
        parts = score_completion(text, row(), RewardConfig(opened=True))
        assert (parts.total, parts.claims, parts.letter) == (expected.total, expected.claims, "A")
        ((start, end, _),) = claim_spans(text, parts)
        assert text[start:end] == "cat is left of the dog"
    assert part("format", "<answer>(A)</answer>", opened=True) == 0
    assert part("format", "<answer>(A)</answer>", opened=True, thinking=False) == 1


# --- qualitative ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reasoning",
    [
        "The cat is 3 steps away.",
        "It is three steps away.",
        "It is a few metres away.",
        "It is at (12, 40).",
        "Its coordinates are smaller.",
        "It is t-w-o steps away.",
        "It is t w o steps away.",
        "It is t\u200bwo steps away.",
        "It is twо steps away.",  # a Cyrillic letter
        "It is ｔｗｏ steps away.",
        "It is ② steps away.",
        "It is ٣ steps away.",
        "",
    ],
)
def test_numbers_cost_the_qualitative_part(reasoning):
    assert part("qualitative", says(reasoning)) == 0


def test_qualitative():
    assert part("qualitative", says("The cat is near the left edge; option A fits, and B does not.")) == 1
    assert part("qualitative", says("L’animal « café » est là. Кот слева.")) == 1
    # Digits in the answer block are not the reasoning's.
    assert part("qualitative", says("I look.", "(A) 3")) == 1


def test_numbers_in_names_are_no_numbers():
    scene = row()["scene"].replace('"dog"', '"one-way sign"')
    data = row("cat", "one-way sign") | {"scene": scene}
    assert part("qualitative", says("The cat is left of the one-way sign."), data) == 1
    assert part("qualitative", says("The cat is one step left of the one-way sign."), data) == 0


# --- grounded ---------------------------------------------------------------------------------------------------

BESIDE = "The black bird is above the dog."
BESIDE_FALSE = "The black bird is below the dog."


@pytest.mark.parametrize(
    ("reasoning", "value"),
    [
        (TRUE, 1),
        (FALSE, -1),
        ("I look at the cat and the dog.", 0),
        (f"{TRUE} {TRUE} The dog is right of the cat.", 1),
        (f"{FALSE} {FALSE}", -1),
        (f"{TRUE} {BESIDE_FALSE}", 0),
        (f"{TRUE} {BESIDE} {BESIDE_FALSE}", 0),
        (BESIDE, 0),  # not the objects asked about
        (f"{BESIDE} {FALSE}", 0),
        ("The cat is in front of the dog.", 0),  # the scene can't tell
    ],
)
def test_grounded(reasoning, value):
    assert part("grounded", says(reasoning)) == value


def test_grounded_is_capped():
    more = "The cat is left of the black bird. The black bird is above the cat."
    assert part("grounded", says(f"{TRUE} {BESIDE} {more}")) == 1
    assert part("grounded", says(TRUE), max_claims=2) == 0.5
    assert part("grounded", says(f"{TRUE} {TRUE}"), max_claims=2) == 0.5
    assert part("grounded", says(f"{TRUE} {BESIDE}"), max_claims=2) == 1
    assert part("grounded", says(f"{TRUE} {BESIDE} {more}"), max_claims=2) == 1
    assert part("grounded", says(f"{FALSE} {BESIDE_FALSE}"), max_claims=1) == -1


def test_grounded_does_not_apply_without_a_scene():
    assert part("grounded", says(TRUE), row() | {"scene": None}) is None
    assert part("grounded", says(TRUE), row() | {"evidence": None}) is None
    assert part("grounded", "<answer>(A)</answer>", thinking=False) is None


# --- consistent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasoning", "answer", "value"),
    [
        (TRUE, "(A) left", 1),
        (FALSE, "(B) right", 1),  # wrong, but it follows
        (TRUE, "(B) right", 0),
        (FALSE, "(A) left", 0),
        ("The dog is right of the cat.", "(A) left", 1),
        (f"{TRUE} {FALSE}", "(A) left", 0),
        (BESIDE, "(A) left", 0),
        ("The cat is above the dog.", "(A) left", 0),
        (TRUE, "(A) or (B)", 0),
        (f"{TRUE} So the answer is left.", "(A) left", 1),
        (f"{TRUE} So the answer is right.", "(A) left", 0),
        (f"{TRUE} So the answer is option B.", "(A) left", 0),
    ],
)
def test_consistent(reasoning, answer, value):
    assert part("consistent", says(reasoning, answer)) == value


def test_consistent_where_the_question_denies():
    # "Is the cat right of the dog?": no, since it is left of it.
    data = row(choices=("yes", "no"), answer="(B)", question="Is the cat right of the dog?")
    assert part("consistent", says(TRUE, "(B) no"), data) == 1
    assert part("consistent", says(TRUE, "(A) yes"), data) == 0
    assert part("consistent", says(FALSE, "(A) yes"), data) == 1


# --- length and repetition --------------------------------------------------------------------------------------


def test_over_length():
    def earned(words, **config):
        return part(
            "over_length",
            says("".join(f"{chr(97 + n % 26)}{chr(97 + n // 26)} " for n in range(words))),
            **config,
        )

    lengths = {"soft_words": 100, "max_words": 200}
    assert [earned(n, **lengths) for n in (1, 100, 150, 200, 300)] == [0, 0, -0.5, -1, -1]
    assert part("over_length", says("字" * 5000)) == -1
    assert part("over_length", says("x" * 5000)) == -1


def test_repetition():
    assert part("repetition", says("a b c d e f g h i j k l m")) == 0
    assert part("repetition", says("the cat is here " * 40)) < -0.9
    assert part("repetition", says("A " * 40)) < -0.9
    # Saying the same of several objects is no repetition.
    assert part("repetition", says("I see where the cat is. I see where the dog is.")) == 0
    assert part("repetition", says("")) == 0


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_own_reasoning_is_neither_long_nor_repetitive(seed):
    data, question = random_row(seed)
    parts = score_completion(question.completion, data)
    assert (parts.over_length, parts.repetition) == (0, 0)


# --- the total --------------------------------------------------------------------------------------------------


def test_total_by_gate():
    def total(text, gate):
        return round(score_completion(text, row(), RewardConfig(gate=gate)).total, 6)

    right, lucky, wrong, bare = says(TRUE), says(FALSE), says(TRUE, "(B) right"), "(A) left"
    unread, both = says("Plain to see."), says(f"{TRUE} {FALSE}")
    texts = (right, lucky, wrong, bare, unread, both)
    assert [total(t, Gate.REASONING) for t in texts] == [1.7, 0.2, 0.2, 0, 0.2, 0.2]
    assert [total(t, Gate.LEARNING) for t in texts] == [1.7, 0.2, 0.2, 0, 1.2, 0.2]
    assert [total(t, Gate.ANSWER) for t in texts] == [1.7, 0.9, 0.2, 0, 1.2, 1.2]
    assert [total(t, Gate.OFF) for t in texts] == [1.7, 0.9, 0.5, 1.1, 1.2, 1.2]


def test_total_by_mode():
    def total(text, **config):
        return round(score_completion(text, row(), RewardConfig(**config)).total, 6)

    texts = (says(TRUE), says(FALSE), says(TRUE, "(B) right"), "(A) left", says("Plain to see."))
    summed = [total(t, mode="sum") for t in texts]
    assert summed == [total(t, gate="off") for t in texts] == [total(t, mode="sum", gate="learning") for t in texts]
    # Consistency and grounding are functions of their own, weighted by the multipliers.
    assert [total(t, mode="constraints") for t in texts] == [1.2, 1.2, 0.2, 0, 1.2]
    config = RewardConfig(mode="constraints", constraints={"start": 0.5})
    names = [function.name for function in make_reward_functions(config)]
    weights = dict(zip(names, reward_weights(config), strict=True))
    assert {name for name, weight in weights.items() if weight} == {"total", "consistent", "grounded"}
    assert weights["grounded"] == 0.5
    with pytest.raises(ValueError, match="thinking true"):
        RewardConfig(mode="constraints", thinking=False)


def test_a_right_answer_in_free_wording_never_earns_less_than_an_honest_wrong_one():
    wrong = score_completion(says(FALSE, "(B) right"), row()).total
    free = "A glance shows that our feline friend has taken the near-left place."
    assert score_completion(says(free), row()).total >= wrong
    assert score_completion(says(f"{TRUE} Well, or so I thought: {FALSE}"), row()).total >= wrong


def test_gate_closes_without_accuracy_or_format():
    weights = {"accuracy": 0, "format": 0, "qualitative": 0, "grounded": 1, "consistent": 1}
    for gate in (Gate.REASONING, Gate.ANSWER):
        config = {"weights": weights, "gate": gate}
        assert part("total", says(TRUE), **config) == 2
        assert part("total", says(TRUE, "(B) right"), **config) == 0
        assert part("total", "Well. " + says(TRUE), **config) == 0


def test_without_scene_the_answer_counts():
    bare = {name: row()[name] for name in ("question", "choices", "answer")}
    assert part("total", says("I look at it."), bare) == pytest.approx(1.2)
    assert part("total", says("I see two of it."), bare) == pytest.approx(0.1)


def test_total_without_thinking():
    assert part("total", "<answer>(A) left</answer>", thinking=False) == pytest.approx(1.1)
    assert part("total", "<answer>(B) right</answer>", thinking=False) == pytest.approx(0.1)
    assert part("total", "(A) left", thinking=False) == 0
    assert part("total", "(A) left", thinking=False, gate="off") == 1


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_the_data_sets_own_completion_earns_all(seed):
    data, question = random_row(seed)
    assert score_completion(question.completion, data).total == pytest.approx(1.7)
    # The other option, with the same reasoning.
    index = 1 - "AB".index(data["answer"][1])
    text = says(question.reasoning, f"({'AB'[index]}) {data['choices'][index]}")
    assert score_completion(text, data).total == pytest.approx(0.2)
    assert score_completion(*swapped_options(data, question.completion)[::-1]).total == pytest.approx(1.7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"soft_words": 50, "max_words": 50},
        {"repetition_limit": 0.1},
        {"gate": "sometimes"},
        {"weights": {"beauty": 1}},
    ],
)
def test_settings_that_do_not_fit(wrong):
    with pytest.raises(ValidationError):
        RewardConfig(**wrong)


# --- functions for TRL ------------------------------------------------------------------------------------------


def batch(*texts, data=None):
    """What TRL passes: messages and the columns as lists."""
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    columns = {name: [value] * len(texts) for name, value in (data or row()).items()}
    prompts = [[{"role": "user", "content": "?"}]] * len(texts)
    return {"prompts": prompts, "completions": completions, "completion_ids": [[1]] * len(texts)} | columns


def test_functions():
    functions = make_reward_functions()
    assert [f.__name__ for f in functions] == ["total", *PART_NAMES]
    assert reward_weights() == [1.0] + [0.0] * 7
    texts = [says(TRUE), says(FALSE, "(B) right"), "nonsense"]
    extra = {"trainer_state": None, "image": [None] * 3, "task": ["Relation"] * 3}
    for function in functions:
        values = function(**batch(*texts), **extra)
        assert values == [getattr(score_completion(text, row()), function.name) for text in texts]


def test_functions_without_thinking():
    config = RewardConfig(thinking=False)
    functions = make_reward_functions(config)
    assert [f.__name__ for f in functions] == ["total", "accuracy", "format"]
    assert len(reward_weights(config)) == 3
    assert functions[0](**batch("<answer>(A)</answer>")) == [pytest.approx(1.1)]


def test_plain_strings_and_parts_of_text():
    accuracy = RewardFunction("accuracy")
    given = batch("x") | {"completions": [says(TRUE)]}
    assert accuracy(**given) == [1]
    parts = [
        {"type": "text", "text": "<think>I look.</think>"},
        {"type": "text", "text": "<answer>(A)</answer>"},
    ]
    assert accuracy(**batch("x") | {"completions": [[{"role": "assistant", "content": parts}]]}) == [1]
    for odd in (None, [], 3, [None], {"content": None}, [{"role": "tool", "content": "(A)"}]):
        assert accuracy(**batch("x") | {"completions": [odd]}) == [0]


def test_batches_are_kept_apart():
    total = RewardFunction("total")
    other = row(answer="(B)")
    right, wrong = total(**batch(says(TRUE)))[0], total(**batch(says(TRUE), data=other))[0]
    assert right > wrong
    assert total(**batch(says(TRUE), says("I look."))) == [right, pytest.approx(0.2)]
    assert total(**batch()) == []


def test_log():
    metrics, extra = {}, {}
    RewardFunction("total")(
        **batch(says(f"{TRUE} {BESIDE_FALSE}"), "nonsense"),
        log_metric=metrics.__setitem__,
        log_extra=extra.__setitem__,
    )
    assert metrics["reward/answer_readable"] == metrics["reward/claims_read"] == metrics["reward/right"] == 0.5
    assert metrics["reward/right_counts"] == 0.5
    assert metrics["reward/claims_supported"] == metrics["reward/claims_contradicted"] == 0.5
    assert extra == {"answer_read": ["A", "none"], "claims": ["left: supported; below: contradicted", ""]}


def test_missing_columns_are_named():
    with pytest.raises(InputError, match=r"'choices' and 'answer'.*no answer"):
        RewardFunction("accuracy")(prompts=["?"], completions=["A"], choices=[["left", "right"]])
    with pytest.raises(InputError, match="beauty"):
        RewardFunction("beauty")


def test_same_text_same_parts():
    rng = random.Random(4)
    for _ in range(20):
        data, question = random_row(rng.getrandbits(32))
        assert score_completion(question.completion, data) == score_completion(question.completion, dict(data))


def test_the_gate_is_off_where_yaml_reads_off_as_false():
    assert RewardConfig.model_validate({"gate": False}).gate is Gate.OFF
    assert RewardConfig.model_validate({"gate": "off"}).gate is Gate.OFF
    with pytest.raises(ValueError, match="reasoning"):
        RewardConfig.model_validate({"gate": True})
