"""Settings of the demo. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from reinforcesight.data_gen.viewing.server import ServedConfig
from reinforcesight.model.options import ModelOptions


class DemoConfig(ServedConfig):
    """Settings of the demo page."""

    model_path: str = Field("nano", description="Model: folder, hub id, or nano (the tiny model in this package)")
    compare_with: str | None = Field(
        None, description="Second model to ask the same questions, such as the base of the first"
    )
    max_new_tokens: int = Field(256, ge=1, description="Maximum number of generated tokens per answer")
    scenes: Path | None = Field(
        None,
        description="Recipe with the settings of the rendered pictures; default: nano_scenes for models with "
        "nano's picture size, else generate's defaults",
    )
    seed: int = Field(0, ge=0, description="Random seed of the rendered pictures")
    port: int = Field(7860, ge=0, le=65535, description="Port of the page; 0: any free port")
    model: ModelOptions = ModelOptions()
