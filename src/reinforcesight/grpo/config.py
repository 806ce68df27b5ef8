"""Configuration of training with GRPO. Imports nothing heavy, since the command line imports this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.grpo.reward.config import RewardConfig
from reinforcesight.tuning.settings.config import EvaluationOptions, LoraOptions, TrainingConfig
from reinforcesight.tuning.settings.trainer_section import DEFAULTS, MOVED_KEYS, REFUSED, TrainerSection

# TRL accepts any string for these arguments, and fails at the first step.
CHOICES = {
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"),
    "scale_rewards": ("group", "batch", "none"),
    "importance_sampling_level": ("token", "sequence"),
    "vllm_mode": ("colocate", "server"),
}

# Defaults that differ from TRL's, each with the reason.
_DEFAULTS: dict[str, Any] = {
    **DEFAULTS,
    "learning_rate": 1e-5,  # for LoRA; TRL's 1e-6 is for all weights
    "lr_scheduler_type": "constant_with_warmup",  # validation decides when to stop, so the end is not known
    "per_device_train_batch_size": 8,  # TRL's default
    "gradient_accumulation_steps": 8,  # 64 completions of eight questions per step
    "loss_type": "dr_grpo",  # gives long completions and easy groups no larger weight (arXiv:2503.20783)
    "scale_rewards": "none",  # goes with dr_grpo
    "beta": 0.01,  # small models drift without a KL term
    "max_completion_length": 256,  # three times the length of the data set's reasoning
    "vllm_enable_sleep_mode": True,  # frees vLLM's memory while weights are updated
    "use_vllm": None,  # vLLM if it is installed and there is a GPU
    "logging_steps": 1,  # steps take long
    "eval_steps": 50,  # validation takes about as long as a few steps
    "save_steps": 50,  # a kill loses at most this many steps
}
_REFUSED = {
    **REFUSED,
    "reward_weights": "use rewards.weights",
    "num_generations_eval": "validation answers each question once, greedily",
    "eval_on_start": "the start model is always validated",
}


class DifficultyOptions(StrictConfig):
    """Filter of the training questions by how often the start model answers them correctly."""

    enabled: bool = Field(
        True, description="Before training, leave out questions that the start model always or never answers correctly"
    )
    samples: int = Field(
        8, ge=2, description="Number of answers sampled per question; the pass rate is the fraction of correct ones"
    )
    min_pass_rate: float = Field(0.0, ge=0, lt=1, description="Leave out questions with at most this pass rate")
    max_pass_rate: float = Field(1.0, gt=0, le=1, description="Leave out questions with at least this pass rate")
    questions: int | None = Field(
        None, ge=1, description="Compute pass rates for, and train on, only this many random questions; null: all"
    )
    batch_size: int = Field(64, ge=1, description="Answers generated together on each device")
    file: Path | None = Field(
        None, description="JSON-lines file of pass rates, which several runs can share; default: in the output folder"
    )

    @model_validator(mode="after")
    def _rates_in_order(self) -> DifficultyOptions:
        if self.max_pass_rate <= self.min_pass_rate:
            raise ValueError(f"max_pass_rate {self.max_pass_rate} must exceed {self.min_pass_rate}")
        return self


class ValidationOptions(EvaluationOptions):
    """Held-out questions that are answered and judged during training, and early stopping."""

    max_new_tokens: int = Field(256, ge=1, description="Maximum length of a generated answer in tokens")
    patience: int | None = Field(
        3,
        ge=1,
        description="Stop after this many validations in a row with accuracy or faithfulness (reasoning agrees with "
        "scene and answer) below its best; null: never",
    )
    tolerance: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="For patience, accuracy or faithfulness counts as below its best only if it is lower by more than"
        " this fraction",
    )


class GroupOptions(StrictConfig):
    """Pages of sampled groups that are written during training."""

    every: int = Field(
        25, ge=0, description="Every N steps, write an HTML page of sampled completions with their rewards; 0: never"
    )
    shown: int = Field(4, ge=1, description="Number of questions on each page of sampled completions")


class GrpoConfig(TrainingConfig):
    """Training of a vision-language model with GRPO on a generated data set."""

    RENAMED: ClassVar = {**MOVED_KEYS, "generation": "trainer"}

    trainer_section: ClassVar = TrainerSection("trl.trainer.grpo_config", "GRPOConfig", _DEFAULTS, _REFUSED)
    counted: ClassVar = "completions"

    model_path: str = Field(
        "models/sft_ckpt",
        description="Model to start from: base, adapter or merged checkpoint; folder, hub id, or nano (the "
        "tiny model in this package)",
    )
    output: str = Field("models/grpo_ckpt", description="Output folder for the model, run_record.json and checkpoints")
    permute_options: bool = Field(
        True, description="From the second epoch on, shuffle the answer options of each question"
    )
    encode_prompts_once: bool = Field(
        True,
        description="Encode the prompt that a group of completions shares only once, in generation and loss; false: "
        "once per completion, as TRL does",
    )
    resample_rounds: int = Field(
        2,
        ge=0,
        description="Maximum number of times per step to replace groups with zero reward std by groups of other "
        "questions; 0: off",
    )
    lora: LoraOptions = Field(default_factory=lambda: LoraOptions(dropout=0.0))
    rewards: RewardConfig = Field(default_factory=RewardConfig)
    difficulty: DifficultyOptions = Field(default_factory=DifficultyOptions)
    evaluation: ValidationOptions = Field(default_factory=ValidationOptions)
    groups: GroupOptions = Field(default_factory=GroupOptions)

    @model_validator(mode="after")
    def _trainer_fits(self) -> GrpoConfig:
        trainer = self.trainer
        for name, choices in CHOICES.items():
            if trainer.get(name) not in (None, *choices):
                raise ValueError(f"trainer.{name} is one of {', '.join(choices)}, got {trainer[name]!r}")
        if trainer["use_vllm"] and self.model.quantization == "8bit":
            raise ValueError(
                "vLLM can't take 8-bit weights: it receives the trained weights after each step and has no 8-bit "
                "form for them. Use model.quantization none or 4bit, or trainer.use_vllm false"
            )
        if trainer.get("vllm_mode") == "server" and not trainer["use_vllm"]:
            raise ValueError("trainer.vllm_mode server needs trainer.use_vllm true")
        return self

    def result_settings(self, *, processes: int) -> dict[str, Any]:
        values = super().result_settings(processes=processes)
        for name in ("groups", "encode_prompts_once"):
            values.pop(name)
        values["difficulty"].pop("batch_size")
        values["difficulty"].pop("file")
        return values
