"""Settings of the demo. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from reinforcesight.data_gen.viewing.server import ServedConfig
from reinforcesight.model.options import ModelOptions


class DemoConfig(ServedConfig):
    """Settings of the demo page."""

    model_path: Annotated[str, Field(description="Model: folder, hub id, or nano")] = "nano"
    compare_with: Annotated[
        str | None, Field(description="Second model to ask the same questions, such as the base of the first")
    ] = None
    max_new_tokens: Annotated[int, Field(ge=1, description="Maximum number of generated tokens per answer")] = 256
    scenes: Annotated[
        Path | None,
        Field(
            description="Recipe with the settings of the rendered pictures; default: nano_scenes for models with "
            "nano's picture size, else generate's defaults"
        ),
    ] = None
    seed: Annotated[int, Field(ge=0, description="Random seed of the rendered pictures")] = 0
    port: Annotated[int, Field(ge=0, le=65535, description="Port of the page; 0: any free port")] = 7860
    model: ModelOptions = ModelOptions()
