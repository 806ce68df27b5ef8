"""A completion is split into reasoning and answer, well formed or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinforcesight.judge.blocks import opened_block, split_completion, with_opened_block
from reinforcesight.protocol import completion_text


@pytest.mark.parametrize(
    ("text", "reasoning", "answer", "exact"),
    [
        ("<think>It is left.</think><answer>(A) left</answer>", "It is left.", "(A) left", True),
        (" <think>It is left.</think>\n<answer>(A) left</answer>\n", "It is left.", "(A) left", True),
        ("<think>It is left.</think>\n<answer>(A) left", "It is left.", "(A) left", False),
        ("<think>It is left.<answer>(A) left</answer>", "It is left.", "(A) left", False),
        ("It is left.</think><answer>(A) left</answer>", "It is left.", "(A) left", False),
        ("<think>It is left.</think>(A) left", "It is left.", "(A) left", False),
        ("<think>[THINK]</think><answer>(A) left</answer>", "[THINK]", "(A) left", False),
        ("<think><answer>B</answer></think><answer>A</answer>", "<answer>B</answer>", "A", False),
        ("<think>It is", "It is", "", False),
        ("<answer>B</answer> no, <answer>A</answer>", "", "A", False),
        ("(B)", "", "(B)", False),
        ("", "", "", False),
    ],
)
def test_split(text, reasoning, answer, exact):
    blocks = split_completion(text)
    assert (blocks.reasoning, blocks.answer, blocks.exact) == (reasoning, answer, exact)
    assert text[blocks.offset :].startswith(reasoning)


def test_an_answer_alone():
    assert split_completion(" <answer>A</answer>", thinking=False).exact
    assert not split_completion("<answer>A</answer>").exact
    assert not split_completion("<think>x</think><answer>A</answer>", thinking=False).exact


def test_all_answer_blocks_are_kept():
    assert split_completion("<answer>B</answer> no, <answer>A</answer>").answers == ("B", "A")


parts = st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "a", " "]), max_size=12)


@given(parts.map("".join))
def test_any_order_of_tags(text):
    blocks = split_completion(text)
    assert text[blocks.offset :].startswith(blocks.reasoning)
    assert blocks.answer in text or not blocks.exact


@given(st.text("ab .", min_size=1), st.text("ab .", min_size=1))
def test_what_the_protocol_writes_is_read_back(reasoning, answer):
    blocks = split_completion(completion_text(reasoning, answer))
    assert (blocks.exact, blocks.reasoning, blocks.answer) == (True, reasoning, answer)


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("user: ?\nassistant:", ""),
        ("user: ?\nassistant:<think>", "<think>"),
        ("user: ?\nassistant:\n<think>\n", "<think>\n"),
        ("user: ?\nassistant:<think>\n\n</think>\n\n", ""),
        ("use <think> </think> tags", ""),
    ],
)
def test_a_prompt_that_ends_inside_the_block(prompt, opened):
    assert opened_block(prompt) == opened


def test_a_completion_gets_the_tag_of_its_prompt_once():
    assert split_completion(with_opened_block("It is left.</think><answer>A</answer>")).exact
    assert with_opened_block(" <think>It is") == " <think>It is"
    assert with_opened_block("It is", "<think>\n") == "<think>\nIt is"
