"""The eight relations, what each compares, the reasons for claiming none, and the margins."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from reinforcesight.config import StrictConfig


class Relation(StrEnum):
    """The eight relations, written as in the data set's ``relation`` column."""

    LEFT = "left"
    RIGHT = "right"
    ABOVE = "above"
    BELOW = "below"
    IN_FRONT = "in front"
    BEHIND = "behind"
    CLOSER = "closer"
    FARTHER = "farther"

    @property
    def axis(self) -> Axis:
        """What is compared to decide this relation."""
        return _AXIS_OF[self]

    @property
    def inverse(self) -> Relation:
        """The relation that holds when the two objects change places."""
        return _INVERSE[self]

    @property
    def task(self) -> str:
        """CV-Bench's name of the task: Relation, Depth or Distance."""
        return _TASK_OF[self.axis]


class Axis(StrEnum):
    """What is compared: picture columns, picture rows, depth, or distance to an anchor."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    DEPTH = "depth"
    DISTANCE = "distance"

    @property
    def relations(self) -> tuple[Relation, Relation]:
        """The relation claimed when the subject has the smaller value, and when it has the larger."""
        return _RELATIONS_OF[self]


_RELATIONS_OF = {
    Axis.HORIZONTAL: (Relation.LEFT, Relation.RIGHT),
    Axis.VERTICAL: (Relation.ABOVE, Relation.BELOW),
    Axis.DEPTH: (Relation.IN_FRONT, Relation.BEHIND),
    Axis.DISTANCE: (Relation.CLOSER, Relation.FARTHER),
}
_AXIS_OF = {relation: axis for axis, pair in _RELATIONS_OF.items() for relation in pair}
_INVERSE = {r: pair[1 - i] for pair in _RELATIONS_OF.values() for i, r in enumerate(pair)}
_TASK_OF = {
    Axis.HORIZONTAL: "Relation",
    Axis.VERTICAL: "Relation",
    Axis.DEPTH: "Depth",
    Axis.DISTANCE: "Distance",
}


class Reason(StrEnum):
    """Why no relation may be claimed. The first that is found is given."""

    SAME_OBJECT = "same_object"
    AMBIGUOUS_NAME = "ambiguous_name"
    TINY = "tiny"
    PART_OF_OTHER = "part_of_other"
    OCCLUDED = "occluded"
    NO_DEPTH = "no_depth"
    NO_POSITION = "no_position"
    TOO_LITTLE_VALID_DEPTH = "too_little_valid_depth"
    DEPTH_SPREAD_TOO_WIDE = "depth_spread_too_wide"
    OVERLAP = "overlap"
    NEAR_TIE = "near_tie"
    TRUNCATED = "truncated"
    CENTRE_SURFACE_DISAGREE = "centre_surface_disagree"


class RelationRules(StrictConfig):
    """Thresholds of the relations; all are ratios. ``docs/relations.md`` says what each is for."""

    min_side: Annotated[
        float, Field(ge=0, description="least box side, as a share of the picture's short side")
    ] = 0.03
    min_area: Annotated[float, Field(ge=0, description="least box area, as a share of the picture")] = 0.0008
    min_visible: Annotated[float, Field(ge=0, le=1, description="least visible share of an object")] = 0.7
    contained: Annotated[
        float, Field(gt=0, le=1, description="box share inside another that makes it a part")
    ] = 0.9
    picture_gap: Annotated[
        float, Field(gt=0, description="least centre distance over the mean box side along the axis")
    ] = 0.7
    picture_shift: Annotated[
        float, Field(ge=0, description="least centre distance, share of the picture")
    ] = 0.05
    picture_overlap: Annotated[
        float, Field(ge=0, le=1, description="largest overlap along the axis, share of the shorter side")
    ] = 0.35
    depth_gap: Annotated[
        float, Field(gt=0, lt=1, description="least relative depth gap: one minus near over far")
    ] = 0.18
    depth_spreads: Annotated[float, Field(ge=0, description="depth gap in units of the joint spread")] = 1.0
    max_depth_spread: Annotated[
        float, Field(gt=0, description="largest spread of one object over its depth")
    ] = 0.2
    min_valid_depth: Annotated[
        float, Field(ge=0, le=1, description="least share of the outline with depth")
    ] = 0.3
    distance_gap: Annotated[
        float, Field(gt=0, lt=1, description="least relative gap of the distances to the anchor")
    ] = 0.3
    distance_thickness: Annotated[
        float, Field(ge=0, description="distance gap in units of the joint thickness of the three objects")
    ] = 0.8
    distance_depth: Annotated[
        float, Field(ge=0, description="distance gap as a share of the mean depth: how far depth is trusted")
    ] = 0.08
    boxed_depth_spread: Annotated[
        float,
        Field(
            gt=0, description="as max_depth_spread, where the outline is unknown and depth is read in a box"
        ),
    ] = 0.1
    boxed_factor: Annotated[
        float,
        Field(ge=1, description="how much wider the gaps in depth and distance where an outline is unknown"),
    ] = 1.25
    truncated_factor: Annotated[
        float, Field(ge=1, description="how much wider the gap where an object is cut")
    ] = 1.5


DEFAULT_RULES = RelationRules()
