"""Rules that guess depth and distance from boxes, by numbers written by hand."""

from __future__ import annotations

from reinforcesight.relations.kinds import Axis
from reinforcesight.relations.rules_of_thumb import rules_right

HIGH, LOW = (10.0, 10.0, 50.0, 50.0), (100.0, 60.0, 120.0, 90.0)


def test_depth():
    # LOW ends farther down, HIGH has the larger box.
    assert rules_right(Axis.DEPTH, LOW, HIGH, None) == {
        "the lower one is nearer": True,
        "the larger box is nearer": False,
    }
    assert rules_right(Axis.DEPTH, HIGH, LOW, None) == {
        "the lower one is nearer": False,
        "the larger box is nearer": True,
    }


def test_distance():
    anchor = (110.0, 60.0, 130.0, 90.0)
    assert rules_right(Axis.DISTANCE, LOW, HIGH, anchor) == {"the one nearer in the picture is closer": True}
    assert rules_right(Axis.DISTANCE, HIGH, LOW, anchor) == {"the one nearer in the picture is closer": False}


def test_a_tie_is_wrong_and_picture_relations_have_no_rule():
    assert not any(rules_right(Axis.DEPTH, LOW, LOW, None).values())
    assert rules_right(Axis.HORIZONTAL, LOW, HIGH, None) == {}
