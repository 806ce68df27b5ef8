"""Twins in GRPO: in one step, with a bonus for pairs that are right both times."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from grpo_support import settings, smallest_model, write_scenes
from hypothesis import given
from hypothesis import strategies as st

from reinforcesight.data_gen.dataset.twins import pairs_of, twin_name
from reinforcesight.errors import ConfigError
from reinforcesight.grpo.reward.twins import order_with_pairs, pair_bonus, with_twins
from reinforcesight.grpo.trainer import train_grpo
from reinforcesight.jobs.record import read_metrics


def test_the_name_is_read_from_the_evidence():
    assert twin_name(json.dumps({"twin": {"id": "a", "made_by": "mirrored", "moved": None}})) == "a"
    assert twin_name(json.dumps({"axis": "depth"})) is None
    assert twin_name(None) is None
    assert twin_name('{"twin": 3}') is None
    assert twin_name('"twin" {') is None


def test_a_question_whose_twin_was_removed_is_single():
    assert pairs_of(["a", None, "b", "a"]) == [(0, 3)]


def test_the_twin_of_a_kept_question_is_kept():
    assert with_twins([1, 2], ["a", None, "b", "a", "b"]) == [1, 2, 4]


@given(pairs=st.integers(0, 9), singles=st.integers(0, 9), per_step=st.integers(2, 6), seed=st.integers(0, 99))
def test_twins_are_in_the_same_step(pairs, singles, per_step, seed):
    names = [f"{at // 2}" for at in range(2 * pairs)] + [None] * singles
    order = order_with_pairs(names, per_step, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(names)))
    place = {at: where // per_step for where, at in enumerate(order)}
    divided = sum(place[first] != place[second] for first, second in pairs_of(names))
    if per_step % 2 == 0 and singles == 0:
        assert divided == 0
    # Only without a question left to fill a step is a pair divided.
    first_divided = min((place[a] for a, b in pairs_of(names) if place[a] != place[b]), default=None)
    if first_divided is not None:
        assert all(names[at] is not None for at in order[(first_divided + 1) * per_step :])


def test_the_bonus_is_the_chance_that_both_are_right():
    right = torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    names = ["p", "p", "p", "p", None, None, "q", "q"]
    ids = ["a", "a", "b", "b", "c", "c", "d", "d"]
    assert pair_bonus(right, names, ids, 2).tolist() == [1.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    # The same question drawn twice is no pair.
    assert pair_bonus(right[:4], names[:4], ["a"] * 4, 2).tolist() == [0.0] * 4


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return smallest_model(tmp_path_factory.mktemp("tiny"))


def test_each_step_has_whole_pairs(tiny, tmp_path, monkeypatch):
    asked = []
    from reinforcesight.grpo.grpo_trainer import SpatialGrpoTrainer

    present = SpatialGrpoTrainer._twin_shares
    monkeypatch.setattr(
        SpatialGrpoTrainer,
        "_twin_shares",
        lambda self, inputs, texts: asked.append([row["evidence"] for row in inputs]) or present(self, inputs, texts),
    )
    data = write_scenes(tmp_path / "data", validation=0, twins=True)
    train_grpo(settings(data, tiny, tmp_path / "run", max_steps=3, rewards={"twin_bonus": 1.0}))
    assert len(asked) == 3
    assert all(len({twin_name(text) for text in texts}) == 1 for texts in asked)
    logged = [line["twins/both_right"] for line in read_metrics(tmp_path / "run") if "twins/both_right" in line]
    assert len(logged) == 3


def test_a_bonus_without_twins_is_refused(tiny, tmp_path):
    data = write_scenes(tmp_path / "data", validation=0)
    with pytest.raises(ConfigError, match="none of the training questions are twins"):
        train_grpo(settings(data, tiny, tmp_path / "run", rewards={"twin_bonus": 1.0}))
