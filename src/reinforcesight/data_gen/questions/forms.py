"""Question forms, kinds of questions, and settings for the wording of reasoning."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from reinforcesight.config import StrictConfig
from reinforcesight.relations.kinds import Axis, Relation, Task


class Form(StrEnum):
    """Question form, as in the data set's ``form`` column."""

    CVBENCH = "cvbench"
    CVBENCH_BOXES = "cvbench_boxes"
    YES_NO = "yes_no"
    WHICH_OBJECT = "which_object"
    OPEN = "open"


FormWeight = float | dict[Task, float]
"""Weight of a form in all of CV-Bench's tasks, or in each (0 in those that are left out)."""

CVBENCH_TASKS: dict[Task, float] = {"Relation": 650, "Depth": 600, "Distance": 600}
"""CV-Bench's numbers of questions."""

# CV-Bench draws boxes in every question about depth and distance; about the picture, only where a name is ambiguous.
DEFAULT_FORMS: dict[Form, FormWeight] = {
    Form.CVBENCH: {"Relation": 5},
    Form.CVBENCH_BOXES: {"Relation": 1, "Depth": 6, "Distance": 6},
    Form.YES_NO: 1,
    Form.WHICH_OBJECT: 1,
    Form.OPEN: 1,
}

# Work files and quotas refer to axes and forms by their index here.
AXES = tuple(Axis)
FORMS = tuple(Form)


def names_answer(form: Form, axis: Axis) -> bool:
    """Return whether the options are the two objects, rather than two relations or yes and no."""
    if form in (Form.CVBENCH, Form.CVBENCH_BOXES):
        return axis in (Axis.DEPTH, Axis.DISTANCE)
    return form is Form.WHICH_OBJECT or (form is Form.OPEN and axis is Axis.DISTANCE)


@dataclass(frozen=True, slots=True)
class QuestionKind:
    """Relation and form of a question, and its correct option."""

    relation: Relation  # of subject to reference
    form: Form
    answer_index: int  # 0 or 1
    affirm: bool = True  # whether a yes/no question asks about the relation, so that its answer is "yes"

    @property
    def twin(self) -> QuestionKind:
        """Kind of the same question about the twin picture, in which the relation is inverted."""
        same = names_answer(self.form, self.relation.axis)  # then the other object is the subject
        relation = self.relation if same else self.relation.inverse
        affirm = self.affirm is not (self.form is Form.YES_NO)
        return QuestionKind(relation, self.form, 1 - self.answer_index, affirm)


class ReasoningStyle(StrictConfig):
    """Wording of a question's reasoning."""

    places: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Fraction of the Depth and Distance reasoning without visual cues that begins with each object's "
        "position; only with depth in metres",
    )
    letters: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Fraction of the reasoning that repeats each option with its letter and ends with the correct "
        "letter",
    )
    cues: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Fraction of the Depth and Distance reasoning that gives a visual cue as the reason, such as "
        "occlusion or height in the picture",
    )
    fixed_wording: bool = Field(
        False,
        description="Use one fixed wording per statement and no optional sentences; for models of a few million "
        "parameters",
    )


WITHOUT_PLACES = ReasoningStyle(places=0.0)
