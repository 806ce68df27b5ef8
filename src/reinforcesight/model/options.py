"""Options for loading a model; imports nothing heavy."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig

# On a CPU, the first warns at every matrix product of a cast to float16; the second warns, on import, that a faster
# kernel could be downloaded. This module is imported before both.
for _name in ("bitsandbytes.autograd._functions", "bitsandbytes.backends.cpu.ops"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class ModelOptions(StrictConfig):
    """Options for loading a model: revision, dtype, quantization, device, picture size."""

    revision: str | None = Field(None, description="Commit, tag or branch of a hub model")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="dtype of the weights; auto: as stored on a GPU, float32 on a CPU"
    )
    quantization: Literal["none", "8bit", "4bit"] = Field(
        "none", description="bitsandbytes quantization of the base model"
    )
    attn_implementation: str | None = Field(
        None,
        description="Attention implementation, such as eager, sdpa or flash_attention_2; default: the model's own",
    )
    device: str = Field("auto", description="Device: auto, cpu, cuda, cuda:1, mps; auto: a GPU if there is one")
    min_pixels: int | None = Field(
        None,
        ge=1,
        description="Minimum number of pixels (width x height) of a picture; smaller pictures are upscaled; default: "
        "the processor's own",
    )
    max_pixels: int | None = Field(
        None,
        ge=1,
        description="Maximum number of pixels (width x height) of a picture; larger pictures are downscaled; default:"
        " the processor's own",
    )
    trust_remote_code: bool = Field(
        False,
        description="Run Python code from the model's repository; requires revision, so that the code is pinned",
    )

    @model_validator(mode="after")
    def _pixel_bounds_in_order(self) -> ModelOptions:
        if self.min_pixels is not None and self.max_pixels is not None and self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels ({self.min_pixels}) exceeds max_pixels ({self.max_pixels})")
        return self

    def at(self, model_path: str) -> ModelConfig:
        return ModelConfig(model_path=model_path, **self.model_dump())


class ModelConfig(ModelOptions):
    """Path of a model and the options for loading it."""

    model_path: str = Field(description="Folder or hub id of a base model, an adapter or a merged checkpoint")


@dataclass(frozen=True)
class ModelSource:
    """The folders or hub ids of a base model and of its adapter, if there is one."""

    base: str
    base_revision: str | None
    adapter: str | None = None
    adapter_revision: str | None = None
