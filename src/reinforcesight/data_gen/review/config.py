"""Settings of ``reinforcesight review``. Imports fast: the command line reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from reinforcesight.data_gen.viewing.server import ServedConfig


class ReviewConfig(ServedConfig):
    """Settings of ``reinforcesight review``."""

    dataset: Annotated[Path, Field(description="Folder of the data set, as made by generate")]
    reviewer: Annotated[
        str | None, Field(min_length=1, max_length=60, description="Your name; by default that of the user account")
    ] = None
    samples: Annotated[
        int, Field(ge=1, description="Questions to check; a larger number later adds questions to the sample")
    ] = 200
    seed: Annotated[int | None, Field(ge=0, description="Random seed of the sample (0)")] = None
    confidence: Annotated[float, Field(gt=0.5, lt=1, description="Confidence of the upper bounds")] = 0.95
    summary: Annotated[bool, Field(description="Serve no page, but print the results and write them")] = False
    remove_wrong: Annotated[
        bool, Field(description="Serve no page, but remove the rows that reviewers marked as wrong from the data set")
    ] = False
