"""Settings of ``reinforcesight audit``. This module imports fast, since the command line reads it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from reinforcesight.config import StrictConfig


class AuditConfig(StrictConfig):
    """Settings of ``reinforcesight audit``."""

    RENAMED: ClassVar = {"near_distance": "max_hash_distance"}

    dataset: Path = Field(description="Data set folder, as written by generate")
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
