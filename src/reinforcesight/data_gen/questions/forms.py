"""Question forms, and settings for the wording of reasoning."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from reinforcesight.config import StrictConfig
from reinforcesight.relations.kinds import Axis


class Form(StrEnum):
    """Question form, as in the data set's ``form`` column."""

    CVBENCH = "cvbench"
    CVBENCH_BOXES = "cvbench_boxes"
    YES_NO = "yes_no"
    WHICH_OBJECT = "which_object"
    OPEN = "open"


# Work files and quotas refer to axes and forms by their index here.
AXES = tuple(Axis)
FORMS = tuple(Form)


def names_answer(form: Form, axis: Axis) -> bool:
    """Return whether the options are the two objects, rather than two relations or yes and no."""
    if form in (Form.CVBENCH, Form.CVBENCH_BOXES):
        return axis in (Axis.DEPTH, Axis.DISTANCE)
    return form is Form.WHICH_OBJECT or (form is Form.OPEN and axis is Axis.DISTANCE)


class ReasoningStyle(StrictConfig):
    """Wording of a question's reasoning."""

    places: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Fraction of depth and distance texts without cues that first say where each object is "
        "(only with depth in metres)",
    )
    letters: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Fraction of texts that mention the letter of each option and end with the correct letter",
    )
    cues: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Fraction of depth and distance texts that give what can be seen as their reason",
    )
    fixed_wording: bool = Field(
        False, description="Use one wording per statement and no optional sentences; for very small models"
    )


WITHOUT_PLACES = ReasoningStyle(places=0.0)
