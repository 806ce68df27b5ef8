"""The section ``trainer:`` of SFT and GRPO: arguments of TRL's own config class, under TRL's names.

TRL's class checks names and types. This module knows the arguments that the project sets, the defaults that differ
from TRL's, and the new names of former keys. TRL is imported only to check, since the command line imports this.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

from reinforcesight.config import nearest_key, problem

# Arguments that can't be set, each with the reason and the alternative.
REFUSED = {
    "output_dir": "use output",
    "seed": "use seed, which also chooses questions and orders options",
    "trust_remote_code": "use model.trust_remote_code",
    "model_init_kwargs": "use the section model",
    "resume_from_checkpoint": "the same command resumes from the last complete checkpoint",
    "eval_strategy": "evaluation happens every eval_steps if the data set has a validation split",
    "save_strategy": "a stopped run resumes from checkpoints: set save_steps",
    "save_only_model": "a stopped run resumes from the optimizer state too",
    "metric_for_best_model": "the best checkpoint is the one whose answers are judged best",
    "greater_is_better": "the best checkpoint is the one whose answers are judged best",
    "load_best_model_at_end": "the best checkpoint is published from disk",
    "restore_callback_states_from_checkpoint": "always on, so that early stopping resumes",
    "remove_unused_columns": "batches are made from the stored columns",
    "push_to_hub": "use: reinforcesight export --push_to_hub",
    "auto_find_batch_size": "the examples per step must not change: out of memory, the error names a smaller batch",
}

# Former keys to TRL's names; a warmup_steps below 1 is a fraction of the steps.
NEW_NAMES = {
    "optimizer": "optim",
    "num_workers": "dataloader_num_workers",
    "keep_checkpoints": "save_total_limit",
    "precision": "bf16",
    "warmup_ratio": "warmup_steps",
}
_FORMER_KEYS = """
num_train_epochs max_steps learning_rate lr_scheduler_type lr_scheduler_kwargs weight_decay max_grad_norm
per_device_train_batch_size gradient_accumulation_steps gradient_checkpointing eval_steps save_steps logging_steps
run_name report_to loss_type scale_rewards importance_sampling_level beta epsilon epsilon_high num_generations
num_iterations steps_per_generation mask_truncated_completions
"""
MOVED_KEYS = {name: f"trainer.{name}" for name in _FORMER_KEYS.split()}
MOVED_KEYS |= {old: f"trainer.{new}" for old, new in NEW_NAMES.items()}

# Arguments that may change when a run is resumed: they affect speed, memory and logging, not the result. Only the total
# batch size must stay, see TrainingConfig.result_settings.
_FREE_TO_CHANGE = """
per_device_train_batch_size gradient_accumulation_steps per_device_eval_batch_size gradient_checkpointing
gradient_checkpointing_kwargs activation_offloading torch_empty_cache_steps dataloader_num_workers
dataloader_persistent_workers dataloader_pin_memory dataloader_prefetch_factor dataloader_multiprocessing_context
logging_strategy logging_steps logging_first_step logging_nan_inf_filter log_level log_level_replica log_on_each_node
log_completions log_multimodal num_completions_to_print log_unique_prompts disable_tqdm report_to run_name project
trackio_space_id save_steps save_total_limit skip_memory_metrics ddp_timeout ddp_bucket_cap_mb
vllm_gpu_memory_utilization vllm_enable_sleep_mode vllm_server_base_url vllm_server_host vllm_server_port
vllm_server_timeout vllm_group_port
"""
FREE_TO_CHANGE = frozenset(_FREE_TO_CHANGE.split())

# Defaults that differ from TRL's, each with the reason.
DEFAULTS: dict[str, Any] = {
    "num_train_epochs": 1.0,  # the few fixed forms of answers are learnt in one epoch
    "warmup_steps": 0.03,  # a fraction of the steps; adapters start at zero, so a short warm-up is enough
    "optim": "adamw_torch",  # the fused variant rounds differently, and recorded curves should repeat
    "gradient_checkpointing_kwargs": {"use_reentrant": False},  # reentrant needs inputs that require gradients
    "logging_first_step": True,  # a wrong setting shows at once
    "logging_nan_inf_filter": False,  # a loss that is not finite must be seen
    "ddp_find_unused_parameters": False,  # every trainable weight takes part in every step
    "save_total_limit": 2,  # number of latest checkpoints to keep, besides the best
}


@dataclasses.dataclass(frozen=True)
class TrainerSection:
    """The project's additions to one of TRL's config classes.

    Attributes:
        defaults: Values of arguments that are not given.
        refused: Arguments that the user can't set, each with the reason.
    """

    module: str
    name: str
    defaults: Mapping[str, Any]
    refused: Mapping[str, str]

    def trl_class(self) -> Any:
        return getattr(import_module(self.module), self.name)

    def refusals(self, values: Mapping[str, Any]) -> list[InitErrorDetails]:
        """Return an error for each argument that the user can't set, without importing TRL."""
        return [
            problem(name, f"trainer.{name} can't be set", self.refused[name], value)
            for name, value in values.items()
            if name in self.refused
        ]

    def checked(
        self, values: Mapping[str, Any], own_keys: Iterable[str]
    ) -> tuple[dict[str, Any], list[InitErrorDetails]]:
        """Return the values with the types that TRL's class declares, and the errors.

        An empty value for an argument that can't be empty means the default. ``own_keys`` are the other keys of the
        configuration, to suggest for a mistyped flag.
        """
        trl_class = self.trl_class()
        names = {field.name for field in dataclasses.fields(trl_class) if field.init}
        types = typing.get_type_hints(trl_class)
        converted, found = {}, self.refusals(values)
        refused = {str(item["loc"][0]) for item in found}
        for name, value in values.items():
            if name in refused:
                continue
            if name not in names:
                near = nearest_key(name, [*sorted(names - self.refused.keys()), *own_keys])
                fix = f"did you mean {near!r}?" if near else "see the documentation of TRL"
                found.append(problem(name, f"TRL's {self.name} has no argument {name!r}", fix, value))
                continue
            adapter: TypeAdapter[Any] = TypeAdapter(types[name], config=ConfigDict(arbitrary_types_allowed=True))
            if value is None and not _may_be_none(adapter):
                continue
            try:
                result = adapter.validate_python(value)
                # TRL accepts fractions of steps; integers stay integers.
                converted[name] = value if type(value) is int and type(result) is float else result
            except ValidationError as error:
                expected = error.errors(include_url=False)[0]["msg"]
                found.append(problem(name, f"trainer.{name}: {expected}, got {value!r}", None, value))
        return converted, found


def _may_be_none(adapter: TypeAdapter[Any]) -> bool:
    try:
        adapter.validate_python(None)
    except ValidationError:
        return False
    return True
