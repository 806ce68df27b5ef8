"""Two detectors and two depth models: what only one of them says is left out, with a reason that is counted."""

from __future__ import annotations

import numpy as np
import pytest

from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.depth_maps import agreeing_depth
from reinforcesight.data_gen.perception.filtering import (
    FilteredDetections,
    KeptDetection,
    Query,
    confirm_boxes,
    filter_boxes,
)
from reinforcesight.data_gen.perception.perceive import PerceptionTask, perceive
from reinforcesight.data_gen.perception.protocols import DepthPrediction, GroundedBox, PerceptionModels

RULES = DetectionThresholds()
QUERIES = tuple(Query(name) for name in ("red chair", "lamp", "chair", "table"))
CHAIR, LAMP, TABLE = (10.0, 10.0, 50.0, 60.0), (70.0, 5.0, 90.0, 50.0), (20.0, 70.0, 95.0, 99.0)


def first() -> FilteredDetections:
    return FilteredDetections(
        [KeptDetection("red chair", None, CHAIR, 0.8), KeptDetection("lamp", None, LAMP, 0.7)], [], []
    )


def outcome(*second: GroundedBox) -> tuple[list[str], list[str], set[str]]:
    result = confirm_boxes(first(), second, QUERIES, RULES)
    return [i.name for i in result.found], [s.reason for s in result.skipped], set(result.unseen)


def test_what_both_see_stays() -> None:
    found, reasons, unseen = outcome(GroundedBox(0, (12, 9, 52, 58), 0.3), GroundedBox(1, LAMP, 0.6))
    assert (found, reasons, unseen) == (["red chair", "lamp"], [], set())


def test_a_more_general_name_and_a_point_agree() -> None:
    found, _, unseen = outcome(GroundedBox(2, CHAIR, 0.5), GroundedBox.at(1, (80, 30), 0.5))
    assert (found, unseen) == (["red chair", "lamp"], set())


def test_exchanged_names_are_refused() -> None:
    found, reasons, unseen = outcome(GroundedBox(1, CHAIR, 0.6), GroundedBox(0, LAMP, 0.6))
    assert found == []
    assert reasons == ["named_otherwise"] * 2
    assert unseen == {"red chair", "lamp"}


def test_a_box_on_nothing_is_refused() -> None:
    found, reasons, unseen = outcome(GroundedBox(0, CHAIR, 0.6), GroundedBox(1, (70, 70, 90, 95), 0.15))
    assert (found, reasons) == (["red chair"], ["not_seen_again"])
    assert "lamp" in unseen


def test_the_surest_name_counts() -> None:
    boxes = [GroundedBox(1, LAMP, 0.6), GroundedBox(0, CHAIR, 0.4), GroundedBox(3, CHAIR, 0.5)]
    assert outcome(*boxes)[1] == ["named_otherwise"]


@pytest.mark.parametrize("extra", [GroundedBox(2, TABLE, 0.6), GroundedBox.unreadable(2)])
def test_a_namesake_that_only_the_second_sees_takes_the_name(extra: GroundedBox) -> None:
    found, _, unseen = outcome(GroundedBox(0, CHAIR, 0.6), GroundedBox(1, LAMP, 0.6), extra)
    assert found == ["red chair", "lamp"]
    assert unseen == {"chair"}  # so that filter_names leaves the red chair out


def test_a_name_must_lead() -> None:
    def reasons(runner_up: float, phrase: int) -> tuple[list[str], list[str]]:
        boxes = [GroundedBox(1, LAMP, 0.6), GroundedBox(phrase, LAMP, runner_up), GroundedBox(3, TABLE, 0.5)]
        filtered = filter_boxes(boxes, QUERIES, width=100, height=100, rules=RULES)
        return [item.name for item in filtered.found], sorted({item.reason for item in filtered.skipped})

    assert reasons(0.45, 0) == (["lamp", "table"], ["same_thing_other_name"])
    assert reasons(0.55, 0) == (["table"], ["name_not_sure"])
    # A weak second name on the thing is no other thing.
    assert reasons(0.25, 3) == (["lamp", "table"], ["low_score"])
    same = [GroundedBox(0, CHAIR, 0.6), GroundedBox(2, CHAIR, 0.58)]
    filtered = filter_boxes(same, QUERIES, width=100, height=100, rules=RULES)
    assert [item.name for item in filtered.found] == ["red chair"]


def ramp() -> np.ndarray:
    rows = np.linspace(1.0, 6.0, 60, dtype=np.float32)[:, None]
    return np.repeat(rows, 80, axis=1)


def as_kind(z: np.ndarray, kind: str) -> np.ndarray:
    made = {"metric": z, "scale": 3.7 * z, "inverse": 5.0 / z - 2.0}
    return made[kind].astype(np.float32)


@pytest.mark.parametrize("second", ["metric", "scale", "inverse"])
@pytest.mark.parametrize("one", ["metric", "scale", "inverse"])
def test_depths_agree_up_to_scale_and_shift(one: str, second: str) -> None:
    z, bent = ramp(), ramp()
    bent[20:30, 10:30] *= 2.5  # another place of one thing
    agree, fault = agreeing_depth(as_kind(z, one), one, as_kind(bent, second), second, RULES)
    assert fault is None
    assert agree is not None
    assert not agree[21:29, 11:29].any()
    agree[20:30, 10:30] = True
    assert agree.mean() > 0.99


def test_a_depth_upside_down_is_refused() -> None:
    z = ramp()
    for kind in ("metric", "inverse"):
        agree, fault = agreeing_depth(z, "metric", as_kind(z[::-1], kind), kind, RULES)
        assert agree is None
        assert fault is not None
        assert fault.reason == "depth_models_disagree"
    assert agreeing_depth(z * np.nan, "metric", z, "metric", RULES)[0] is None


class Fixed:
    """Answers the same about any picture."""

    def __init__(self, identity: str, answer: object) -> None:
        self.identity, self.answer = identity, answer

    def release(self) -> None:
        pass

    def ground(self, pictures: list[object], phrases: object) -> list[object]:
        return [self.answer for _ in pictures]

    estimate = None


class FixedDepth(Fixed):
    def estimate(self, pictures: list[object]) -> list[object]:
        return [self.answer for _ in pictures]


def test_only_what_two_models_agree_on_reaches_the_scene() -> None:
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    left, right = (5.0, 20.0, 25.0, 40.0), (45.0, 20.0, 70.0, 40.0)
    boxes = [
        GroundedBox(0, left, 0.8),
        GroundedBox(1, right, 0.7),
        GroundedBox(3, (30.0, 45.0, 44.0, 58.0), 0.7),
    ]
    depth = ramp()
    for x0, x1 in ((5, 25), (45, 70)):
        depth[20:40, x0:x1] *= 0.6  # nearer than their surroundings, so that it is not the background's
    bent = depth.copy()
    bent[:, 44:] *= np.linspace(1.5, 3.0, 36, dtype=np.float32)
    task = PerceptionTask(b"picture", picture, QUERIES)
    result = perceive(
        [task],
        PerceptionModels(
            Fixed("one", boxes),
            FixedDepth("a", DepthPrediction(depth, "metric")),
            second_grounder=Fixed("two", boxes[:2]),
            second_depth=FixedDepth("b", DepthPrediction(bent, "scale")),
        ),
        rules=DetectionThresholds(min_valid_depth=0.3),
    )[0]
    by_name = {item.name: item for item in result.scene.objects}
    assert set(by_name) == {"red chair", "lamp"}
    assert [item.reason for item in result.skipped] == ["not_seen_again"]
    assert by_name["red chair"].depth is not None
    assert by_name["lamp"].valid_depth_fraction is not None
    assert by_name["lamp"].valid_depth_fraction < 0.3
