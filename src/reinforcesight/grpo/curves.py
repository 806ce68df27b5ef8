"""The curves of a GRPO run in ``report.html``."""

from __future__ import annotations

from reinforcesight.grpo.reward import RewardFunction
from reinforcesight.tuning.records.report import Chart


def _part(name: str) -> str:
    """Return the name under which TRL logs the mean of a part of the reward."""
    return f"rewards/{RewardFunction(name).__name__}/mean"


GRPO_CHARTS = (
    Chart("Reward", {"reward": "sampled", "eval_reward": "held-out", "reward_std": "std of a group"}),
    Chart(
        "Parts of the reward: the answer",
        {_part("accuracy"): "accuracy", _part("format"): "format", _part("qualitative"): "number-free"},
    ),
    Chart("Parts of the reward: the reasoning", {_part("grounded"): "grounded", _part("consistent"): "consistent"}),
    Chart("Parts of the reward: penalties", {_part("over_length"): "over length", _part("repetition"): "repetition"}),
    Chart(
        "Multipliers of the constraints",
        {"constraints/consistent_multiplier": "consistent", "constraints/grounded_multiplier": "grounded"},
        optional=True,
    ),
    Chart(
        "How far the reasoning is below its constraints",
        {"constraints/consistent_below": "consistent", "constraints/grounded_below": "grounded"},
        optional=True,
    ),
    Chart("Twins answered right both times", {"twins/both_right": "share of pairs"}, optional=True),
    Chart(
        "What the gate finds, share of completions",
        {
            "reward/claims_read": "reasoning with a readable claim",
            "reward/right": "right answers",
            "reward/right_counts": "right answers that count",
        },
    ),
    Chart(
        "Held-out accuracy",
        {
            "eval_accuracy": "accuracy",
            "eval_parse_rate": "parsed",
            "eval_right_and_faithful": "right and faithful",
        },
    ),
    Chart(
        "Held-out faithfulness",
        {
            "eval_faithful": "faithful",
            "eval_consistent": "consistent",
            "eval_grounded": "grounded",
            "eval_qualitative": "number-free",
        },
    ),
    Chart(
        "Completion length, tokens",
        {
            "completions/mean_length": "mean",
            "completions/min_length": "shortest",
            "completions/max_length": "longest",
        },
    ),
    Chart("Completions cut off by the token limit", {"completions/clipped_ratio": "share"}),
    Chart("Entropy, nats per token", {"entropy": "entropy"}),
    Chart("KL divergence from the starting model, nats per token", {"kl": "KL"}),
    Chart(
        "Groups whose rewards are all equal",
        {
            "frac_reward_zero_std": "all draws",
            "resampling/zero_variance_share": "first draw",
            "resampling/zero_variance_share_after": "left in the step",
        },
    ),
    Chart("Loss", {"loss": "loss"}),
    Chart("Learning rate", {"learning_rate": "learning rate"}),
)
