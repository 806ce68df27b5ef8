"""Configuration of supervised fine-tuning. Imports nothing heavy, since the command line imports this module."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reinforcesight.tuning.settings.config import TrainingConfig
from reinforcesight.tuning.settings.trainer_section import DEFAULTS, REFUSED, TrainerSection

# Defaults that differ from TRL's, each with the reason.
_DEFAULTS: dict[str, Any] = {
    **DEFAULTS,
    "learning_rate": 1e-4,  # common for LoRA: about ten times the usual rate of full fine-tuning
    "lr_scheduler_type": "cosine",  # ends near zero, so the last checkpoint is not noisy
    "per_device_train_batch_size": 4,  # picture tokens need memory
    "gradient_accumulation_steps": 4,  # 16 questions per step, so that each step has several relations and forms
    "eval_steps": 100,  # TRL's default is logging_steps, but generating answers takes time
    "save_steps": 100,  # a kill loses at most this many steps
}
_REFUSED = {
    **REFUSED,
    "max_length": "truncation would cut picture tokens: use model.max_pixels",
    "completion_only_loss": "the loss covers the completion only",
    "assistant_only_loss": "the loss covers the completion only",
    "dataset_kwargs": "rows are tokenised when a batch is made",
    "chat_template_path": "prompts use the chat template of the checkpoint",
}


class SftConfig(TrainingConfig):
    """Supervised fine-tuning of a vision-language model on a generated data set."""

    trainer_section: ClassVar = TrainerSection("trl.trainer.sft_config", "SFTConfig", _DEFAULTS, _REFUSED)
    counted: ClassVar = "questions"

    output: str = Field("models/sft_ckpt", description="Output folder for the model, run_record.json and checkpoints")
