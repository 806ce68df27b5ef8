"""``reinforcesight export``: data sets and checkpoints in the formats of other tools."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click
from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.jobs.files import only_writer_of


class _Target(NamedTuple):
    """A function below ``reinforcesight.export``, and the settings that it takes; the first is required.

    It returns the files that it wrote, or an object with the ``lines`` to print.
    """

    module: str
    function: str
    settings: tuple[str, ...] = ("dataset", "output")


TARGETS = {
    "trl": _Target("trl", "to_trl"),
    "llama-factory": _Target("llama_factory", "to_llama_factory"),
    "ms-swift": _Target("ms_swift", "to_ms_swift"),
    "r1_vlm": _Target("r1_vlm", "to_r1_vlm"),
    "easyr1": _Target("easyr1", "to_easyr1"),
    "verl": _Target("easyr1", "to_easyr1"),
    "fiftyone": _Target("fiftyone", "to_fiftyone"),
    "cv-bench": _Target("cv_bench", "to_cv_bench", ("dataset", "output", "split")),
    "lmms-eval": _Target("lmms_eval", "to_lmms_eval", ("output", "dataset")),
    "merged-model": _Target("merged_model", "to_merged_model", ("model_path", "output", "push_to_hub")),
}
if TYPE_CHECKING:
    TargetName = str
else:
    TargetName = Literal[tuple(TARGETS)]


class ExportConfig(StrictConfig):
    """Input, target format and output of an export."""

    to: TargetName = Field(description="Target tool or format")
    dataset: Path | None = Field(
        None,
        description="Data set made by generate; for lmms-eval a folder written by --to cv-bench [default for lmms-"
        "eval: CV-Bench]",
    )
    model_path: str | None = Field(None, description="With --to merged-model: checkpoint or adapter folder")
    output: Path = Field(description="Output folder")
    split: str = Field("test", description="With --to cv-bench: split to export")
    push_to_hub: str | None = Field(
        None, description="With --to merged-model: hub repository owner/name to upload the model to"
    )

    @model_validator(mode="after")
    def _has_its_input(self) -> ExportConfig:
        settings = TARGETS[self.to].settings
        if getattr(self, settings[0]) is None:
            raise ValueError(f"--to {self.to} needs --{settings[0]} DIR")
        if self.push_to_hub is not None and "push_to_hub" not in settings:
            raise ValueError("--push_to_hub goes with --to merged-model")
        return self


def export(config: ExportConfig) -> object:
    """Run the export that ``to`` names, and print the files that it wrote."""
    target = TARGETS[config.to]
    function = getattr(import_module(f"reinforcesight.export.{target.module}"), target.function)
    with only_writer_of(config.output):
        done = function(**{name: getattr(config, name) for name in target.settings})
    for line in [f"wrote {path}" for path in done] if isinstance(done, list) else done.lines:
        click.echo(line)
    return None if isinstance(done, list) else done
