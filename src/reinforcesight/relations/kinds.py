"""Relations, axes, reasons for assigning none, and thresholds."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from reinforcesight.config import StrictConfig

Task = Literal["Relation", "Depth", "Distance"]  # of CV-Bench


class Relation(StrEnum):
    """Relation of subject to reference, as in the data set's ``relation`` column."""

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
        return _AXIS_OF[self]

    @property
    def inverse(self) -> Relation:
        return _INVERSE[self]

    @property
    def task(self) -> Task:
        return _TASK_OF[self.axis]


class Axis(StrEnum):
    """Quantity that is compared: x or y in the picture, depth, or distance to an anchor."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    DEPTH = "depth"
    DISTANCE = "distance"

    @property
    def relations(self) -> tuple[Relation, Relation]:
        """Return the relation if the subject has the smaller value, and the relation if it has the larger value."""
        return _RELATIONS_OF[self]


_RELATIONS_OF = {
    Axis.HORIZONTAL: (Relation.LEFT, Relation.RIGHT),
    Axis.VERTICAL: (Relation.ABOVE, Relation.BELOW),
    Axis.DEPTH: (Relation.IN_FRONT, Relation.BEHIND),
    Axis.DISTANCE: (Relation.CLOSER, Relation.FARTHER),
}
_AXIS_OF = {relation: axis for axis, pair in _RELATIONS_OF.items() for relation in pair}
_INVERSE = {r: pair[1 - i] for pair in _RELATIONS_OF.values() for i, r in enumerate(pair)}
_TASK_OF: dict[Axis, Task] = {
    Axis.HORIZONTAL: "Relation",
    Axis.VERTICAL: "Relation",
    Axis.DEPTH: "Depth",
    Axis.DISTANCE: "Distance",
}


class Reason(StrEnum):
    """Reason why a pair of objects gets no relation. If several apply, the first one checked is reported."""

    SAME_OBJECT = "same_object"
    AMBIGUOUS_NAME = "ambiguous_name"
    TINY = "tiny"
    PART_OF_OTHER = "part_of_other"
    MERGED_OUTLINE = "merged_outline"
    OCCLUDED = "occluded"
    NO_DEPTH = "no_depth"
    NO_POSITION = "no_position"
    TOO_LITTLE_VALID_DEPTH = "too_little_valid_depth"
    DEPTH_SPREAD_TOO_WIDE = "depth_spread_too_wide"
    OVERLAP = "overlap"
    NEAR_TIE = "near_tie"
    TRUNCATED = "truncated"
    CENTRE_SURFACE_DISAGREE = "centre_surface_disagree"
    VIEWS_DISAGREE = "views_disagree"


class RelationRules(StrictConfig):
    """Thresholds for assigning a relation; all are ratios, explained in ``docs/relations.md``."""

    min_side: float = Field(
        0.03, ge=0, description="Minimum side of an object's box, as a fraction of the shorter picture side"
    )
    min_area: float = Field(
        0.0008, ge=0, description="Minimum area of an object's box, as a fraction of the picture area"
    )
    min_visible: float = Field(0.7, ge=0, le=1, description="Minimum visible (not occluded) fraction of an object")
    contained: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Two objects count as part and whole, and are not compared, if at least this fraction of one box "
        "lies inside the other and their depth ranges overlap",
    )
    boxed_overlap: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Depth and distance are not compared if an object has no mask and more than this fraction of one "
        "box lies inside the other",
    )
    picture_gap: float = Field(
        0.7,
        gt=0,
        description="Left/right, above/below: minimum distance between box centres, divided by the mean box side",
    )
    picture_shift: float = Field(
        0.05,
        ge=0,
        description="Left/right, above/below: minimum distance between box centres, as a fraction of the picture side",
    )
    picture_overlap: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Left/right, above/below: maximum overlap of the two boxes along the axis, as a fraction of the "
        "shorter one",
    )
    depth_gap: float = Field(
        0.18, gt=0, lt=1, description="In front/behind: minimum relative gap, 1 - nearer depth / farther depth"
    )
    ray_gap: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="In front/behind: minimum relative gap of the distances from the camera along the viewing rays",
    )
    depth_spreads: float = Field(
        1.0,
        ge=0,
        description="In front/behind: minimum depth difference, in units of both objects' combined standard deviation"
        " of depth",
    )
    max_depth_spread: float = Field(
        0.2, gt=0, description="Maximum standard deviation of an object's depth, divided by its depth"
    )
    min_valid_depth: float = Field(
        0.3, ge=0, le=1, description="Minimum fraction of an object's mask with valid depth"
    )
    distance_gap: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="Closer/farther: minimum relative gap, 1 - shorter distance / longer distance to the third object",
    )
    distance_thickness: float = Field(
        0.8,
        ge=0,
        description="Closer/farther: factor a in the minimum difference of the two distances, a * (sum of the "
        "objects' thickness) + b * (mean depth)",
    )
    distance_depth: float = Field(
        0.08,
        ge=0,
        description="Closer/farther: factor b in the minimum difference of the two distances, a * (sum of the "
        "objects' thickness) + b * (mean depth)",
    )
    boxed_depth_spread: float = Field(
        0.1, gt=0, description="max_depth_spread for objects without a mask, whose depth is read inside the box"
    )
    boxed_factor: float = Field(
        1.25, ge=1, description="Multiply the minimum depth and distance gaps by this if an object has no mask"
    )
    truncated_factor: float = Field(
        1.5,
        ge=1,
        description="Multiply the minimum depth and distance gaps by this if the picture border cuts an object",
    )
    min_depth_score: float = Field(
        0.0,
        ge=0,
        description="In front/behind: minimum confidence score from depth estimates of several augmented copies of "
        "the picture (docs/calibration.md); 0: off",
    )
    min_distance_score: float = Field(
        0.0,
        ge=0,
        description="Closer/farther: minimum confidence score from depth estimates of several augmented copies of the"
        " picture (docs/calibration.md); 0: off",
    )


DEFAULT_RULES = RelationRules()
