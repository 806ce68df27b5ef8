"""Configuration of ``reinforcesight evaluate``. Imports fast; the function stands in ``evaluate.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.errors import ConfigError
from reinforcesight.model.options import ModelOptions
from reinforcesight.protocol import Protocol

# The newest commit of nyu-visionx/CV-Bench when this was written (separate 2D and 3D files).
CV_BENCH_REVISION = "bc284db50d036958861cb60cdd7b77612052ce0d"

# A letter needs a handful of tokens, but a model may not obey; reasoning of this project stays under 200.
_MAX_NEW_TOKENS = {Protocol.DIRECT: 128, Protocol.REASON: 512}


class VllmConfig(StrictConfig):
    """How vLLM uses the machine."""

    tensor_parallel_size: int = Field(1, ge=1, description="GPUs over which one model is split")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, description="Share of each GPU's memory to use")
    max_model_len: int | None = Field(None, ge=1, description="Longest prompt with answer, in tokens")
    enforce_eager: bool = Field(False, description="No CUDA graphs: slower, starts sooner")


class EvaluateConfig(StrictConfig):
    """What is evaluated, on what, and how."""

    model_path: str | None = Field(
        None, description="Folder or hub id of a base model, adapter or checkpoint"
    )
    benchmark: str = Field(
        "cv-bench", description="cv-bench, a folder or file, or owner/name@revision on the hub"
    )
    output: Path = Field(Path("reports/results.json"), description="Results; answers and report go beside it")
    protocol: Protocol = Field(
        Protocol.REASON, description="Ask for reasoning first, or for the letter directly"
    )
    engine: Literal["transformers", "vllm", "replay"] = Field("transformers", description="What answers")
    answers: Path | None = Field(None, description="Logged answers (JSON lines) for --engine replay")
    batch_size: int = Field(16, ge=1, description="Questions generated together; halved when memory runs out")
    max_new_tokens: int | None = Field(
        None, ge=1, description="Longest answer [by protocol: direct 128, reason 512]"
    )
    tasks: str | None = Field(None, description="Relation,Depth,Distance,Count or all [all but Count]")
    split: str = Field("test", description="Split of a data set made by generate")
    limit: int | None = Field(None, ge=1, description="Ask only so many items, spread over the tasks")
    blind: bool = Field(False, description="Ask again without the picture")
    blind_limit: int | None = Field(
        None, ge=1, description="Ask only so many items without the picture, spread over the tasks"
    )
    swap_options: bool = Field(False, description="Ask again with the options in reverse order")
    baseline: Path | None = Field(
        None, description="results.json of another model, compared on the same items"
    )
    compare: tuple[Path, ...] = Field((), description="More results.json files to show in the report")
    title: str | None = Field(None, description="Name of this run in the report [the model's]")
    seed: int = Field(0, ge=0, description="Seed of the bootstrap and of the choice under --limit")
    revision: str | None = Field(None, description="Commit, tag or branch of a hub model")
    benchmark_revision: str = Field(CV_BENCH_REVISION, description="Commit of CV-Bench on the hub")
    gallery: int = Field(120, ge=0, description="Wrong and unreadable answers shown in the report")
    report: bool = Field(True, description="Write the HTML and Markdown report")
    model: ModelOptions = ModelOptions()
    vllm: VllmConfig = VllmConfig()

    @model_validator(mode="after")
    def _engine_has_its_input(self) -> EvaluateConfig:
        # Raised as they are: pydantic would fold a ValueError into its own wording.
        if self.engine == "replay" and self.answers is None:
            raise ConfigError(
                "the replay engine needs logged answers", where="--engine replay", fix="give --answers"
            )
        if self.engine != "replay" and self.answers is not None:
            raise ConfigError(
                "logged answers are for the replay engine", where="--answers", fix="add --engine replay"
            )
        if self.engine != "replay" and self.model_path is None:
            raise ConfigError("no model is named", where="--model_path", fix="give a folder or a hub id")
        if self.output.suffix != ".json":
            raise ConfigError(
                f"the results go into a .json file, not {self.output.suffix or 'one without ending'}",
                where=f"--output {self.output}",
                fix="end it in .json; answers and report go beside it",
            )
        return self

    @property
    def token_limit(self) -> int:
        """Longest answer in tokens."""
        return self.max_new_tokens or _MAX_NEW_TOKENS[self.protocol]

    @property
    def shown_title(self) -> str:
        """Name of this run in reports."""
        return self.title or self.model_path or (self.answers.stem if self.answers else "answers")
