"""ReinforceSight's reward for r1_vlm: an environment's ``get_rubric`` returns what :func:`get_rubric` here returns.

Every completion is graded against the question of its own prompt, which carries its answer and scene; the columns that
the trainer hands over are not read, since on one of its branches they all come from the batch's first row.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).with_name("reward_code")))  # behind what is installed
try:
    from reinforcesight.export.rubric import RubricFunction, make_rubric
    from reinforcesight.grpo.reward import RewardConfig
except ModuleNotFoundError as error:
    raise ImportError(
        f"no module {error.name!r}: keep the folder reward_code next to this file; it needs numpy, pydantic and pyyaml"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Sequence

# Weights, gate and lengths of the reward; change them here.
REWARD_CONFIG = RewardConfig()

total, accuracy, format, qualitative, grounded, consistent, over_length, repetition = make_rubric(REWARD_CONFIG)


def get_rubric() -> Sequence[RubricFunction]:
    """The gated total, which is what is to be trained on; the trainer adds its functions up."""
    return [total]


def get_rubric_with_parts() -> tuple[Sequence[RubricFunction], list[float]]:
    """The total and all its parts for the log, and the weights (one, and zeros) that must go with them."""
    functions = make_rubric(REWARD_CONFIG)
    return functions, [1.0] + [0.0] * (len(functions) - 1)
