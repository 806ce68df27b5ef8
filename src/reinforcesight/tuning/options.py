"""Sections that SFT and GRPO share. Imports nothing heavy: the command line reads it."""

from __future__ import annotations

from pydantic import Field

from reinforcesight.config import StrictConfig


class LoraOptions(StrictConfig):
    """LoRA adapters."""

    rank: int = Field(32, ge=1, description="Rank of the update to each matrix")
    alpha: int = Field(64, ge=1, description="The update is scaled by alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the adapter")
    targets: tuple[str, ...] = Field(
        (), description="Names of the linear layers; empty: all of train_parts except the output layer"
    )


class EvaluationOptions(StrictConfig):
    """Answers generated during training, judged as in the final evaluation."""

    samples: int = Field(256, ge=1, description="Questions from the validation split, the same every time")
    seed: int = Field(0, ge=0, description="Seed that chooses the questions")
    max_new_tokens: int = Field(192, ge=1, description="Maximum length of a generated answer in tokens")
    batch_size: int = Field(16, ge=1, description="Answers generated together on each device")
    patience: int | None = Field(
        None, ge=1, description="Stop after this many evaluations without a better accuracy; empty: never"
    )
