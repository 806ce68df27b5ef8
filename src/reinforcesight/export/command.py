"""``reinforcesight export``: data sets and checkpoints in the forms that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig

DATA_TARGETS = ("trl", "llama-factory", "ms-swift", "r1_vlm", "easyr1", "cv-bench")


class ExportConfig(StrictConfig):
    """What is exported, and where to."""

    to: Literal[
        "trl", "llama-factory", "ms-swift", "r1_vlm", "easyr1", "cv-bench", "lmms-eval", "merged-model"
    ] = Field(description="Target form")
    dataset: Path | None = Field(
        None, description="Data set made by generate (data targets; a benchmark for lmms-eval)"
    )
    model_path: str | None = Field(None, description="Checkpoint or adapter folder (merged-model)")
    output: Path = Field(description="Folder to write")
    split: str = Field("test", description="Split that becomes the benchmark (cv-bench)")
    push_to_hub: str | None = Field(None, description="Hub repository owner/name to push the merged model to")

    @model_validator(mode="after")
    def _has_its_input(self) -> ExportConfig:
        if self.to in DATA_TARGETS and self.dataset is None:
            raise ValueError(f"--to {self.to} needs --dataset DIR")
        if self.to == "merged-model" and self.model_path is None:
            raise ValueError("--to merged-model needs --model_path DIR")
        if self.push_to_hub is not None and self.to != "merged-model":
            raise ValueError("--push_to_hub goes with --to merged-model")
        return self


def export(config: ExportConfig) -> object:
    """Run the export that ``to`` names, and say what was written."""
    if config.to == "merged-model":
        from reinforcesight.export.merged_model import export_merged_model

        assert config.model_path is not None
        merged = export_merged_model(Path(config.model_path), config.output, config.push_to_hub)
        click.echo(f"merged model in {config.output}")
        return merged
    if config.to == "lmms-eval":
        from reinforcesight.export.cv_bench import to_lmms_eval

        for path in to_lmms_eval(config.output, benchmark=config.dataset):
            click.echo(f"wrote {path}")
        return None
    assert config.dataset is not None
    if config.to == "cv-bench":
        from reinforcesight.export.cv_bench import to_cv_bench

        done = to_cv_bench(config.dataset, config.output, split=config.split)
        click.echo(
            f"wrote {done.rows} questions to {done.folder}; left out {done.not_listed} without listed options"
        )
        for row in done.broken:
            click.echo(f"can't be scored: {row}", err=True)
        return done
    from reinforcesight.export import training_formats
    from reinforcesight.export.reinforcement import to_easyr1, to_r1_vlm

    writer = {
        "trl": training_formats.to_trl,
        "llama-factory": training_formats.to_llama_factory,
        "ms-swift": training_formats.to_ms_swift,
        "r1_vlm": to_r1_vlm,
        "easyr1": to_easyr1,
    }[config.to]
    for path in writer(config.dataset, config.output):
        click.echo(f"wrote {path}")
    return None
