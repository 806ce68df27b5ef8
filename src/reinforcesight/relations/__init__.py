"""Decide which of the eight relations holds between two objects, or that the pair is too unclear."""

from reinforcesight.relations.kinds import DEFAULT_RULES, Axis, Reason, Relation, RelationRules
from reinforcesight.relations.relate import RelationResult, relate, relate_all, relate_pairs

__all__ = [
    "DEFAULT_RULES",
    "Axis",
    "Reason",
    "Relation",
    "RelationResult",
    "RelationRules",
    "relate",
    "relate_all",
    "relate_pairs",
]
