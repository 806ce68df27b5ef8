"""Faithfulness in evaluation: nothing is gated, and what can't be told is left out."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reward_samples import random_row, row, says

from reinforcesight.grpo.reward.faithfulness import faithfulness, faithfulness_metrics


@pytest.mark.parametrize(
    ("text", "consistent", "grounded"),
    [
        (says("The cat is left of the dog."), True, True),
        (says("The cat is right of the dog.", "(B) right"), True, False),
        (says("The cat is left of the dog.", "(B) right"), False, True),
        (says("The cat is left of the dog. The cat is right of the dog."), False, False),
        (says("The black bird is above the dog."), None, True),
        (says("The cat is in front of the dog."), None, None),
        (says("I look."), None, None),
        (says("The cat is left of the dog.", "who knows"), None, True),
        # Without any tags: what precedes the answer is the reasoning.
        ("The cat is left of the dog. <answer>(A)</answer>", True, True),
        ("", None, None),
    ],
)
def test_faithfulness(text, consistent, grounded):
    result = faithfulness(text, row())
    assert (result.consistent, result.grounded) == (consistent, grounded)


def test_counts_and_numbers():
    result = faithfulness(
        says("The cat is two steps left of it. The cat is left of the dog, and the dog is right of the cat."),
        row(),
    )
    assert (result.supported, result.contradicted, result.unknown, result.number_free) == (1, 0, 0, False)
    assert faithfulness("<think></think><answer>(A)</answer>", row()).number_free is None
    assert (
        faithfulness(says("The cat is left of the dog."), {"choices": ["left", "right"], "answer": "A"}).consistent
        is None
    )


@dataclass(frozen=True)
class Item:
    question: str
    choices: tuple[str, ...]
    gold: str
    scene: str | None
    evidence: str | None


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_metrics_of_the_data_sets_own_completions(seed):
    data, question = random_row(seed)
    item = Item(data["question"], tuple(data["choices"]), data["answer"][1], data["scene"], data["evidence"])
    metrics = faithfulness_metrics(item, question.completion)
    assert metrics["consistent"] == metrics["grounded"] == metrics["number_free"] == 1
    assert metrics["claims_supported"] >= 1
    assert metrics["claims_contradicted"] == 0
    assert faithfulness_metrics(Item(item.question, item.choices, item.gold, None, None), "x") == {}
