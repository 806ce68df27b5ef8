"""Settings of ``reinforcesight audit``. This module imports fast, since the command line reads it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.errors import ConfigError


class AuditConfig(StrictConfig):
    """Settings of ``reinforcesight audit``."""

    RENAMED: ClassVar = {"near_distance": "max_hash_distance"}

    dataset: Path | None = Field(None, description="Data set folder, as written by generate")
    benchmark: str | None = Field(
        None,
        description="Benchmark to audit instead of a data set, as for evaluate --benchmark: how well its questions can "
        "be answered without the picture",
    )
    split: str = Field("test", description="Split of a benchmark made by generate")
    subset: Path | None = Field(
        None, description="With --benchmark: write the questions that text alone does not answer to this .parquet file"
    )
    report: Path | None = Field(None, description="Also write a report to this .json or .html file")
    cv_bench_files: Path | None = Field(
        None, description="List of CV-Bench's source file names: text, CSV, JSON lines, Parquet or a folder"
    )
    cv_bench_images: Path | None = Field(
        None, description="CV-Bench's pictures: a folder, Parquet, or a text file of perceptual hashes"
    )
    seed: int = Field(0, ge=0, description="Random seed of cross-validation folds and samples")
    max_pictures: int = Field(0, ge=0, description="Maximum number of pictures to decode; 0: all")
    max_texts: int = Field(
        20_000, ge=0, description="Maximum number of questions for the text-only classifier; 0: all"
    )
    max_hash_distance: int = Field(
        6,
        ge=0,
        le=16,
        description="Maximum Hamming distance (of 64 bits) between perceptual hashes of the same picture",
    )
    quiet: bool = Field(False, description="Print no tables")

    @model_validator(mode="after")
    def _one_input(self) -> AuditConfig:
        if (self.dataset is None) == (self.benchmark is None):
            raise ConfigError(
                "expected a data set or a benchmark", fix="reinforcesight audit DIR, or --benchmark NAME"
            )
        if self.subset is not None and (self.benchmark is None or self.subset.suffix != ".parquet"):
            raise ConfigError("a subset is a .parquet file of a benchmark", where="--subset", fix="add --benchmark")
        return self
