"""Constraints on reasoning whose multipliers are learnt by dual ascent, as in Faithful GRPO (arXiv:2604.08476).

The constraints are checked exactly, by comparing the claims of the reasoning with the scene, without a judge model. A
multiplier is the entry of its part in TRL's ``reward_weights``, so the trainer needs no other change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from reinforcesight.grpo.reward.config import ConstraintOptions
from reinforcesight.grpo.reward.score import CONSTRAINED

# Key in trainer_state.json, which every checkpoint has. Not the name of the class: the Trainer would then build the
# callback anew, without its arguments.
_STORED = "constraint_multipliers"


class ConstraintMultipliers(TrainerCallback):
    """Multipliers that grow while a mean is below its target, and shrink (to 0 at least) while it is above.

    Args:
        options: Targets, step size and limits.
        names: Names of the trainer's reward functions.
        weights: The trainer's ``reward_weights`` (F,), which are changed in place.
    """

    def __init__(self, options: ConstraintOptions, names: Sequence[str], weights: torch.Tensor) -> None:
        self._options = options
        self._places = {name: list(names).index(name) for name in CONSTRAINED}
        self._weights = weights

    @property
    def values(self) -> dict[str, float]:
        return {name: float(self._weights[at]) for name, at in self._places.items()}

    def means(self, rewards: torch.Tensor) -> dict[str, float]:
        """Return the mean of each constrained part; ``rewards`` (N, F) is of all processes."""
        return {name: float(torch.nanmean(rewards[:, at])) for name, at in self._places.items()}

    def ascend(self, means: dict[str, float], state: TrainerState) -> dict[str, float]:
        """Take one step of dual ascent, note it for the next checkpoint, and return metrics.

        A part that applies to no completion (NaN) leaves its multiplier as it is.
        """
        metrics: dict[str, float] = {}
        options = self._options
        for name, at in self._places.items():
            below = getattr(options, name) - means[name]
            metrics[f"constraints/{name}_multiplier"] = float(self._weights[at])
            if math.isnan(below):
                continue
            metrics[f"constraints/{name}_below"] = below
            stepped = float(self._weights[at]) + options.learning_rate * below
            self._weights[at] = min(max(stepped, 0.0), options.largest)
        stored: Any = state.stateful_callbacks
        stored[_STORED] = {"args": {}, "attributes": self.values}
        return metrics

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Restore the multipliers of the checkpoint from which the run resumes."""
        stored: Any = state.stateful_callbacks
        for name, value in stored.get(_STORED, {}).get("attributes", {}).items():
            self._weights[self._places[name]] = value
