"""The benchmark's judgement of names, with detectors whose mistakes are known."""

from __future__ import annotations

from pathlib import Path

from annotated_support import Folder
from photo_truth import judged_names


class Detector:
    def __init__(self, *found: tuple[str, float, tuple[float, ...]]) -> None:
        self.found = list(found)

    def detect(self, rgb: object) -> list[tuple[str, float, tuple[float, ...]]]:
        return self.found


def test_right_wrong_and_not_annotated(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.picture()
    folder.box([2, 4, 20, 40])  # a chair
    folder.box([40, 4, 20, 40], 2)  # a table
    folder.source()
    chair, table, nowhere = (2, 4, 22, 44), (40, 4, 60, 44), (24, 0, 34, 6)
    first = Detector(("chair", 0.9, chair), ("lamp", 0.4, table), ("lamp", 0.8, nowhere))
    second = Detector(("chair", 0.5, chair), ("table", 0.5, table))
    found = judged_names(tmp_path, first, second)
    assert [(n.score, n.wrong, n.confirmed) for n in found] == [(0.9, False, True), (0.4, True, False)]
