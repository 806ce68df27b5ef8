"""What is trusted of detections, outlines and depth; and that a model's finished work is never done twice."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perception_support import KnownScenes
from PIL import Image

from reinforcesight.data_gen.perception.cache import ResultCache, pack_boxes, pack_masks, unpack_boxes, unpack_masks
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.depth_maps import depth_fault, depth_in_scene_units
from reinforcesight.data_gen.perception.filtering import (
    FilteredDetections,
    Query,
    filter_boxes,
    filter_masks,
    filter_names,
)
from reinforcesight.data_gen.perception.perceive import PerceptionTask, perceive
from reinforcesight.data_gen.perception.protocols import DepthPrediction, GroundedBox, SegmentedMask
from reinforcesight.errors import OutputError

QUERIES = (Query("chair", "chair"), Query("table", "table"), Query("red chair", "chair"))
CHAIR, TABLE, RED_CHAIR = 0, 1, 2


def filtered(*boxes: tuple[int, tuple[float, ...], float], queries: tuple[Query, ...] = QUERIES) -> FilteredDetections:
    return filter_boxes(
        [GroundedBox(*box) for box in boxes], queries, width=200, height=100, rules=DetectionThresholds()
    )


def reasons(result: FilteredDetections) -> list[str]:
    return [skipped.reason for skipped in result.skipped]


def test_sure_boxes_pass_and_are_cut_at_the_border() -> None:
    result = filtered((CHAIR, (-5, 10, 40, 60), 0.8), (TABLE, (100, 20, 150, 120), 0.6))
    assert [(item.name, item.box) for item in result.found] == [
        ("chair", (0, 10, 40, 60)),
        ("table", (100, 20, 150, 100)),
    ]
    assert not result.skipped


@pytest.mark.parametrize(
    ("second", "reason", "in_picture"),
    [
        ((CHAIR, (12, 11, 41, 59), 0.7), "duplicate_box", False),
        ((CHAIR, (20, 20, 30, 40), 0.7), "nested_box", False),
        ((CHAIR, (0, 0, 100, 90), 0.7), "nested_box", False),
        ((TABLE, (10, 10, 40, 61), 0.7), "same_thing_other_name", False),
        ((CHAIR, (100, 10, 140, 60), 0.3), "low_score", True),
        ((CHAIR, (11, 11, 42, 61), 0.3), "low_score", False),
        ((TABLE, (0, 0, 200, 99), 0.9), "fills_picture", True),
        ((TABLE, (300, 0, 400, 50), 0.9), "bad_box", False),
        ((TABLE, (float("nan"), 0, 40, 50), 0.9), "bad_box", False),
    ],
)
def test_a_second_box_is_refused(second: tuple[int, tuple[float, ...], float], reason: str, in_picture: bool) -> None:
    result = filtered((CHAIR, (10, 10, 40, 60), 0.8), second)
    assert [item.name for item in result.found] == ["chair"]
    assert reasons(result) == [reason]
    assert bool(result.unseen) is in_picture


def test_two_things_of_one_name_both_stay() -> None:
    result = filtered((CHAIR, (10, 10, 40, 60), 0.8), (CHAIR, (100, 10, 130, 60), 0.7))
    assert len(filter_names(result).found) == 2


def test_a_doubtful_namesake_takes_the_name() -> None:
    result = filtered((CHAIR, (10, 10, 40, 60), 0.8), (TABLE, (60, 10, 90, 60), 0.8), (CHAIR, (100, 10, 130, 60), 0.3))
    named = filter_names(result)
    assert [item.name for item in named.found] == ["table"]
    assert reasons(named) == ["low_score", "name_shared_with_skipped"]
    # "red chair" may be the doubtful chair as well.
    red = filter_names(filtered((RED_CHAIR, (10, 10, 40, 60), 0.8), (CHAIR, (100, 10, 130, 60), 0.3)))
    assert not red.found


def test_too_many_boxes() -> None:
    rules = DetectionThresholds(max_objects=1)
    boxes = [GroundedBox(CHAIR, (10, 10, 40, 60), 0.8), GroundedBox(TABLE, (100, 10, 140, 60), 0.7)]
    result = filter_boxes(boxes, QUERIES, width=200, height=100, rules=rules)
    assert reasons(result) == ["too_many_boxes"]


def test_the_trace_decides_where_it_was_recorded() -> None:
    trace = tuple((0.1 + 0.001 * i, 0.3) for i in range(20))
    queries = (Query("chair", "chair", (trace,)), QUERIES[1])
    result = filtered((0, (10, 10, 40, 60), 0.6), (0, (100, 10, 130, 60), 0.9), queries=queries)
    assert [item.box for item in result.found] == [(10, 10, 40, 60)]
    assert reasons(result) == ["trace_elsewhere"]
    assert result.unseen == ["chair"]
    untraced = filtered((1, (100, 10, 130, 60), 0.9), queries=queries)
    assert len(untraced.found) == 1


def test_masks_must_be_sure_and_agree_with_their_boxes() -> None:
    result = filtered(
        (CHAIR, (10, 10, 40, 60), 0.9), (TABLE, (100, 10, 150, 60), 0.8), (RED_CHAIR, (160, 10, 190, 60), 0.7)
    )
    assert len(result.found) == 3

    def mask(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
        made = np.zeros((100, 200), dtype=bool)
        made[y0:y1, x0:x1] = True
        return made

    good = [mask(11, 11, 40, 60), mask(100, 10, 149, 60), mask(160, 12, 190, 60)]
    scores = [0.9, 0.9, 0.9]

    def outcome(masks: list[np.ndarray], scores: list[float]) -> list[str]:
        made = [SegmentedMask(m, s) for m, s in zip(masks, scores, strict=True)]
        return reasons(filter_masks(result, made, DetectionThresholds()))

    assert outcome(good, scores) == []
    assert outcome([good[0], mask(100, 10, 110, 20), good[2]], scores) == ["mask_box_disagree"]
    assert outcome([good[0], np.zeros_like(good[0]), good[2]], scores) == ["empty_mask"]
    assert outcome(good, [0.9, 0.3, 0.9]) == ["low_mask_score"]
    twin = filtered((CHAIR, (10, 10, 40, 60), 0.9), (TABLE, (10, 10, 40, 78), 0.8))
    both = [SegmentedMask(mask(10, 10, 40, 60), 0.9), SegmentedMask(mask(10, 10, 40, 62), 0.9)]
    assert reasons(filter_masks(twin, both, DetectionThresholds())) == ["duplicate_mask"]


def test_depth_faults() -> None:
    ramp = np.linspace(1, 5, 400, dtype=np.float32).reshape(20, 20)
    rules = DetectionThresholds()
    assert depth_fault(ramp, "metric", rules) is None
    assert depth_fault(ramp - 3, "inverse", rules) is None  # negative values are values there
    flat = np.full_like(ramp, 2.0)
    for kind in ("metric", "scale", "inverse"):
        assert depth_fault(flat, kind, rules).reason == "flat_depth"
    holes = np.where(ramp > 2, np.nan, ramp)
    assert depth_fault(holes, "metric", rules).reason == "invalid_depth"
    assert depth_fault(np.zeros_like(ramp), "metric", rules).reason == "invalid_depth"
    assert depth_fault(np.full_like(ramp, np.nan), "inverse", rules).reason == "invalid_depth"


@given(
    st.floats(0.01, 100),
    st.floats(-50, 50),
    st.lists(st.floats(0.5, 20), min_size=30, max_size=60, unique=True),
)
@settings(max_examples=50, deadline=None)
def test_relative_depth_keeps_the_order_whatever_scale_and_offset(
    scale: float, offset: float, depths: list[float]
) -> None:
    z = np.array([depths], dtype=np.float64)
    made = depth_in_scene_units((scale / z + offset).astype(np.float32))
    assert (made > 0).all()
    order = np.argsort(z[0])
    assert (np.diff(made[0][order]) >= -1e-5).all()


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.lists(st.floats(0, 9), min_size=4, max_size=4), st.floats(0, 1)),
        max_size=4,
    ),
    st.lists(st.integers(0, 2**20 - 1), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_results_are_stored_exactly(boxes: list[tuple[int, list[float], float]], bits: list[int]) -> None:
    found = [GroundedBox(phrase, tuple(box), score) for phrase, box, score in boxes]
    assert unpack_boxes(pack_boxes(found)) == found
    masks = [SegmentedMask(np.array([(b >> i) & 1 for i in range(20)], dtype=bool).reshape(4, 5), 0.5) for b in bits]
    again = unpack_masks(pack_masks(masks))
    assert len(again) == len(masks)
    assert all((a.mask == b.mask).all() and a.score == b.score for a, b in zip(again, masks, strict=True))


def picture_tasks(count: int) -> tuple[list[PerceptionTask], KnownScenes]:
    truth, tasks = KnownScenes(), []
    for number in range(count):
        picture = np.random.default_rng(number).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        mask = np.zeros((60, 80), dtype=bool)
        mask[10:30, 10:30] = True
        z = np.linspace(1, 4, 60 * 80, dtype=np.float32).reshape(60, 80)
        truth.add(picture, DepthPrediction(z, "metric"), [("chair", (10, 10, 30, 30), 0.9, mask)])
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        tasks.append(PerceptionTask(buffer.getvalue(), picture, (QUERIES[0],)))
    return tasks, truth


@pytest.mark.parametrize("stage", ["depth", "grounding", "segmentation"])
def test_an_interrupted_run_repeats_no_finished_call(tmp_path: Path, stage: str) -> None:
    tasks, truth = picture_tasks(6)
    cache = ResultCache(tmp_path)
    truth.broken_after[stage] = 4
    with pytest.raises(KeyboardInterrupt):
        perceive(tasks, truth.models(), cache=cache, batch_size=2)
    assert truth.calls[stage] == 4
    truth.broken_after.clear()
    results = perceive(tasks, truth.models(), cache=cache, batch_size=2)
    assert truth.calls == {"depth": 6, "grounding": 6, "segmentation": 6}
    fresh, other = picture_tasks(6)
    assert results == perceive(fresh, other.models())


def test_a_damaged_result_is_computed_again(tmp_path: Path) -> None:
    tasks, truth = picture_tasks(3)
    cache = ResultCache(tmp_path)
    results = perceive(tasks, truth.models(), cache=cache)
    files = sorted(tmp_path.rglob("*.npz"))
    assert len(files) == 9
    assert not list(tmp_path.rglob("*.part"))
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert perceive(tasks, truth.models(), cache=cache) == results
    assert truth.calls == {"depth": 6, "grounding": 6, "segmentation": 6}


def test_no_changed_byte_gives_another_result(tmp_path: Path) -> None:
    cache, stored = ResultCache(tmp_path), {"values": np.arange(40, dtype=np.float32), "kind": np.array("metric")}
    cache.write("depth", "key", stored)
    path = cache.path("depth", "key")
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = cache.read("depth", "key")
        assert found is None or all(np.array_equal(found[name], stored[name]) for name in stored), at
    # The digest counts where the check sums of the format say nothing.
    with path.open("wb") as stream:
        np.savez_compressed(stream, **{**stored, "digest": np.array("0" * 64)})
    assert cache.read("depth", "key") is None


def test_other_questions_or_models_are_not_taken_from_the_store(tmp_path: Path) -> None:
    tasks, truth = picture_tasks(1)
    cache = ResultCache(tmp_path)
    perceive(tasks, truth.models(), cache=cache)
    asked = PerceptionTask(tasks[0].encoded, tasks[0].picture, (QUERIES[1], QUERIES[0]))
    perceive([asked], truth.models(), cache=cache)
    assert truth.calls == {"depth": 1, "grounding": 2, "segmentation": 1}
    models = truth.models()
    models.depth.identity = "other weights"
    perceive(tasks, models, cache=cache)
    assert truth.calls["depth"] == 2


def test_memory_is_given_back_between_models(tmp_path: Path) -> None:
    tasks, truth = picture_tasks(2)
    perceive(tasks, truth.models(), keep_loaded=False)
    assert truth.released == ["depth", "grounding", "segmentation"]
    perceive(tasks, truth.models())
    assert len(truth.released) == 3


def test_a_store_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    tasks, truth = picture_tasks(1)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't write"):
        perceive(tasks, truth.models(), cache=ResultCache(tmp_path / "file"))


def test_names_of_things_that_are_not_looked_for_count() -> None:
    tasks, truth = picture_tasks(1)
    alone = perceive(tasks, truth.models())[0]
    assert [item.name for item in alone.scene.objects] == ["chair"]
    told = PerceptionTask(tasks[0].encoded, tasks[0].picture, tasks[0].queries, unseen=("chairs",))
    doubted = perceive([told], truth.models())[0]
    assert not doubted.scene.objects
    assert [s.reason for s in doubted.skipped] == ["name_shared_with_skipped"]
