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

    dataset: Path | None = Field(None, description="Folder of a data set made by generate")
    benchmark: str | None = Field(
        None,
        description="Audit this benchmark instead of a data set (names as in evaluate --benchmark): how often can its"
        " questions be answered without the picture?",
    )
    split: str = Field(
        "test", description="With --benchmark: split to audit, if the benchmark is a data set made by generate"
    )
    subset: Path | None = Field(
        None, description="With --benchmark: .parquet file for the questions that a text-only classifier can't guess"
    )
    report: Path | None = Field(None, description="Also write the report to this .json or .html file")
    cv_bench_files: Path | None = Field(
        None,
        description="Names of CV-Bench's source pictures, to find them in the data set: text, CSV, JSON lines, "
        "Parquet or a folder",
    )
    cv_bench_images: Path | None = Field(
        None,
        description="CV-Bench's pictures, to find copies of them in the data set: a folder, Parquet, or a text file "
        "of perceptual hashes",
    )
    seed: int = Field(0, ge=0, description="Random seed of cross-validation folds and samples")
    max_pictures: int = Field(0, ge=0, description="Maximum number of pictures to decode and check; 0: all")
    max_texts: int = Field(
        20_000, ge=0, description="Maximum number of questions for cross-validating the text-only classifier; 0: all"
    )
    max_hash_distance: int = Field(
        6,
        ge=0,
        le=16,
        description="Treat two pictures as copies if their 64-bit perceptual hashes differ in at most this many bits",
    )
    workers: int = Field(
        0,
        ge=0,
        description="Processes that check rows (on Linux); 0: one per core for 4,000 questions or more, else one",
    )
    quiet: bool = Field(False, description="Print no tables")

    @model_validator(mode="after")
    def _check_files(self) -> AuditConfig:
        if (self.dataset is None) == (self.benchmark is None):
            raise ConfigError(
                "expected a data set or a benchmark", fix="reinforcesight audit DIR, or --benchmark NAME"
            )
        if self.subset is not None and (self.benchmark is None or self.subset.suffix != ".parquet"):
            raise ConfigError("a subset is a .parquet file of a benchmark", where="--subset", fix="add --benchmark")
        if self.report is not None and self.report.suffix.lower() not in (".json", ".html"):
            what = f"expected a report name that ends in .json or .html, got {self.report.name!r}"
            raise ConfigError(what, where="--report")
        return self
