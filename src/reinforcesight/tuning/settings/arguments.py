"""TRL's config object, built from the section ``trainer:`` and the project's own values."""

from __future__ import annotations

from typing import Any

import torch
from transformers import get_scheduler

from reinforcesight.errors import ConfigError
from reinforcesight.tuning.settings.config import TrainingConfig


def trl_arguments(config: TrainingConfig, *, best_metric: str | None, **set_here: Any) -> Any:
    """Return TRL's ``SFTConfig`` or ``GRPOConfig``.

    Args:
        best_metric: Metric that selects the best checkpoint; ``None`` without a validation split.
        set_here: Arguments that the user can't set.

    Raises:
        ConfigError: TRL or transformers refuse a name or a value.
    """
    given = config.checked_trainer()
    given.pop("save_total_limit", None)  # CheckpointKeeper removes old checkpoints
    cuda = torch.cuda.is_available()
    if given.get("bf16") is None:
        given["bf16"] = cuda and torch.cuda.is_bf16_supported() and not given.get("fp16")
    values: dict[str, Any] = {
        "per_device_eval_batch_size": given["per_device_train_batch_size"],
        "use_cpu": not cuda,
        **given,
        "output_dir": config.output,
        "seed": config.seed,
        "remove_unused_columns": False,
        "eval_strategy": "no" if best_metric is None else "steps",
        "metric_for_best_model": best_metric,
        "greater_is_better": None if best_metric is None else True,
        "restore_callback_states_from_checkpoint": True,
        **set_here,
    }
    try:
        arguments = config.trainer_section.trl_class()(**values)
    except (ValueError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"TRL refuses these arguments: {reason}", where="trainer") from error
    _check_scheduler(arguments)
    return arguments


def _check_scheduler(arguments: Any) -> None:
    """Build the scheduler once, since transformers would refuse its arguments only when training starts."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    name, given = arguments.lr_scheduler_type, dict(arguments.lr_scheduler_kwargs or {})
    try:
        get_scheduler(name, optimizer, 1, 10, scheduler_specific_kwargs=given)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the scheduler {getattr(name, 'value', name)} refuses its arguments: {error}",
            where="trainer.lr_scheduler_kwargs",
        ) from error
