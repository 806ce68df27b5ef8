"""The learning rate's course, as transformers names it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION
from transformers.trainer_utils import SchedulerType

from reinforcesight.errors import ConfigError


def scheduler_arguments(name: str, arguments: Mapping[str, float]) -> dict[str, float]:
    """The arguments, if the scheduler of that name takes them: else it would say so only after all has been loaded.

    Raises:
        ConfigError: Transformers knows no such scheduler, or it takes no such argument.
    """
    try:
        function = cast(Callable[..., Any], TYPE_TO_SCHEDULER_FUNCTION[SchedulerType(name)])
    except (ValueError, KeyError) as error:
        known = ", ".join(item.value for item in SchedulerType)
        raise ConfigError(
            f"transformers has no scheduler {name!r}", where="lr_scheduler_type", fix=f"use one of {known}"
        ) from error
    taken = set(inspect.signature(function).parameters) - {"optimizer", "last_epoch"}
    taken = {key for key in taken if not key.startswith("num_") or key == "num_cycles"}
    unknown = sorted(arguments.keys() - taken)
    if unknown:
        raise ConfigError(
            f"the scheduler {name} takes no {unknown[0]!r}; it takes {', '.join(sorted(taken)) or 'nothing'}",
            where="lr_scheduler_kwargs",
        )
    return dict(arguments)
