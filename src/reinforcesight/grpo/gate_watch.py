"""Warn early if the reward's gate counts almost no correct answer, since nothing can then be learnt."""

from __future__ import annotations

from typing import Any

import click
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from reinforcesight.grpo.reward import Gate, RewardConfig
from reinforcesight.jobs.record import RunRecord

_FIRST_STEPS = 20
_RIGHT_ANSWERS = 16  # minimum number of correct answers before the fraction is judged
_LOWEST_SHARE = 0.1


class WatchGate(TrainerCallback):
    """Warns once, in the first steps, on the terminal and in the run's record."""

    def __init__(self, record: RunRecord, rewards: RewardConfig) -> None:
        self._record = record
        self._gate = rewards.condition
        self._watching = rewards.thinking and rewards.condition in (Gate.REASONING, Gate.LEARNING)
        self._step = 0
        # Numbers of completions: all, correct, correct and counted by the gate, and with a readable claim.
        self._seen = self._right = self._counted = self._read = 0.0

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        logs: dict[str, Any] = kwargs.get("logs") or {}
        if not self._watching or "reward/right" not in logs:
            return
        arguments: Any = args
        completions = arguments.generation_batch_size * max(1, state.global_step - self._step)
        self._step = state.global_step
        self._seen += completions
        self._right += completions * logs["reward/right"]
        self._counted += completions * logs["reward/right_counts"]
        self._read += completions * logs["reward/claims_read"]
        if self._right >= _RIGHT_ANSWERS:
            self._watching = False
            if self._counted < _LOWEST_SHARE * self._right and state.is_world_process_zero:
                self._warn()
        elif state.global_step > _FIRST_STEPS:
            self._watching = False

    def _warn(self) -> None:
        other = " or learning" if self._gate is Gate.REASONING else ""
        warning = (
            f"the gate counts {self._counted / self._right:.0%} of the right answers of the first {self._step} steps, "
            f"so they hardly earn more than wrong ones ({self._read / self._seen:.0%} of the completions state a claim "
            f"that can be read). Run SFT first, or use rewards.gate answer{other}"
        )
        self._record.content["warning"] = warning
        self._record.save()
        click.echo(f"WARNING: {warning}", err=True)
