"""ReinforceSight's reward with the signatures of EasyR1 and verl."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).with_name("reward_code")))  # after installed packages
try:
    from reinforcesight.export.gold import score_answers
    from reinforcesight.grpo.reward import RewardConfig
except ModuleNotFoundError as error:
    raise ImportError(
        f"no module {error.name!r}: keep the folder reward_code next to this file; it needs numpy, pydantic and pyyaml"
    ) from error

# Constants that EasyR1 reads.
REWARD_NAME = "reinforcesight"
REWARD_TYPE = "batch"
# Weights, gate and lengths of the reward; change them here.
REWARD_CONFIG = RewardConfig()


def compute_score(
    reward_inputs: Sequence[Mapping[str, Any]] | Mapping[str, Any] | str | None = None,
    solution_str: str | None = None,
    ground_truth: str | None = None,
    extra_info: Mapping[str, Any] | None = None,
    *,
    data_source: str | None = None,
    data_sources: Sequence[str] | None = None,
    solution_strs: Sequence[str] | None = None,
    ground_truths: Sequence[str] | None = None,
    extra_infos: Sequence[Mapping[str, Any]] | None = None,
    **extra: Any,
) -> list[dict[str, float]] | dict[str, float]:
    """Score completions.

    Three signatures are accepted:

    * EasyR1: ``compute_score([{"response": ..., "ground_truth": ...}, ...])`` gives a dict per row with ``overall``
    and every part; one dict instead of the list gives one dict (for ``REWARD_TYPE = "sequential"``).
    * verl: ``compute_score(data_source=..., solution_str=..., ground_truth=..., extra_info=...)`` gives a dict with
    ``score`` and every part.
    * verl's batch manager: ``compute_score(data_sources=..., solution_strs=..., ground_truths=..., extra_infos=...)``
    gives a list of such dicts.

    Raises:
        InputError: A ground truth is not a record written by the export.
    """
    if solution_strs is not None:
        return score_answers(solution_strs, ground_truths or (), REWARD_CONFIG, total="score")
    if solution_str is not None:
        return score_answers([solution_str], [ground_truth], REWARD_CONFIG, total="score")[0]
    if isinstance(reward_inputs, Mapping):
        return score_answers([reward_inputs["response"]], [reward_inputs["ground_truth"]], REWARD_CONFIG)[0]
    if reward_inputs is None or isinstance(reward_inputs, str):
        raise TypeError("compute_score() wants EasyR1's reward inputs, or verl's solution_str and ground_truth")
    return score_answers(
        [item["response"] for item in reward_inputs],
        [item["ground_truth"] for item in reward_inputs],
        REWARD_CONFIG,
    )
