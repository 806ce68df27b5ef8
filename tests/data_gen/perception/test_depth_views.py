"""Views of one picture: brought back to its frame, and a claim on which they disagree is not made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from reinforcesight.data_gen.perception.cache import pack_depth, unpack_depth
from reinforcesight.data_gen.perception.depth_views import MultiViewDepth
from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.data_gen.perception.protocols import DepthPrediction
from reinforcesight.relations import DEFAULT_RULES, Axis, Reason, relate
from reinforcesight.scene import Scene

WIDTH, HEIGHT = 160, 120


class RedDepth:
    """Depth as it is painted into the red channel, times a factor that differs from view to view."""

    identity = "red"

    def __init__(self, *, kind: str = "metric", scaled: bool = False) -> None:
        self.kind, self.scaled, self.pictures = kind, scaled, 0

    def release(self) -> None:
        self.pictures = 0

    def estimate(self, pictures: Sequence[np.ndarray]) -> list[DepthPrediction]:
        self.pictures += len(pictures)
        found = []
        for picture in pictures:
            z = 1.0 + picture[:, :, 0].astype(np.float32) / 64.0
            factor = 200.0 / picture.shape[1] if self.scaled else 1.0
            # Models answer at a size of their own.
            found.append(DepthPrediction(np.ascontiguousarray(z[::2, ::2] * factor), self.kind))
        return found


class LeftIsNear(RedDepth):
    """An estimator that looks at the place alone: what is on the left counts as near."""

    def estimate(self, pictures: Sequence[np.ndarray]) -> list[DepthPrediction]:
        wide = [np.linspace(1.0, 4.0, picture.shape[1], dtype=np.float32) for picture in pictures]
        return [
            DepthPrediction(np.tile(row, (picture.shape[0], 1)), "metric")
            for row, picture in zip(wide, pictures, strict=True)
        ]


def painted() -> np.ndarray:
    """A smooth picture without any symmetry; red, and so depth, rises to the right and a little downwards."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture[:, :, 0] = 40 + columns + rows // 4
    return picture


@pytest.mark.parametrize("scaled", [False, True])
def test_every_view_is_brought_back_to_the_picture(scaled: bool) -> None:
    inner = RedDepth(scaled=scaled)
    (prediction,) = MultiViewDepth(inner).estimate([painted()])
    assert inner.pictures == 7
    assert len(prediction.views) == 3
    truth = 1.0 + painted()[:, :, 0] / 64.0
    for view in prediction.views:
        assert view.shape == (HEIGHT, WIDTH)
        ratio = view / truth
        centre = np.median(ratio)
        assert np.abs(ratio / centre - 1.0).max() < 0.05
    assert np.array_equal(prediction.values, RedDepth(scaled=scaled).estimate([painted()])[0].values)


def test_relative_depth_has_no_views_and_costs_one_call() -> None:
    inner = RedDepth(kind="inverse")
    (prediction,) = MultiViewDepth(inner).estimate([painted()])
    assert prediction.views == ()
    assert inner.pictures == 1


def test_views_are_stored_exactly() -> None:
    (prediction,) = MultiViewDepth(RedDepth()).estimate([painted()])
    again = unpack_depth(pack_depth(prediction))
    assert len(again.views) == 3
    for first, second in zip(prediction.views, again.views, strict=True):
        assert np.array_equal(first, second)


def scene_of(estimator: RedDepth) -> Scene:
    """Two things side by side; the right one is farther, as painted."""
    (prediction,) = MultiViewDepth(estimator).estimate([painted()])
    boxes = {"chair": (10, 30, 50, 90), "table": (110, 30, 150, 90)}
    detections = []
    for name, (x0, y0, x1, y1) in boxes.items():
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[y0:y1, x0:x1] = True
        detections.append(Detection(name, name, (x0, y0, x1, y1), mask))
    depth = np.array(prediction.values if prediction.values.shape == (HEIGHT, WIDTH) else prediction.views[1])
    return build_scene(width=WIDTH, height=HEIGHT, detections=detections, depth=depth, depth_views=prediction.views)


def test_a_claim_needs_all_views() -> None:
    strict = DEFAULT_RULES.model_copy(update={"min_depth_score": 0.05, "min_distance_score": 0.05})
    sure, guessed = scene_of(RedDepth()), scene_of(LeftIsNear())
    assert relate(sure, "chair", "table", Axis.DEPTH, rules=strict).relation == "in front"
    assert relate(guessed, "chair", "table", Axis.DEPTH, rules=DEFAULT_RULES).relation == "in front"
    refused = relate(guessed, "chair", "table", Axis.DEPTH, rules=strict)
    assert refused.relation is None
    assert refused.reason is Reason.VIEWS_DISAGREE


def test_a_scene_keeps_its_views_and_one_without_says_nothing_of_them() -> None:
    viewed = scene_of(RedDepth())
    assert len(viewed["chair"].depth_views) == 3
    assert Scene.from_json(viewed.to_json()) == viewed
    plain = viewed.model_copy(
        update={"objects": tuple(o.model_copy(update={"depth_views": ()}) for o in viewed.objects)}
    )
    assert "depth_views" not in plain.to_json()
    assert Scene.from_json(plain.to_json()) == plain
