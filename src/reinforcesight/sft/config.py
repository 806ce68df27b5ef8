"""Configuration of supervised fine-tuning. Imports nothing heavy, for the command line reads it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.model.options import ModelOptions
from reinforcesight.tuning.options import EvaluationOptions, LoraOptions

# What may change between the sessions of one run: it decides how fast or how talkative, not what comes out.
_FREE_TO_CHANGE = {
    "output",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "num_workers",
    "logging_steps",
    "save_steps",
    "keep_checkpoints",
    "report_to",
    "run_name",
}


class SftConfig(StrictConfig):
    """Supervised fine-tuning of a vision-language model on a generated data set."""

    dataset: str = Field(description="Data set folder (or hub id) with the splits train and validation")
    model_path: str = Field("nano", description="Base model, adapter or checkpoint: folder, hub id, or nano")
    output: str = Field(
        "models/sft_ckpt", description="Folder for the trained model, its record and checkpoints"
    )

    tuning: Literal["lora", "full"] = Field("lora", description="Train low-rank adapters, or all weights")
    train_parts: Literal["language", "language+projector", "all"] = Field(
        "language", description="Which parts learn; the vision tower stays frozen unless all"
    )
    num_train_epochs: float = Field(1.0, gt=0, description="Passes over the training split")
    max_steps: int = Field(-1, description="Optimiser steps; -1: as the epochs give")
    learning_rate: float = Field(1e-4, gt=0, description="Peak learning rate")
    lr_scheduler_type: str = Field("cosine", description="cosine, linear, constant_with_warmup, ...")
    lr_scheduler_kwargs: dict[str, float] = Field(
        {},
        description="What the scheduler takes: {min_lr_rate: 0.1} with cosine_with_min_lr, as transformers has it",
    )
    warmup_ratio: float = Field(0.03, ge=0, lt=1, description="Share of the steps over which the rate rises")
    weight_decay: float = Field(0.0, ge=0, description="Decay of weight matrices")
    max_grad_norm: float = Field(1.0, ge=0, description="Longer gradients are shortened to this")
    per_device_train_batch_size: int = Field(4, ge=1, description="Questions per forward pass on each device")
    gradient_accumulation_steps: int = Field(4, ge=1, description="Forward passes per optimiser step")
    precision: Literal["auto", "bf16", "float32"] = Field(
        "auto", description="Arithmetic of training; auto: bf16 on a GPU that has it"
    )
    gradient_checkpointing: bool = Field(True, description="Recompute activations to save memory")
    optimizer: str = Field(
        "adamw_torch", description="As transformers names it; paged_adamw_8bit saves memory"
    )
    seed: int = Field(0, ge=0, description="Of adapters, order and dropout")

    eval_steps: int = Field(100, ge=1, description="Steps between evaluations")
    save_steps: int = Field(100, ge=1, description="Steps between checkpoints")
    keep_checkpoints: int = Field(2, ge=1, description="Latest checkpoints kept, beside the best one")
    logging_steps: int = Field(10, ge=1, description="Steps between lines of metrics")
    num_workers: int = Field(-1, ge=-1, description="Processes that decode pictures; -1: by the machine")
    run_name: str | None = Field(None, description="Name for the trackers")
    report_to: tuple[str, ...] = Field((), description="Trackers: tensorboard, wandb, trackio")

    model: ModelOptions = Field(default_factory=ModelOptions)
    lora: LoraOptions = Field(default_factory=LoraOptions)
    evaluation: EvaluationOptions = Field(default_factory=EvaluationOptions)

    @model_validator(mode="after")
    def _options_go_together(self) -> SftConfig:
        if self.max_steps == 0 or self.max_steps < -1:
            raise ValueError("max_steps is -1 or at least 1")
        if self.tuning == "full" and self.model.quantization != "none":
            raise ValueError(
                "quantised weights can't be trained: use tuning lora, or model.quantization none"
            )
        return self

    def recipe(self, *, processes: int) -> dict[str, Any]:
        """The part that decides the result; the batch counts as a whole, however it is cut up."""
        values = self.model_dump(mode="json", exclude=_FREE_TO_CHANGE)
        values["model"].pop("device")
        per_step = self.per_device_train_batch_size * self.gradient_accumulation_steps * processes
        return {**values, "questions_per_step": per_step}
