"""Multipliers of the constraints: one step of dual ascent, limits, and where a checkpoint keeps them."""

from __future__ import annotations

import json
import math

import pytest
import torch
from transformers import TrainerState

from reinforcesight.grpo.reward import ConstraintOptions
from reinforcesight.grpo.reward.constraints import ConstraintMultipliers

NAMES = ["total", "accuracy", "grounded", "consistent"]


def multipliers(**options):
    weights = torch.tensor([1.0, 0.0, 0.2, 0.2])
    return ConstraintMultipliers(ConstraintOptions(**options), NAMES, weights), weights


def test_a_multiplier_rises_while_its_mean_is_too_low_and_falls_otherwise():
    learnt, weights = multipliers(consistent=0.9, grounded=0.5, learning_rate=0.5)
    logged = learnt.ascend({"consistent": 0.5, "grounded": 0.7}, TrainerState())
    assert weights.tolist() == pytest.approx([1.0, 0.0, 0.1, 0.4])
    assert logged["constraints/consistent_multiplier"] == pytest.approx(0.2)  # that of this step's rewards
    assert logged["constraints/consistent_below"] == pytest.approx(0.4)


def test_multipliers_stay_between_zero_and_their_limit():
    learnt, _ = multipliers(learning_rate=100, largest=3)
    learnt.ascend({"consistent": 0.0, "grounded": 1.0}, TrainerState())
    assert learnt.values == {"consistent": 3.0, "grounded": 0.0}


def test_a_part_that_applies_to_nothing_changes_no_multiplier():
    learnt, _ = multipliers()
    rewards = torch.tensor([[1.0, 1.0, math.nan, 1.0], [1.0, 1.0, math.nan, 0.0]])
    means = learnt.means(rewards)
    assert means["consistent"] == 0.5
    logged = learnt.ascend(means, TrainerState())
    assert learnt.values["grounded"] == pytest.approx(0.2)
    assert "constraints/grounded_below" not in logged


def test_a_checkpoint_restores_the_multipliers(tmp_path):
    learnt, _ = multipliers()
    state = TrainerState()
    learnt.ascend({"consistent": 0.1, "grounded": 0.1}, state)
    state.save_to_json(str(tmp_path / "trainer_state.json"))
    assert "constraint_multipliers" in json.loads((tmp_path / "trainer_state.json").read_text())["stateful_callbacks"]
    resumed, weights = multipliers()
    resumed.on_train_begin(None, TrainerState.load_from_json(str(tmp_path / "trainer_state.json")), None)
    assert resumed.values == learnt.values
    assert weights[0] == 1.0
