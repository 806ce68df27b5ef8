"""How many labels of photographs are wrong, by how strict the rules are: depth and names.

    python benchmarks/photo_truth.py --rooms ../shared/real_inputs/nyu_rooms
    python benchmarks/photo_truth.py --rooms ROOMS --models ../shared/real_models
    python benchmarks/photo_truth.py --boxes ../shared/real_inputs/indoor_boxes --models ../shared/real_models

``--rooms``: pictures with outlines, measured depth and stored estimates (docs/calibration.md). Three tables: measured
depth through the same code, which must give no wrong claim; the stored estimates; with ``--models`` also FastDepth on
several views of each picture.

``--boxes``: pictures with named boxes, for two detectors. A detection is right if a box of its name overlaps it by
half, wrong if only boxes of other names do, and not counted otherwise, since not everything is annotated.

``--models``: a folder with ``small_models.py``, which needs ai-edge-litert, ncnn and opencv-python-headless.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from reinforcesight.data_gen.calibration.claims import MeasuredPicture, claims_of
from reinforcesight.data_gen.calibration.config import CalibrateConfig
from reinforcesight.data_gen.calibration.run import calibrate
from reinforcesight.data_gen.perception.depth_views import MultiViewDepth
from reinforcesight.data_gen.perception.filtering import may_be_one_name
from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.pictures.boxes import box_overlap
from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.relations import DEFAULT_RULES

SCORES = (0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
OVERLAP = 0.5


def small_models(folder: Path) -> Any:
    """The module ``small_models.py`` of a folder."""
    spec = importlib.util.spec_from_file_location("small_models", folder / "small_models.py")
    if spec is None or spec.loader is None or not (folder / "small_models.py").is_file():
        sys.exit(f"{folder} has no small_models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured_against_itself(rooms: Path) -> None:
    """The measured depth in place of an estimate: the rules' own mistakes."""
    source = AnnotatedSource(rooms)
    pictures = []
    for index in range(source.count()):
        found = source.read(index)
        if found.depth is not None:
            size = found.picture.width, found.picture.height
            depths = found.depth.z, found.camera, found.depth.z
            pictures.append(MeasuredPicture(found.source_id, *size, found.detections, *depths, camera=found.camera))
    for axis, claims in claims_of(pictures, DEFAULT_RULES).items():
        click.echo(f"  {axis.value}: {int(claims.wrong.sum())} of {len(claims.score)} claims wrong")


@dataclass(frozen=True, slots=True)
class Named:
    """A detection that an annotated box can judge; ``confirmed``: the other detector finds it under this name."""

    score: float
    wrong: bool
    confirmed: bool


def judged_names(boxes: Path, first: Any, second: Any) -> list[Named]:
    """Detections of the first detector on annotated pictures, with the second detector's consent."""
    source = AnnotatedSource(boxes)
    names = []
    for index in range(source.count()):
        found = source.read(index)
        rgb = np.asarray(decode_rgb(found.picture.data))
        others = second.detect(rgb)
        for name, score, box in first.detect(rgb):
            here = [item.name for item in found.detections if box_overlap(box, item.box) >= OVERLAP]
            if not here:
                continue
            agreed = any(box_overlap(box, b) >= OVERLAP and may_be_one_name(name, n) for n, s, b in others if s >= 0.2)
            names.append(Named(score, not any(may_be_one_name(name, other) for other in here), agreed))
    return names


def print_names(title: str, names: list[Named]) -> None:
    click.echo(f"\n{title}\n  least score   one detector    both agree (wrong of judged)")
    for least in SCORES:
        cells = []
        for chosen in (
            [n for n in names if n.score >= least],
            [n for n in names if n.score >= least and n.confirmed],
        ):
            wrong = sum(n.wrong for n in chosen)
            share = f"{100 * wrong / len(chosen):.0f} %" if chosen else "-"
            cells.append(f"{wrong:3d} of {len(chosen):3d} {share:>5}")
        click.echo(f"  {least:11.2f}   {cells[0]}   {cells[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=Path, help="pictures with outlines, measured depth and stored estimates")
    parser.add_argument("--boxes", type=Path, help="pictures with named boxes")
    parser.add_argument("--models", type=Path, help="folder of small_models.py")
    parser.add_argument("--max_label_error", type=float, default=0.03)
    arguments = parser.parse_args()
    if arguments.rooms is None and arguments.boxes is None:
        parser.error("give --rooms, --boxes or both")
    models = small_models(arguments.models) if arguments.models is not None else None
    if arguments.rooms is not None:
        click.echo("measured depth through the same code")
        measured_against_itself(arguments.rooms)
        with tempfile.TemporaryDirectory() as folder:
            settings = {"input": arguments.rooms, "output": Path(folder) / "c.json", "camera": "given"}
            settings["max_label_error"] = arguments.max_label_error
            click.echo("\nstored estimates, one view")
            calibrate(CalibrateConfig.model_validate({**settings, "estimates": "stored"}))
            if models is not None:
                click.echo("\nFastDepth, all views")
                calibrate(CalibrateConfig.model_validate(settings), MultiViewDepth(models.FastDepth()))
    if arguments.boxes is not None:
        if models is None:
            parser.error("--boxes needs --models")
        nanodet, yolox = models.NanoDet(), models.YoloxNano()
        print_names("names of NanoDet, confirmed by YOLOX", judged_names(arguments.boxes, nanodet, yolox))
        print_names("names of YOLOX, confirmed by NanoDet", judged_names(arguments.boxes, yolox, nanodet))


if __name__ == "__main__":
    main()
