"""Settings of ``reinforcesight review``. This module imports fast, since the command line reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from reinforcesight.data_gen.viewing.server import ServedConfig


class ReviewConfig(ServedConfig):
    """Settings of ``reinforcesight review``."""

    dataset: Annotated[Path, Field(description="Folder of a data set made by generate")]
    reviewer: Annotated[
        str | None,
        Field(
            min_length=1, max_length=60, description="Your name, stored with your answers; default: the user account"
        ),
    ] = None
    samples: Annotated[
        int, Field(ge=1, description="Number of questions to check; raise it later to add questions to the sample")
    ] = 200
    seed: Annotated[int | None, Field(ge=0, description="Random seed of the sample; default: 0")] = None
    confidence: Annotated[
        float, Field(gt=0.5, lt=1, description="Confidence level of the upper bounds on the fraction of wrong labels")
    ] = 0.95
    summary: Annotated[bool, Field(description="Print and store the results so far, without serving the page")] = False
    remove_wrong: Annotated[
        bool,
        Field(
            description="Remove the rows that reviewers marked as wrong from the data set, without serving the page"
        ),
    ] = False
