"""Settings that SFT and GRPO share. Imports nothing heavy, since the command line imports this module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from reinforcesight.config import StrictConfig, readable_path
from reinforcesight.errors import ConfigError
from reinforcesight.model.options import ModelOptions
from reinforcesight.tuning.settings.trainer_section import FREE_TO_CHANGE, MOVED_KEYS, NEW_NAMES, TrainerSection


class LoraOptions(StrictConfig):
    """Settings of LoRA adapters."""

    rank: int = Field(32, ge=1, description="LoRA rank")
    alpha: int = Field(64, ge=1, description="LoRA alpha; updates are scaled by alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="LoRA dropout")
    targets: tuple[str, ...] = Field(
        (), description="Target modules by name; empty: all linear layers of train_parts except the output layer"
    )


class EvaluationOptions(StrictConfig):
    """Held-out questions that are answered and judged during training, and early stopping."""

    samples: int = Field(
        256, ge=1, description="Number of validation questions answered per evaluation; always the same ones"
    )
    seed: int = Field(0, ge=0, description="Random seed that selects the validation questions")
    max_new_tokens: int = Field(192, ge=1, description="Maximum number of generated tokens per answer")
    batch_size: int = Field(16, ge=1, description="Number of answers generated together on each device")
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many evaluations without a better accuracy (early stopping); null: never",
    )


class TrainingConfig(StrictConfig):
    """Settings of every training command."""

    RENAMED: ClassVar[Mapping[str, str]] = MOVED_KEYS
    trainer_section: ClassVar[TrainerSection]
    counted: ClassVar[str]  # what a batch counts, such as questions

    dataset: str = Field(
        description="Data set made by generate: folder or hub id, with the splits train and validation"
    )
    model_path: str = Field(
        "nano",
        description="Base model, adapter or checkpoint: folder, hub id, or nano (the tiny model in this package)",
    )
    output: str = Field("models", description="Output folder for the model, run_record.json and checkpoints")
    tuning: Literal["lora", "full"] = Field(
        "lora", description="lora: train LoRA adapters; full: train all weights of the modules in train_parts"
    )
    train_parts: Literal["language", "language+projector", "all"] = Field(
        "language",
        description="Modules to train: language model, also the projector, or all; only 'all' trains the vision tower",
    )
    cpu_bf16: bool = Field(
        False,
        description="On a CPU with bfloat16 instructions (avx512_bf16, amx_bf16): compute the loss in mixed precision, "
        "which is faster; answers are sampled in float32",
    )
    seed: int = Field(0, ge=0, description="Random seed of initialisation, data order, dropout and sampling")
    trainer: dict[str, Any] = Field({}, description="Arguments of TRL's config class, by their TRL names")
    model: ModelOptions = Field(default_factory=ModelOptions)
    lora: LoraOptions = Field(default_factory=LoraOptions)
    evaluation: EvaluationOptions = Field(default_factory=EvaluationOptions)

    _readable = field_validator("output")(readable_path)

    @field_validator("trainer")
    @classmethod
    def _check_trainer(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        for old in given.keys() & NEW_NAMES.keys():
            raise PydanticCustomError("renamed_key", "{old} is now {new}", {"old": old, "new": NEW_NAMES[old]})
        section = cls.trainer_section
        # Only the command line checks TRL's arguments here, since importing TRL takes seconds.
        if info.context and info.context.get("trl"):
            given, found = section.checked(given, cls.model_fields)
        else:
            found = section.refusals(given)
        if found:
            raise ValidationError.from_exception_data("trainer", found)
        values = {**section.defaults, **given}
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps"):
            if not isinstance(values[name], int) or values[name] < 1:
                raise ValueError(f"{name} is a whole number of at least 1")
        return values

    @model_validator(mode="after")
    def _weights_can_be_trained(self) -> TrainingConfig:
        if self.tuning == "full" and self.model.quantization != "none":
            raise ValueError("quantised weights can't be trained: use tuning lora, or model.quantization none")
        return self

    def checked_trainer(self, where: str = "trainer") -> dict[str, Any]:
        """Return the section with the types that TRL declares; imports TRL.

        Raises:
            ConfigError: TRL has no such argument, or a value has the wrong type.
        """
        values, found = self.trainer_section.checked(self.trainer, type(self).model_fields)
        if found:
            details = found[0]["type"].context or {}  # type: ignore[union-attr]
            raise ConfigError(details["what"], where=f"{where}.{found[0]['loc'][0]}", fix=details["fix"])
        return values

    def result_settings(self, *, processes: int) -> dict[str, Any]:
        """Return the settings that affect the result, with only the total batch size, however it is divided."""
        values = self.model_dump(mode="json", exclude={"output"})
        values["model"].pop("device")
        values["trainer"] = {name: v for name, v in values["trainer"].items() if name not in FREE_TO_CHANGE}
        batch = self.trainer["per_device_train_batch_size"] * self.trainer["gradient_accumulation_steps"]
        return {**values, f"{self.counted}_per_step": batch * processes}
