"""Pass rates of the start model: kept in a file, gone on with, used again, and what is left of the questions."""

from __future__ import annotations

import json

import pytest
import torch
from grpo_support import smallest_model, write_scenes

from reinforcesight.errors import InputError, OutputError
from reinforcesight.grpo.config import DifficultyOptions
from reinforcesight.grpo.data import QUESTION_COLUMNS, QuestionView
from reinforcesight.grpo.difficulty import PassRate, choose_questions, rate_questions, read_rates
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.tuning.data import encoded_rows, load_training_data


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("difficulty")
    loaded = load_model(ModelConfig(model_path=str(smallest_model(folder / "tiny"))))
    rows = encoded_rows(load_training_data(str(write_scenes(folder / "data"))).train, QUESTION_COLUMNS)
    return loaded, QuestionView(rows, thinking=True)


def rate(asked, path, **changes):
    loaded, view = asked
    settings = {
        "path": path,
        "depends_on": {"model": "m", "data": "d"},
        "temperature": 1.0,
        "max_new_tokens": 2,
        "seed": 0,
    }
    options = DifficultyOptions(samples=2, batch_size=4)
    return rate_questions(loaded.model, loaded.processor, view, options, **(settings | changes))


def test_rates_are_kept_gone_on_with_and_used_again(asked, tmp_path):
    path = tmp_path / "rates.jsonl"
    blocks = []
    state = torch.get_rng_state()
    rates = rate(asked, path, on_block=blocks.append)
    assert torch.equal(state, torch.get_rng_state()), "training's random numbers are untouched"
    assert blocks == [2, 4, 6, 8]
    assert set(rates) == set(asked[1].ids)
    whole = path.read_text()
    # A kill in the middle of a line costs that line's block.
    lines = whole.splitlines(keepends=True)
    path.write_text("".join(lines[:5]) + lines[5][:9])
    blocks.clear()
    assert rate(asked, path, on_block=blocks.append) == rates
    assert blocks == [6, 8]
    assert path.read_text() == whole
    blocks.clear()
    assert rate(asked, path, on_block=blocks.append) == rates
    assert blocks == []
    assert read_rates(path) == rates


def test_a_stop_keeps_what_is_done(asked, tmp_path):
    path = tmp_path / "rates.jsonl"
    assert rate(asked, path, stopped=lambda: True) is None
    assert len(read_rates(path)) == 2


def test_rates_of_another_model_are_refused(asked, tmp_path):
    path = tmp_path / "rates.jsonl"
    rate(asked, path, stopped=lambda: True)
    with pytest.raises(OutputError, match="model was 'm', now 'other'"):
        rate(asked, path, depends_on={"model": "other", "data": "d"})
    path.write_text("no header\n")
    with pytest.raises(OutputError, match="can't be read"):
        rate(asked, path)


def test_a_model_that_answers_is_rated_by_the_judge(asked, tmp_path):
    """A pass rate is the share that the judge finds right, of the samples drawn."""
    path = tmp_path / "rates.jsonl"
    for found in rate(asked, path).values():
        assert 0 <= found.right <= found.readable <= found.samples == 2
    header = json.loads(path.read_text().splitlines()[0])
    assert header["samples"] == 2
    assert header["model"] == "m"


def rated(*right):
    return {f"q{at}": PassRate(f"q{at}", n, 8, 8) for at, n in enumerate(right)}


def test_all_right_and_all_wrong_are_left_out():
    rates = rated(0, 1, 8, 7, 4)
    kept, counts = choose_questions([*rates, "unrated"], rates, DifficultyOptions())
    assert kept == [1, 3, 4]
    assert counts == {"rated": 5, "kept": 3, "too_hard": 1, "too_easy": 1, "mean_pass_rate": 0.5}
    narrow = DifficultyOptions(min_pass_rate=0.2, max_pass_rate=0.8)
    assert choose_questions(list(rates), rates, narrow)[0] == [4]


def test_nothing_left_is_said():
    with pytest.raises(InputError, match=r"none of 2 questions is left: 1 are too hard .* 1 too easy"):
        choose_questions(["q0", "q1"], rated(0, 8), DifficultyOptions())


def test_a_damaged_rate_is_rated_again(asked, tmp_path):
    path = tmp_path / "rates.jsonl"
    rates = rate(asked, path)
    whole = path.read_text()
    path.write_text(whole.replace('"right": 0', '"right": 2', 1))
    assert whole != path.read_text()
    assert len(read_rates(path)) == len(rates) - 1
    assert rate(asked, path) == rates
