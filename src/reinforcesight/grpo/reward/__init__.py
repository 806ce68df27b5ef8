"""The reward of GRPO, computed part by part and checked against the scene of the picture."""

from reinforcesight.grpo.reward.config import Gate, RewardConfig, RewardWeights
from reinforcesight.grpo.reward.score import (
    PART_NAMES,
    RewardFunction,
    RewardParts,
    claim_spans,
    make_reward_functions,
    reward_weights,
    score_batch,
    score_completion,
    text_of_completion,
)

__all__ = [
    "PART_NAMES",
    "Gate",
    "RewardConfig",
    "RewardFunction",
    "RewardParts",
    "RewardWeights",
    "claim_spans",
    "make_reward_functions",
    "reward_weights",
    "score_batch",
    "score_completion",
    "text_of_completion",
]
