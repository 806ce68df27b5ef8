"""Settings that SFT and GRPO share. Imports nothing heavy, for the command line reads it."""

from __future__ import annotations

from pydantic import Field

from reinforcesight.config import StrictConfig


class LoraOptions(StrictConfig):
    """Low-rank adapters."""

    rank: int = Field(32, ge=1, description="Rank of the update to each matrix")
    alpha: int = Field(64, ge=1, description="Scale: the update counts alpha / rank times")
    dropout: float = Field(0.05, ge=0, lt=1, description="Share of inputs dropped before the adapter")
    targets: tuple[str, ...] = Field(
        (), description="Names of the linear layers; empty: all of the chosen parts but the output layer"
    )


class EvaluationOptions(StrictConfig):
    """Answers generated during training, judged as in the final evaluation."""

    samples: int = Field(256, ge=1, description="Questions of the validation split, the same ones every time")
    seed: int = Field(
        0, ge=0, description="Which questions; apart from the training seed, so that runs compare"
    )
    max_new_tokens: int = Field(192, ge=1, description="Where a generated answer is cut off")
    batch_size: int = Field(16, ge=1, description="Answers generated together on each device")
    patience: int | None = Field(
        None, ge=1, description="Stop after this many evaluations without a better accuracy; empty: never"
    )
