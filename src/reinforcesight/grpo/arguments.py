"""TRL's arguments for GRPO."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from reinforcesight.errors import ConfigError, require_module
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.reward import reward_weights
from reinforcesight.grpo.validation import BEST_METRIC
from reinforcesight.model.chat import suppressed_token_ids
from reinforcesight.model.load import resolve_path
from reinforcesight.tuning.settings.arguments import trl_arguments

_NEVER = -100.0  # the lowest bias that vLLM accepts


def grpo_arguments(config: GrpoConfig, has_validation: bool) -> Any:
    """Return TRL's ``GRPOConfig``; ``suppress_vision_tokens`` completes it.

    Raises:
        ConfigError: TRL or transformers refuse a name or a value.
        MissingDependencyError: The configuration requires vLLM, which is not installed.
    """
    vllm = uses_vllm(config)
    if vllm:
        require_module("vllm", extra="vllm")
    return trl_arguments(
        config,
        best_metric=BEST_METRIC if has_validation else None,
        use_vllm=vllm,
        reward_weights=reward_weights(config.rewards),
        trust_remote_code=config.model.trust_remote_code,
        model_init_kwargs=_reference_arguments(config),
        # Validation does not use TRL's loop; a batch size of 1 satisfies TRL's check.
        num_generations_eval=1,
    )


def check_numbers(config: GrpoConfig, arguments: Any, rows: int) -> None:
    """Check batches, groups and questions against each other, before a model is loaded and questions are rated.

    Raises:
        ConfigError: A step needs more questions than there are, or resampling has no complete groups.
    """
    per_round = arguments.generation_batch_size // arguments.num_generations
    questions = min(rows, config.difficulty.questions or rows)
    if questions < per_round:
        raise ConfigError(
            f"{questions} questions are fewer than the {per_round} of one step",
            where="per_device_train_batch_size x gradient_accumulation_steps / num_generations",
            fix="use smaller steps or more questions",
        )
    if config.rewards.twin_bonus and per_round < 2:
        raise ConfigError(
            "a step has one question, so twins can't be in the same step",
            where="rewards.twin_bonus",
            fix="make per_device_train_batch_size x gradient_accumulation_steps at least twice num_generations",
        )
    local = arguments.generation_batch_size // PartialState().num_processes
    if config.resample_rounds and local % arguments.num_generations:
        raise ConfigError(
            f"each process samples {local} completions, which are not whole groups of {arguments.num_generations}",
            where="resample_rounds",
            fix="make per_device_train_batch_size x gradient_accumulation_steps a multiple of num_generations, "
            "or use --resample_rounds 0",
        )


def uses_vllm(config: GrpoConfig) -> bool:
    """Return whether vLLM generates: as configured, or by default if it is available."""
    given = config.trainer["use_vllm"]
    if given is not None:
        return bool(given)
    return torch.cuda.is_available() and find_spec("vllm") is not None and config.model.quantization != "8bit"


def suppress_vision_tokens(arguments: Any, processor: Any) -> None:
    """Keep image, video and vision tokens out of completions, with the option of the engine that generates.

    After a sampled placeholder, the next forward pass would expect a picture that is not there.
    """
    ids = suppressed_token_ids(processor)
    never: dict[str, Any]
    if not arguments.use_vllm:
        never = {"suppress_tokens": ids}
    elif arguments.vllm_mode == "colocate":
        never = {"logit_bias": dict.fromkeys(ids, _NEVER)}
    else:
        # The server receives JSON, whose keys are strings, so a bias by token id would be lost.
        never = {"bad_words": processor.tokenizer.convert_ids_to_tokens(ids)}
    given = dict(arguments.generation_kwargs or {})
    if taken := sorted(given.keys() & {"suppress_tokens", "logit_bias", "bad_words"}):
        raise ConfigError(
            f"{taken[0]} can't be set: it keeps vision tokens out of completions",
            where="trainer.generation_kwargs",
        )
    arguments.generation_kwargs = given | never


def _reference_arguments(config: GrpoConfig) -> dict[str, Any] | None:
    """Return arguments for TRL's reference model in full fine-tuning (KL term), which needs the same revision."""
    local = Path(resolve_path(config.model_path)).is_dir()
    needed = config.tuning == "full" and config.trainer["beta"] and config.model.revision is not None
    return {"revision": config.model.revision} if needed and not local else None
