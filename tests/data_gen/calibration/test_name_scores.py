"""Wrong names of detectors by score: judged against named boxes, bounded, and applied by generate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from calibration_support import made_up
from PIL import Image

from reinforcesight.data_gen.calibration.names import names_record
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.filtering import Query, confirm_boxes, filter_boxes
from reinforcesight.data_gen.perception.protocols import GroundedBox
from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.errors import ConfigError, InputError

CUP, LAMP = [10, 10, 40, 40], [80, 20, 30, 60]


def write(folder: Path, pictures: int, wrong_below: float) -> tuple[Path, Path]:
    """Pictures with a cup and a lamp; detections whose names are wrong below a score."""
    images, annotations, found = [], [], []
    scores = np.random.default_rng(3).uniform(0.2, 1.0, (pictures, 2))
    for n in range(pictures):
        Image.new("RGB", (160, 120), (n % 255, 80, 90)).save(folder / f"{n}.png")
        images.append({"id": n, "file_name": f"{n}.png", "width": 160, "height": 120})
        for kind, box in ((1, CUP), (2, LAMP)):
            annotations.append({"id": len(annotations) + 1, "image_id": n, "category_id": kind, "bbox": box})
            score = float(scores[n, kind - 1])
            named = kind if score >= wrong_below else 3 - kind
            found.append({"image_id": n, "category_id": named, "bbox": box, "score": score})
        found.append({"image_id": n, "category_name": "sofa", "bbox": [120, 90, 20, 20], "score": 0.9})
    categories = [{"id": 1, "name": "cup"}, {"id": 2, "name": "lamp"}]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(coco))
    (folder / "detections.json").write_text(json.dumps(found))
    return folder / "annotations.json", folder / "detections.json"


def test_the_score_is_found_at_which_names_are_right(tmp_path: Path) -> None:
    boxes, detections = write(tmp_path, 80, wrong_below=0.4)
    record = names_record(AnnotatedSource(boxes), detections, confidence=0.95)
    assert record.claims == 160
    assert record.undecided == 80
    assert 20 < record.wrong < 60
    step = record.step_for(0.08)
    assert step is not None
    assert step.threshold == pytest.approx(0.4, abs=0.05)
    calibration = made_up().model_copy(update={"names": (record, record)})
    gates, facts = calibration.thresholds_for(0.08, DetectionThresholds())
    assert gates.min_score == gates.second_min_score == pytest.approx(step.threshold)
    assert [fact["names"] for fact in facts] == [step.kept] * 2
    with pytest.raises(ConfigError, match="no score of a detector"):
        calibration.thresholds_for(0.0001, DetectionThresholds())


@pytest.mark.parametrize("content", ["[1]", "{}", "nothing", '[{"image_id": 1}]', '[{"image_id": 1, "bbox": 3}]'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    boxes, detections = write(tmp_path, 1, wrong_below=0.0)
    detections.write_text(content)
    with pytest.raises(InputError, match="detection"):
        names_record(AnnotatedSource(boxes), detections, confidence=0.95)


def test_detections_of_other_pictures_are_refused(tmp_path: Path) -> None:
    boxes, detections = write(tmp_path, 1, wrong_below=0.0)
    detections.write_text(json.dumps([{"image_id": 77, "category_id": 1, "bbox": CUP, "score": 0.5}]))
    with pytest.raises(InputError, match="no detection lies on an annotated box"):
        names_record(AnnotatedSource(boxes), detections, confidence=0.95)


def test_the_second_detector_confirms_on_its_own_scale() -> None:
    queries = [Query("cup", "cup")]
    rules = DetectionThresholds(second_min_score=0.6)
    first = filter_boxes([GroundedBox(0, (10, 10, 50, 50), 0.5)], queries, width=160, height=120, rules=rules)
    for score, kept in ((0.5, 0), (0.7, 1)):
        assert len(confirm_boxes(first, [GroundedBox(0, (10, 10, 50, 50), score)], queries, rules).found) == kept
