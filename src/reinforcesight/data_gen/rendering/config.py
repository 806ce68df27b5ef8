"""Settings of rendered pictures."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.data_gen.rendering.objects.kinds import KINDS
from reinforcesight.data_gen.rendering.objects.real_kinds import REAL_KINDS
from reinforcesight.data_gen.rendering.palette import COLOURS


class RenderConfig(StrictConfig):
    """Contents, camera and quality of rendered pictures; ``None`` means a random value."""

    world: Literal["places", "toys"] = Field(
        "places",
        description="places: rooms and streets with everyday objects in real sizes, where they usually are; toys: "
        "simple scenes with objects of any size and colour, on which the model nano is trained",
    )
    objects_min: int = Field(5, ge=1, le=20, description="Minimum number of objects in a picture")
    objects_max: int = Field(9, ge=1, le=20, description="Maximum number of objects in a picture")
    kinds: tuple[str, ...] | None = Field(
        None, description="Kinds of objects, such as chair; default: all kinds that fit the setting"
    )
    colours: tuple[str, ...] | None = Field(None, description="Colour names; default: all")
    setting: Literal["any", "room", "ground", "kitchen", "office", "bedroom", "living room", "shop", "street"] = Field(
        "any",
        description="Scene type: any indoor scene (room), any outdoor scene (ground), either (any), or one place",
    )
    size_spread: float = Field(
        0.25,
        ge=0,
        le=0.5,
        description="Maximum relative deviation of an object from its usual size, such as 0.25 for 25 % (only with "
        "world 'places')",
    )
    same_kind: float = Field(
        0.25, ge=0, le=1, description="Probability that an object has the kind of an earlier one, in another colour"
    )
    same_name: float = Field(
        0.03,
        ge=0,
        le=1,
        description="Probability that an object has both kind and colour of an earlier one, so that its name is "
        "ambiguous",
    )
    min_extent: float = Field(
        0.03, gt=0, lt=0.5, description="Minimum size of an object in the picture, as a fraction of the picture width"
    )
    furnishing: int | None = Field(
        None,
        ge=0,
        le=8,
        description="Maximum number of shelves, and of pedestals and brick walls together (only with world 'toys'); "
        "default: random",
    )
    shadows: bool = Field(True, description="Render shadows")
    antialias: int = Field(2, ge=1, le=4, description="Supersampling factor at edges; 1: off")
    height: float | None = Field(None, gt=0.2, le=3.0, description="Camera height in metres; default: random")
    pitch: float | None = Field(
        None, ge=-30, le=60, description="Camera pitch in degrees, positive looks down; default: random"
    )
    roll: float | None = Field(None, ge=-45, le=45, description="Camera roll in degrees; default: random")
    field_of_view: float | None = Field(
        None, ge=20, le=110, description="Horizontal field of view in degrees; default: random"
    )
    wall_fills_view: bool = Field(
        False, description="Fill the background with a near wall, so that no floor is visible"
    )

    @field_validator("kinds", "colours")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if value is None:
            return None
        kinds = tuple(REAL_KINDS) if info.data.get("world") == "places" else KINDS
        valid = kinds if info.field_name == "kinds" else COLOURS
        unknown = [name for name in value if name not in valid]
        if unknown or not value:
            raise ValueError(f"unknown {info.field_name} {unknown}; choose from {', '.join(valid)}")
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.objects_min > self.objects_max:
            raise ValueError(f"objects_min {self.objects_min} is greater than objects_max {self.objects_max}")
        if self.wall_fills_view and self.setting in ("ground", "street"):
            raise ValueError("wall_fills_view needs a room; set setting to 'room' or 'any'")
        if self.world == "toys" and self.setting not in ("any", "room", "ground"):
            raise ValueError(f"the setting {self.setting!r} is a place; set world to 'places'")
        return self
