"""The command: pictures with both depths to a table, and the table to the rules of generate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from annotated_support import Folder
from calibration_support import made_up
from PIL import Image

from reinforcesight.data_gen.calibration.claims import MeasuredPicture, claims_of
from reinforcesight.data_gen.calibration.config import CalibrateConfig
from reinforcesight.data_gen.calibration.record import Calibration
from reinforcesight.data_gen.calibration.run import calibrate
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.perception.geometry import Detection
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.relations import DEFAULT_RULES, Axis

SIZE = (64, 48)
PLACES = ((2, 6, 12, 36), (18, 6, 12, 36), (34, 6, 12, 36), (50, 6, 12, 36))


def stepped(depths: tuple[float, ...]) -> np.ndarray:
    """Four things side by side, each at its depth."""
    z = np.full(SIZE[::-1], 9.0, dtype=np.float32)
    for (x, y, width, height), depth in zip(PLACES, depths, strict=True):
        z[y : y + height, x : x + width] = depth
    return z


def measured_picture(name: str, true: tuple[float, ...], estimated: tuple[float, ...]) -> MeasuredPicture:
    detections = []
    for number, (x, y, width, height) in enumerate(PLACES):
        mask = np.zeros(SIZE[::-1], dtype=bool)
        mask[y : y + height, x : x + width] = True
        detections.append(Detection(number, "thing", (x, y, x + width, y + height), mask))
    return MeasuredPicture(name, *SIZE, detections, stepped(true), None, stepped(estimated))


def test_a_perfect_estimate_has_no_wrong_claims_and_a_reversed_one_nothing_else() -> None:
    true = (1.0, 2.0, 3.5, 6.0)
    pictures = [
        measured_picture("room-a", true, true),
        measured_picture("room-b", true, true[::-1]),
    ]
    found = claims_of(pictures, DEFAULT_RULES)[Axis.DEPTH]
    assert set(found.picture) == {"room-a", "room-b"}
    assert not found.wrong[found.picture == "room-a"].any()
    assert found.wrong[found.picture == "room-b"].all()
    assert (found.score > 0).all()
    assert len(found.score) == 2 * 6


def test_distances_are_compared_too() -> None:
    true = (1.0, 1.1, 3.5, 3.6)
    found = claims_of([measured_picture("a", true, true)], DEFAULT_RULES)[Axis.DISTANCE]
    assert len(found.score) > 0
    assert not found.wrong.any()


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    """Eight rooms with measured depth and stored estimates; one estimate is reversed, one room has no depth."""
    folder = Folder(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(9):
        true = tuple(np.sort(rng.uniform(1.0, 8.0, 4)).round(2))
        name = f"room-{number}"
        extra = {}
        if number < 8:
            estimate = true[::-1] if number == 3 else tuple(depth * 1.1 for depth in true)
            for kind, depths in (("depth", true), ("estimate", estimate)):
                stored = (stepped(depths) * 1000).astype(np.uint16)
                Image.fromarray(stored).save(tmp_path / f"{name}-{kind}.png")
            extra = {
                "depth_file_name": f"{name}-depth.png",
                "estimated_depth_file_name": f"{name}-estimate.png",
            }
        folder.picture(f"{name}.png", **extra)
        for box in PLACES:
            x, y, width, height = box
            outline = [x, y, x + width, y, x + width, y + height, x, y + height]
            folder.box(list(box), image=number + 1, segmentation=[outline])
    (tmp_path / "annotations.json").write_text(json.dumps(folder.data))
    return tmp_path


def test_the_command_counts_wrong_claims_by_strictness(rooms: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = calibrate(CalibrateConfig(input=rooms, output=rooms / "c.json", estimates="stored"))
    assert result.pictures == 8
    assert result.skipped == {"no_measured_depth": 1}
    depth = result.axes[Axis.DEPTH]
    assert 0 < depth.wrong < depth.claims
    assert depth.steps[-1].wrong == depth.wrong
    assert [step.kept for step in depth.steps] == sorted(step.kept for step in depth.steps)
    assert Calibration.load(rooms / "c.json") == result
    printed = capsys.readouterr().out
    assert f"{depth.claims} claims, {depth.wrong} wrong" in printed


def test_pictures_may_be_in_another_folder_than_the_annotations(
    rooms: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    beside = calibrate(CalibrateConfig(input=rooms, output=rooms / "c.json", estimates="stored"))
    labels = tmp_path_factory.mktemp("labels")
    (rooms / "annotations.json").rename(labels / "annotations.json")
    apart = calibrate(CalibrateConfig(input=labels, image_root=rooms, output=labels / "c.json", estimates="stored"))
    assert apart.axes == beside.axes
    with pytest.raises(InputError, match="--image_root"):
        calibrate(CalibrateConfig(input=labels, output=labels / "c.json", estimates="stored"))


def test_input_that_looks_wrong_stops_or_is_noted(rooms: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((rooms / "annotations.json").read_text())
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        annotation["bbox"] = [x, y, x + width, y + height]
    (rooms / "annotations.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="--input_checks warn"):
        calibrate(CalibrateConfig(input=rooms, output=rooms / "c.json", estimates="stored"))
    calibrate(CalibrateConfig(input=rooms, output=rooms / "c.json", estimates="stored", input_checks="warn"))
    assert "note: " in capsys.readouterr().err


def test_nothing_to_calibrate_with_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.picture()
    folder.source()
    with pytest.raises(InputError, match="no_measured_depth 1"):
        calibrate(CalibrateConfig(input=tmp_path, output=tmp_path / "c.json", estimates="stored"))
    assert not (tmp_path / "c.json").exists()


def test_rules_for_a_wanted_error() -> None:
    rules, statement = made_up().rules_for(0.01, DEFAULT_RULES)
    assert 0.3 < rules.min_depth_score < 0.5
    assert statement["axes"]["depth"]["upper"] <= 0.01
    assert statement["axes"]["distance"] is None
    assert rules.min_distance_score > 1e6
    looser, _ = made_up().rules_for(0.1, DEFAULT_RULES)
    assert looser.min_depth_score < rules.min_depth_score


def test_what_the_calibration_does_not_cover_is_refused() -> None:
    with pytest.raises(ConfigError, match="no threshold"):
        made_up(pictures=5).rules_for(0.001, DEFAULT_RULES)
    with pytest.raises(ConfigError, match="not those that the calibration was made with"):
        made_up().rules_for(0.01, DEFAULT_RULES.model_copy(update={"depth_gap": 0.1}))
    with pytest.raises(ValueError, match="estimated"):
        GenerateConfig(output=Path("o"), calibration=Path("c.json"))


def test_a_file_that_is_no_calibration_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(InputError, match="not a calibration"):
        Calibration.load(tmp_path / "c.json")
