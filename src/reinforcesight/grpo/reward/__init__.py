"""The reward of GRPO, computed part by part and checked against the scene of the picture."""

from reinforcesight.grpo.reward.config import ConstraintOptions, Gate, RewardConfig, RewardMode, RewardWeights
from reinforcesight.grpo.reward.score import (
    CONSTRAINED,
    PART_NAMES,
    REWARD_COLUMNS,
    RewardFunction,
    RewardParts,
    claim_pieces,
    claim_spans,
    make_reward_functions,
    reward_weights,
    score_batch,
    score_completion,
    score_rows,
    text_of_completion,
)

__all__ = [
    "CONSTRAINED",
    "PART_NAMES",
    "REWARD_COLUMNS",
    "ConstraintOptions",
    "Gate",
    "RewardConfig",
    "RewardFunction",
    "RewardMode",
    "RewardParts",
    "RewardWeights",
    "claim_pieces",
    "claim_spans",
    "make_reward_functions",
    "reward_weights",
    "score_batch",
    "score_completion",
    "score_rows",
    "text_of_completion",
]
