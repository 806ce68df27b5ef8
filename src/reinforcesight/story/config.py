"""Configuration of ``reinforcesight run``. Its sections are the stages' own classes; the run fills in the paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, field_validator, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.sft.config import SftConfig
from reinforcesight.story.folder import RunFolder
from reinforcesight.story.stages import STAGE_NAMES

# By default, a benchmark is one test split in CV-Bench's two wordings.
_AS_BENCHMARK: dict[str, Any] = {
    "forms": {"cvbench": 1, "cvbench_boxes": 1},
    "splits": {"train": 0, "validation": 0, "test": 1},
}
_NAMES = ", ".join(STAGE_NAMES)


class ReportOptions(StrictConfig):
    """Content of the run page."""

    title: str | None = Field(None, description="Title of the report; default: the main result")
    scenes: int = Field(6, ge=1, le=60, description="Number of training questions shown in the report")
    answers: int = Field(
        12, ge=0, le=120, description="Number of test questions shown in the report with the answers of all models"
    )


class RunConfig(StrictConfig):
    """Configuration of a run. Data sets, models and results go into the run folder; other paths are ignored."""

    model_config = ConfigDict(populate_by_name=True)

    output: Path = Field(description="Output folder of the run: data sets, models, results and report")
    from_stage: str | None = Field(None, alias="from", description=f"Do this stage and those after it again: {_NAMES}")
    until: str | None = Field(None, description=f"Stop after this stage: {_NAMES}")

    generate: GenerateConfig
    audit: AuditConfig
    benchmarks: dict[str, GenerateConfig | str] = Field(
        description="Benchmarks by name: settings that differ from those of generate, or a value for evaluate "
        "--benchmark"
    )
    sft: SftConfig
    grpo: GrpoConfig
    evaluate: EvaluateConfig
    report: ReportOptions = ReportOptions()

    @model_validator(mode="before")
    @classmethod
    def _fill_in_paths(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("output") is None:
            return values
        folder = RunFolder(Path(values["output"]))
        filled = dict(values)
        generate = _section(values, "generate")
        filled["generate"] = {**generate, "output": folder.dataset}
        filled["audit"] = {**_section(values, "audit"), "dataset": folder.dataset, "report": folder.audit}
        filled["benchmarks"] = {
            name: entry
            if isinstance(entry, str)
            else {
                **_as_benchmark(generate, _as_mapping(entry)),
                "output": folder.benchmark_dataset(str(name)),
            }
            for name, entry in _section(values, "benchmarks").items()
        }
        sft = _section(values, "sft")
        filled["sft"] = {**sft, "dataset": str(folder.dataset), "output": str(folder.sft)}
        grpo = _section(values, "grpo")
        filled["grpo"] = {
            **grpo,
            "dataset": str(folder.dataset),
            "model_path": str(folder.sft),
            "output": str(folder.grpo),
            "difficulty": {**_section(grpo, "difficulty"), "file": folder.difficulty},
        }
        # The run sets model and benchmark for each evaluation.
        filled["evaluate"] = {**_section(values, "evaluate"), "model_path": str(folder.sft)}
        return filled

    @field_validator("benchmarks")
    @classmethod
    def _names_are_plain(cls, value: dict[str, GenerateConfig | str]) -> dict[str, GenerateConfig | str]:
        if not value:
            raise ValueError("expected at least one benchmark")
        for name in value:
            if not name.replace("-", "_").isidentifier():
                raise ValueError(f"a benchmark's name makes a folder: letters, digits, _ and -, not {name!r}")
        return value

    @field_validator("from_stage", "until")
    @classmethod
    def _stage_is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in STAGE_NAMES:
            raise ValueError(f"expected one of {_NAMES}")
        return value

    @model_validator(mode="after")
    def _stages_in_order(self) -> RunConfig:
        order = STAGE_NAMES
        if self.from_stage and self.until and order.index(self.from_stage) > order.index(self.until):
            raise ValueError(f"--from {self.from_stage} comes after --until {self.until}")
        return self

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.output)

    @property
    def base(self) -> str:
        return self.sft.model_path


def _as_benchmark(generate: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a benchmark's settings: those of generate, overridden by its own section."""
    merged = {**generate, **_AS_BENCHMARK, **own}
    # In these sections single keys are overridden; weights of forms and fractions of splits are replaced as a whole.
    for name in ("rendering", "rules", "perception", "gallery"):
        if name in generate and name in own:
            merged[name] = {**_section(generate, name), **_section(own, name)}
    return merged


def _section(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return _as_mapping(values.get(name) or {})


def _as_mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, StrictConfig):
        return value.model_dump()
    # The section's own class rejects values that are not mappings.
    return dict(value) if isinstance(value, Mapping) else {"": value}
