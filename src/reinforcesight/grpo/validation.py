"""Validation during training: accuracy of answers, faithfulness of reasoning, comparison with the start model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import binomtest
from transformers import TrainerCallback, TrainerControl, TrainerState

from reinforcesight.grpo.config import ValidationOptions
from reinforcesight.grpo.reward import RewardConfig, RewardParts, score_completion
from reinforcesight.grpo.reward.claims import ClaimVerdict
from reinforcesight.tuning.accuracy import JudgedAnswer, accuracy_metrics, judge_generated

BEST_METRIC = "right_and_faithful"
_WATCHED = ("eval_accuracy", "eval_faithful")


@dataclass(frozen=True)
class ValidatedAnswer:
    """A judged answer and the parts of its reward.

    ``faithful``: whether the answer follows from the claims about the question's pair and the scene contradicts no
    claim; ``None`` if unknown.
    """

    judged: JudgedAnswer
    parts: RewardParts
    faithful: bool | None

    def as_line(self) -> dict[str, Any]:
        scored = {name: getattr(self.parts, name) for name in ("qualitative", "grounded", "consistent", "total")}
        return {**asdict(self.judged), **scored, "faithful": self.faithful}


def validate(
    model: Any,
    processor: Any,
    rows: Any,
    options: ValidationOptions,
    rewards: RewardConfig,
    *,
    on_batch: Callable[[int], object] | None = None,
) -> list[ValidatedAnswer]:
    """Answer the rows greedily with a ``model`` in evaluation mode. All processes get all answers."""
    judged = judge_generated(model, processor, rows, options, on_batch=on_batch)
    return [_check(answer, rows[at], rewards) for at, answer in enumerate(judged)]


def _check(answer: JudgedAnswer, row: Mapping[str, Any], rewards: RewardConfig) -> ValidatedAnswer:
    parts = score_completion(answer.text, row, rewards)
    faithful: bool | None = None
    if parts.consistent is not None:
        contradicted = any(claim.verdict is ClaimVerdict.CONTRADICTED for claim in parts.claims)
        faithful = parts.consistent == 1.0 and not contradicted
    return ValidatedAnswer(answer, parts, faithful)


def validation_metrics(answers: Sequence[ValidatedAnswer]) -> dict[str, float]:
    """Return the mean of each metric over the answers to which it applies, with TRL's prefix ``eval_``."""
    metrics = accuracy_metrics([answer.judged for answer in answers])
    right = [answer.judged.correct and answer.faithful is not False for answer in answers]
    metrics[f"eval_{BEST_METRIC}"] = _mean(right)
    metrics["eval_finished"] = _mean([answer.judged.finished for answer in answers])
    metrics["eval_words"] = _mean([len(answer.judged.text.split()) for answer in answers])
    values: dict[str, list[float]] = {
        "eval_faithful": [float(a.faithful) for a in answers if a.faithful is not None],
        "eval_reward": [a.parts.total for a in answers if a.parts.total is not None],
    }
    for part in ("qualitative", "grounded", "consistent"):
        values[f"eval_{part}"] = [value for a in answers if (value := getattr(a.parts, part)) is not None]
    return metrics | {name: _mean(found) for name, found in values.items() if found}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def compare_with_start(start: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Compare the answers of two evaluations of the same questions.

    Returns:
        For ``correct`` and ``faithful``: questions won and lost, the change of the fraction, and the two-sided exact
        p-value of McNemar's test.
    """
    before = {line["id"]: line for line in start}
    result: dict[str, Any] = {}
    for name in ("correct", "faithful"):
        pairs = [
            (before[line["id"]][name], line[name])
            for line in after
            if line["id"] in before and line[name] is not None and before[line["id"]][name] is not None
        ]
        if not pairs:
            continue
        won = sum(new and not old for old, new in pairs)
        lost = sum(old and not new for old, new in pairs)
        result[name] = {
            "questions": len(pairs),
            "won": won,
            "lost": lost,
            "change": (won - lost) / len(pairs),
            "p_value": float(binomtest(won, won + lost).pvalue) if won + lost else 1.0,
        }
    return result


def fallen(history: Sequence[Mapping[str, float]], options: ValidationOptions) -> str | None:
    """Return the first watched metric below its best for ``patience`` validations in a row, or ``None``."""
    if options.patience is None:
        return None
    for name in _WATCHED:
        values = [line[name] for line in history if name in line]
        earlier, latest = values[: -options.patience], values[-options.patience :]
        if earlier and all(value < max(earlier) - options.tolerance for value in latest):
            return name
    return None


class StopOnFall(TrainerCallback):
    """Stops training early when accuracy or faithfulness falls, and always validates at the last step."""

    def __init__(self, options: ValidationOptions, start: Mapping[str, float]) -> None:
        self.options = options
        self.start = start
        self.reason: str | None = None

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step >= state.max_steps:
            control.should_evaluate = True

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        history = [self.start, *(line for line in state.log_history if "eval_accuracy" in line)]
        self.reason = fallen(history, self.options)
        if self.reason is not None:
            control.should_training_stop = control.should_save = True
