"""TRL's own arguments, filled from the configuration."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from trl.trainer.grpo_config import GRPOConfig as TrlConfig

from reinforcesight.errors import ConfigError, require_module
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.reward import reward_weights
from reinforcesight.grpo.validation import BEST_METRIC
from reinforcesight.model.chat import suppressed_token_ids
from reinforcesight.model.load import resolve_path
from reinforcesight.tuning.schedule import scheduler_arguments

_NEVER = -100.0  # the lowest bias that vLLM takes


def training_arguments(config: GrpoConfig, processor: Any, *, has_validation: bool) -> TrlConfig:
    """The arguments of ``GRPOTrainer``.

    Raises:
        ConfigError: bf16 is asked for and the GPU has none, sizes don't go together, or a value is not known.
        MissingDependencyError: vLLM is asked for and not installed.
    """
    cuda = torch.cuda.is_available()
    has_bf16 = not cuda or torch.cuda.is_bf16_supported()
    if config.precision == "bf16" and not has_bf16:
        raise ConfigError(
            "this GPU has no bfloat16 arithmetic", where="precision", fix="use --precision float32"
        )
    sampling = config.generation
    vllm = uses_vllm(config)
    if vllm:
        require_module("vllm", extra="vllm")
    scheduler = scheduler_arguments(config.lr_scheduler_type, config.lr_scheduler_kwargs)
    try:
        return TrlConfig(
            output_dir=config.output,
            num_train_epochs=config.num_train_epochs,
            max_steps=config.max_steps,
            per_device_train_batch_size=config.per_device_train_batch_size,
            per_device_eval_batch_size=config.per_device_train_batch_size,
            gradient_accumulation_steps=config.gradient_accumulation_steps,
            learning_rate=config.learning_rate,
            lr_scheduler_type=config.lr_scheduler_type,
            lr_scheduler_kwargs=scheduler,
            warmup_steps=config.warmup_ratio,
            weight_decay=config.weight_decay,
            max_grad_norm=config.max_grad_norm,
            optim=config.optimizer,
            seed=config.seed,
            bf16=config.precision == "bf16" or (config.precision == "auto" and cuda and has_bf16),
            use_cpu=not cuda,
            gradient_checkpointing=config.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            loss_type=config.loss_type,
            scale_rewards=config.scale_rewards,
            importance_sampling_level=config.importance_sampling_level,
            beta=config.beta,
            epsilon=config.epsilon,
            epsilon_high=config.epsilon_high,
            num_generations=config.num_generations,
            num_iterations=config.num_iterations,
            steps_per_generation=config.steps_per_generation,
            mask_truncated_completions=config.mask_truncated_completions,
            reward_weights=reward_weights(config.rewards),
            max_completion_length=sampling.max_completion_length,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            generation_kwargs=_never_sampled(config, processor),
            use_vllm=vllm,
            vllm_mode=sampling.vllm_mode,
            vllm_gpu_memory_utilization=sampling.vllm_gpu_memory_utilization,
            vllm_enable_sleep_mode=sampling.vllm_enable_sleep_mode,
            vllm_tensor_parallel_size=sampling.vllm_tensor_parallel_size,
            vllm_max_model_length=sampling.vllm_max_model_length,
            vllm_server_base_url=sampling.vllm_server_base_url,
            trust_remote_code=config.model.trust_remote_code,
            model_init_kwargs=_reference_arguments(config),
            # Validation answers each question once, greedily, without TRL's loop; one satisfies its check.
            num_generations_eval=1,
            remove_unused_columns=False,
            # Rows travel with their pictures encoded, so there is nothing for workers to do.
            dataloader_num_workers=0,
            ddp_find_unused_parameters=False,
            logging_steps=config.logging_steps,
            logging_first_step=True,
            logging_nan_inf_filter=False,
            eval_strategy="steps" if has_validation else "no",
            eval_steps=config.eval_steps,
            save_strategy="steps",
            save_steps=config.save_steps,
            metric_for_best_model=BEST_METRIC if has_validation else None,
            greater_is_better=True if has_validation else None,
            restore_callback_states_from_checkpoint=True,
            report_to=list(config.report_to) or "none",
            run_name=config.run_name,
        )
    except (ValueError, ImportError) as error:
        raise ConfigError(f"the training options don't fit: {' '.join(str(error).split())[:300]}") from error


def uses_vllm(config: GrpoConfig) -> bool:
    """Whether vLLM samples: as configured, or else where it can."""
    if config.generation.use_vllm is not None:
        return config.generation.use_vllm
    return torch.cuda.is_available() and find_spec("vllm") is not None and config.model.quantization != "8bit"


def _never_sampled(config: GrpoConfig, processor: Any) -> dict[str, Any]:
    """Keeps picture, video and vision tokens out of completions, in the words of each engine."""
    ids = suppressed_token_ids(processor)
    if not uses_vllm(config):
        return {"suppress_tokens": ids}
    if config.generation.vllm_mode == "colocate":
        return {"logit_bias": dict.fromkeys(ids, _NEVER)}
    # These go to the server as JSON, whose keys are texts, so a bias by token id would not arrive.
    return {"bad_words": processor.tokenizer.convert_ids_to_tokens(ids)}


def _reference_arguments(config: GrpoConfig) -> dict[str, Any] | None:
    """TRL loads a copy of a fully trained model for the KL term; it should be of the same revision."""
    needed = config.tuning == "full" and config.beta > 0 and config.model.revision is not None
    return {"revision": config.model.revision} if needed and not _is_local(config) else None


def _is_local(config: GrpoConfig) -> bool:
    return Path(resolve_path(config.model_path)).is_dir()
