"""ReinforceSight's reward for r1_vlm: return :func:`get_rubric` from an environment's method ``get_rubric``.

Every completion is scored against the record in its own prompt, which has the answer and scene. The trainer's columns
are ignored, since on one of its branches they all come from the first row of the batch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).with_name("reward_code")))  # after installed packages
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
    """Return the total reward as the only function, since the trainer sums all functions that it gets."""
    return [total]


def get_rubric_with_parts() -> tuple[Sequence[RubricFunction], list[float]]:
    """Return the total with all its parts for the log, and the weights: 1 for the total, 0 for the parts."""
    functions = make_rubric(REWARD_CONFIG)
    return functions, [1.0] + [0.0] * (len(functions) - 1)
