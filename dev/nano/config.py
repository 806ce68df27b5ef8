"""What a user may choose about the embedded model and its pretraining."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.data_gen.rendering import RenderConfig


class NanoArchitecture(StrictConfig):
    """Sizes of the Qwen2.5-VL that is built."""

    patch_size: int = Field(16, ge=4, description="pixels along a patch of the vision tower")
    merge_size: int = Field(1, ge=1, description="patches along a visual token")
    vision_width: int = Field(192, ge=32)
    vision_layers: int = Field(4, ge=1)
    vision_heads: int = Field(6, ge=1)
    vision_hidden: int = Field(512, ge=32, description="width of the vision tower's MLP")
    text_width: int = Field(128, ge=32)
    text_layers: int = Field(4, ge=1)
    text_heads: int = Field(4, ge=1)
    text_hidden: int = Field(384, ge=32, description="width of the text model's MLP")
    vocabulary: int = Field(960, ge=300, description="entries of the tokenizer before fixed wordings")

    @property
    def cell(self) -> int:
        """Pixels along a visual token."""
        return self.patch_size * self.merge_size


class PretrainRound(StrictConfig):
    """One rise and fall of the learning rate: the vision tower alone, then all together."""

    vision_steps: int = Field(ge=0, description="steps of the vision tower alone")
    steps: int = Field(ge=0, description="steps of vision tower and text model together")
    scenes_per_step: int = Field(8, ge=0, description="new scenes a step")

    @property
    def length(self) -> int:
        """All steps."""
        return self.vision_steps + self.steps


class PretrainConfig(StrictConfig):
    """Pretraining of the embedded model on rendered scenes, from random weights or from a model of this kind."""

    start_model: str | None = Field(
        None,
        description="go on from this model (nano or a folder) with a new optimizer, not from random weights",
    )
    output: Path = Field(Path("models/nano"), description="folder for checkpoints and the finished model")
    seed: int = Field(0, ge=0, description="of weights, scenes and tasks")
    picture_size: tuple[int, int] = Field((128, 96), description="width and height, pixels")
    vision_steps: int = Field(1000, ge=0, description="first steps: the vision tower alone names what it sees")
    steps: int = Field(3000, ge=0, description="steps of vision tower and text model together")
    vision_batch_size: int = Field(64, ge=1, description="pictures a step, in the first part")
    batch_size: int = Field(32, ge=1, description="conversations about pictures a step, in the second part")
    text_batch_size: int = Field(12, ge=0, description="conversations without a picture a step")
    vision_learning_rate: float = Field(1.5e-3, gt=0)
    learning_rate: float = Field(1.5e-3, gt=0)
    warmup_steps: int = Field(100, ge=0)
    weight_decay: float = Field(0.05, ge=0)
    decay_from: float = Field(
        0.5, ge=0, lt=1, description="share of a part of a round after which the learning rate falls"
    )
    grid_weight: float = Field(0.5, ge=0, description="weight of naming visual tokens beside the texts' loss")
    first_scenes: int = Field(2048, ge=1, description="scenes rendered before the first step")
    scenes_per_step: int = Field(8, ge=0, description="new scenes a step")
    skip_scenes: int = Field(
        0,
        ge=0,
        description="scenes at the beginning of the sequence to pass over: the start model has seen them",
    )
    shift: int = Field(
        0, ge=0, description="most pixels by which a picture is moved, across and down, each time it is seen"
    )
    repaint: float = Field(
        0,
        ge=0,
        le=1,
        description="share of pictures whose objects get colours without a name, for telling kinds by their shape",
    )
    open_pairs: bool = Field(
        False,
        description="where a colour is seen, learn nothing about the kinds that training never shows in it",
    )
    further: list[PretrainRound] = Field(
        [],
        description="rounds after the first, which raise the learning rate again; a finished run may be given more",
    )
    window: int = Field(16384, ge=64, description="most scenes to draw from; the oldest make way for new ones")
    workers: int = Field(1, ge=0, description="processes that render; 0 renders in the main process")
    save_steps: int = Field(250, ge=1)
    log_steps: int = Field(25, ge=1)
    score_steps: int = Field(500, ge=1, description="how often naming and placing are scored on held-out scenes")
    score_scenes: int = Field(500, ge=10, description="held-out scenes of the score")
    threads: int | None = Field(None, ge=1, description="processor threads for the arithmetic")
    architecture: NanoArchitecture = NanoArchitecture()
    rendering: RenderConfig = RenderConfig()

    @property
    def rounds(self) -> list[PretrainRound]:
        """All rounds, the first one too."""
        first = PretrainRound(vision_steps=self.vision_steps, steps=self.steps, scenes_per_step=self.scenes_per_step)
        return [first, *self.further]

    def at(self, step: int) -> tuple[int, PretrainRound, int]:
        """Number of the round that a step is in (0 is the first), the round, and the steps done within it."""
        rounds = self.rounds
        for number, part in enumerate(rounds):
            if step < part.length or number == len(rounds) - 1:
                return number, part, step
            step -= part.length
        raise AssertionError

    def new_scenes(self, step: int) -> int:
        """Scenes that have come in before a step, beyond the first window."""
        number, part, within = self.at(step)
        return sum(p.length * p.scenes_per_step for p in self.rounds[:number]) + within * part.scenes_per_step

    @model_validator(mode="after")
    def _fits(self) -> Self:
        cell = self.architecture.cell
        if any(side % cell for side in self.picture_size):
            raise ValueError(f"picture_size {self.picture_size} is not a multiple of {cell}, a visual token")
        if self.rendering.kinds is None or self.rendering.colours is None:
            raise ValueError("rendering.kinds and rendering.colours must be listed: they are what is named")
        return self
