"""Configuration of training with GRPO. Imports nothing heavy, for the command line reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.grpo.reward_config import RewardConfig
from reinforcesight.model.load import ModelOptions
from reinforcesight.tuning.options import EvaluationOptions, LoraOptions

LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]

# What may change between the sessions of one run: it decides how fast or how talkative, not what is learnt.
_FREE_TO_CHANGE = {
    "output",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "logging_steps",
    "save_steps",
    "keep_checkpoints",
    "report_to",
    "run_name",
    "groups",
}


class GenerationOptions(StrictConfig):
    """How completions are sampled."""

    max_completion_length: int = Field(256, ge=1, description="Tokens at which a completion is cut off")
    temperature: float = Field(1.0, gt=0, description="Of sampling; 1 samples from the model as it is")
    top_p: float = Field(1.0, gt=0, le=1, description="Share of probability that is sampled from")
    top_k: int = Field(0, ge=0, description="Most probable tokens that are sampled from; 0: all")
    use_vllm: bool | None = Field(
        None, description="Sample with vLLM, or with transformers; empty: vLLM where it and a GPU are there"
    )
    vllm_mode: Literal["colocate", "server"] = Field(
        "colocate", description="On the training GPUs, or by `trl vllm-serve` on others"
    )
    vllm_gpu_memory_utilization: float = Field(
        0.3, gt=0, lt=1, description="Share of GPU memory for vLLM in colocate mode"
    )
    vllm_enable_sleep_mode: bool = Field(True, description="Free vLLM's memory while weights are updated")
    vllm_tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one vLLM in colocate mode")
    vllm_max_model_length: int | None = Field(
        None, ge=1, description="Longest prompt and completion in tokens"
    )
    vllm_server_base_url: str | None = Field(None, description="Address of `trl vllm-serve` in server mode")


class DifficultyOptions(StrictConfig):
    """Pass rate of the start model, by which questions are left out before training."""

    enabled: bool = Field(
        True, description="Leave out questions that the start model always or never gets right"
    )
    samples: int = Field(8, ge=2, description="Answers sampled for each question")
    min_pass_rate: float = Field(0.0, ge=0, lt=1, description="Questions at or below this are left out")
    max_pass_rate: float = Field(1.0, gt=0, le=1, description="Questions at or above this are left out")
    questions: int | None = Field(
        None, ge=1, description="Rate this many random questions and train on no others; empty: all"
    )
    batch_size: int = Field(64, ge=1, description="Answers generated together on each device")
    file: Path | None = Field(
        None, description="Where pass rates are kept, for other runs to use; empty: in the output folder"
    )

    @model_validator(mode="after")
    def _rates_in_order(self) -> DifficultyOptions:
        if self.max_pass_rate <= self.min_pass_rate:
            raise ValueError(f"max_pass_rate {self.max_pass_rate} must exceed {self.min_pass_rate}")
        return self


class ValidationOptions(EvaluationOptions):
    """Held-out questions answered and judged during training."""

    max_new_tokens: int = Field(256, ge=1, description="Where a generated answer is cut off")
    patience: int | None = Field(
        3,
        ge=1,
        description="Stop when accuracy or faithfulness stayed below its best this many times in a row; empty: never",
    )
    tolerance: float = Field(
        0.02, ge=0, lt=1, description="A value within this of its best does not count as fallen"
    )


class GroupOptions(StrictConfig):
    """Pages of sampled groups, written during training."""

    every: int = Field(25, ge=0, description="Steps between pages; 0: none")
    shown: int = Field(4, ge=1, description="Groups on a page")


class GrpoConfig(StrictConfig):
    """Reinforcement of a vision-language model by GRPO on a generated data set."""

    dataset: str = Field(description="Data set folder (or hub id) with the splits train and validation")
    model_path: str = Field(
        "models/sft_ckpt", description="Start: base, adapter or merged checkpoint; folder, hub id, or nano"
    )
    output: str = Field("models/grpo_ckpt", description="Folder for the model, its record and checkpoints")

    tuning: Literal["lora", "full"] = Field("lora", description="Train low-rank adapters, or all weights")
    train_parts: Literal["language", "language+projector", "all"] = Field(
        "language", description="Which parts learn; the vision tower stays frozen unless all"
    )
    loss_type: LossType = Field("dr_grpo", description="Loss, as TRL names it")
    scale_rewards: Literal["group", "batch", "none"] = Field(
        "none", description="By which spread advantages are divided"
    )
    importance_sampling_level: Literal["token", "sequence"] = Field(
        "token", description="Ratios per token, or per completion (GSPO)"
    )
    beta: float = Field(0.01, ge=0, description="Weight of the KL divergence from the start model; 0: none")
    epsilon: float = Field(0.2, gt=0, description="How far below one ratios count")
    epsilon_high: float | None = Field(None, gt=0, description="How far above one; empty: as epsilon")
    num_generations: int = Field(8, ge=2, description="Completions of each question: the group")
    num_iterations: int = Field(1, ge=1, description="Updates from the same completions")
    steps_per_generation: int | None = Field(
        None, ge=1, description="Forward passes fed by one round of sampling; empty: one optimiser step's"
    )
    mask_truncated_completions: bool = Field(False, description="Learn nothing from completions cut off")

    num_train_epochs: float = Field(1.0, gt=0, description="Passes over the questions")
    max_steps: int = Field(-1, description="Optimiser steps; -1: as the epochs give")
    learning_rate: float = Field(1e-5, gt=0, description="Peak learning rate")
    lr_scheduler_type: str = Field(
        "constant_with_warmup", description="cosine, linear, constant_with_warmup, ..."
    )
    lr_scheduler_kwargs: dict[str, float] = Field(
        {},
        description="What the scheduler takes: {min_lr_rate: 0.1} with cosine_with_min_lr, as transformers has it",
    )
    warmup_ratio: float = Field(0.03, ge=0, lt=1, description="Share of the steps over which the rate rises")
    weight_decay: float = Field(0.0, ge=0, description="Decay of weight matrices")
    max_grad_norm: float = Field(1.0, ge=0, description="Longer gradients are shortened to this")
    per_device_train_batch_size: int = Field(
        8, ge=1, description="Completions per forward pass on each device"
    )
    gradient_accumulation_steps: int = Field(8, ge=1, description="Forward passes per optimiser step")
    precision: Literal["auto", "bf16", "float32"] = Field(
        "auto", description="Arithmetic of training; auto: bf16 on a GPU that has it"
    )
    gradient_checkpointing: bool = Field(True, description="Recompute activations to save memory")
    optimizer: str = Field(
        "adamw_torch", description="As transformers names it; paged_adamw_8bit saves memory"
    )
    seed: int = Field(0, ge=0, description="Of adapters, order and sampling")

    permute_options: bool = Field(
        True, description="From the second pass on, show a question's options in another order"
    )
    resample_rounds: int = Field(
        2, ge=0, description="Times a step may draw new questions for groups without spread; 0: never"
    )

    eval_steps: int = Field(50, ge=1, description="Steps between validations")
    save_steps: int = Field(50, ge=1, description="Steps between checkpoints")
    keep_checkpoints: int = Field(2, ge=1, description="Latest checkpoints kept, beside the best one")
    logging_steps: int = Field(1, ge=1, description="Steps between lines of metrics")
    run_name: str | None = Field(None, description="Name for the trackers")
    report_to: tuple[str, ...] = Field((), description="Trackers: tensorboard, wandb, trackio")

    model: ModelOptions = Field(default_factory=ModelOptions)
    lora: LoraOptions = Field(default_factory=lambda: LoraOptions(dropout=0.0))
    generation: GenerationOptions = Field(default_factory=GenerationOptions)
    rewards: RewardConfig = Field(default_factory=RewardConfig)
    difficulty: DifficultyOptions = Field(default_factory=DifficultyOptions)
    evaluation: ValidationOptions = Field(default_factory=ValidationOptions)
    groups: GroupOptions = Field(default_factory=GroupOptions)

    @model_validator(mode="after")
    def _options_go_together(self) -> GrpoConfig:
        quantization, vllm = self.model.quantization, self.generation.use_vllm is True
        if self.max_steps == 0 or self.max_steps < -1:
            raise ValueError("max_steps is -1 or at least 1")
        if self.tuning == "full" and quantization != "none":
            raise ValueError(
                "quantised weights can't be trained: use tuning lora, or model.quantization none"
            )
        if vllm and quantization == "8bit":
            raise ValueError(
                "vLLM can't take 8-bit weights: it gets the trained weights anew each step and has no 8-bit form "
                "to put them in. Use model.quantization none or 4bit, or generation.use_vllm false"
            )
        if self.generation.vllm_mode == "server" and not vllm:
            raise ValueError("generation.vllm_mode server needs generation.use_vllm true")
        return self

    def recipe(self, *, processes: int) -> dict[str, Any]:
        """The part that decides the result; the batch counts as a whole, however it is cut up."""
        values = self.model_dump(mode="json", exclude=_FREE_TO_CHANGE)
        values["model"].pop("device")
        values["difficulty"].pop("batch_size")
        values["difficulty"].pop("file")
        per_step = self.per_device_train_batch_size * self.gradient_accumulation_steps * processes
        return {**values, "completions_per_step": per_step}
