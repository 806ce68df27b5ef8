"""Rules that guess depth and distance from boxes, by numbers written by hand."""

from __future__ import annotations

from reinforcesight.relations.kinds import Relation
from reinforcesight.relations.rules_of_thumb import rules_right
from reinforcesight.scene import SceneObject

HIGH = SceneObject(id=0, name="cup", box=(10.0, 10.0, 50.0, 50.0))
LOW = SceneObject(id=1, name="pen", box=(100.0, 60.0, 120.0, 90.0))


def test_depth():
    # LOW ends farther down, HIGH has the larger box.
    assert rules_right(Relation.IN_FRONT, LOW, HIGH, None) == {
        "the lower one is nearer": True,
        "the larger box is nearer": False,
    }
    assert rules_right(Relation.IN_FRONT, HIGH, LOW, None) == {
        "the lower one is nearer": False,
        "the larger box is nearer": True,
    }
    # HIGH behind LOW says the same as LOW in front of HIGH.
    assert rules_right(Relation.BEHIND, HIGH, LOW, None) == rules_right(Relation.IN_FRONT, LOW, HIGH, None)


def test_distance():
    anchor = SceneObject(id=2, name="box", box=(110.0, 60.0, 130.0, 90.0))
    assert rules_right(Relation.CLOSER, LOW, HIGH, anchor) == {"the one nearer in the picture is closer": True}
    assert rules_right(Relation.FARTHER, LOW, HIGH, anchor) == {"the one nearer in the picture is closer": False}


def test_a_tie_is_wrong_and_picture_relations_have_no_rule():
    assert not any(rules_right(Relation.IN_FRONT, LOW, LOW, None).values())
    assert rules_right(Relation.LEFT, LOW, HIGH, None) == {}
