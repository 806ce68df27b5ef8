"""Run VQASynth's localisation and scene stages over a folder of pictures, inside VQASynth's own environment.

Another interpreter runs this file, so it imports nothing of this package and is written for Python 3.10 (VQASynth's
base image, ``docker/base_image/Dockerfile``).

Both stages are called through ``apply_transform``, as in ``docker/location_refinement_stage`` and
``docker/scene_fusion_stage``, but with one picture at a time: there, one failed picture empties its whole batch of 32.
Here, a failed picture keeps its row, with empty columns and the reason in ``perception_error``. Rows go into data set
directories ``part-00000``, ``part-00001``, ... that are complete or absent, so an interrupted run can be resumed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
NO_VQASYNTH = 3
NO_PICTURES = 4
OTHER_INPUT = 5
_COLUMNS = (
    *("masks", "bboxes_or_points", "captions"),
    *("pointclouds", "is_canonicalized", "depth_map", "focallength"),
)


def run_stages() -> int:
    """Run the stages; return 0 if every picture has a row, otherwise one of the exit codes above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--captioner", choices=("molmo", "florence"), default="molmo")
    parser.add_argument("--segmenter", default="facebook/sam2-hiera-small")
    parser.add_argument("--part_size", type=int, default=32)
    given = parser.parse_args()
    names = _pictures(given.pictures)
    if not names:
        print(f"no {', '.join(_SUFFIXES)} below {given.pictures}", file=sys.stderr)  # noqa: T201
        return NO_PICTURES
    given.output.mkdir(parents=True, exist_ok=True)
    plan = {"pictures": names}
    plan |= {key: getattr(given, key) for key in ("captioner", "segmenter", "part_size")}
    plan_file = given.output / "plan.json"
    if plan_file.exists():
        if json.loads(plan_file.read_text(encoding="utf-8")) != plan:
            print(f"{given.output} was started with other pictures or settings", file=sys.stderr)  # noqa: T201
            return OTHER_INPUT
    else:
        plan_file.write_text(json.dumps(plan), encoding="utf-8")
    parts = range(0, len(names), given.part_size)
    missing = [start for start in parts if not _part(given, start).is_dir()]
    if not missing:
        return 0
    try:
        from vqasynth.localize import Localizer
        from vqasynth.scene_fusion import SpatialSceneConstructor
    except ImportError as error:
        print(f"VQASynth can't be imported by {sys.executable}: {error}", file=sys.stderr)  # noqa: T201
        return NO_VQASYNTH
    localizer = Localizer(captioner_type=given.captioner, segmenter_model=given.segmenter)
    constructor = SpatialSceneConstructor()
    for start in missing:
        rows = []
        for position in range(start, min(start + given.part_size, len(names))):
            row = _row(given, position, names[position], localizer, constructor)
            rows.append(row)
            failure = f": {row['perception_error']}" if row["perception_error"] else ""
            print(f"{position + 1}/{len(names)} {names[position]}{failure}", flush=True)  # noqa: T201
        _save(rows, _part(given, start))
    return 0


def _pictures(folder: Path) -> list[str]:
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        base = Path(parent).relative_to(folder)
        found += [
            (base / name).as_posix() for name in files if not name.startswith(".") and name.lower().endswith(_SUFFIXES)
        ]
    return sorted(found)


def _part(given: argparse.Namespace, start: int) -> Path:
    folder: Path = given.output
    return folder / f"part-{start // given.part_size:05d}"


def _row(given: argparse.Namespace, position: int, name: str, localizer: Any, constructor: Any) -> dict[str, Any]:
    """Return all columns of one picture; if a stage fails, the reason, and ``None`` in the columns from there on."""
    from PIL import Image, ImageOps

    row: dict[str, Any] = dict.fromkeys(_COLUMNS)
    row |= {"file_name": name, "image": None, "perception_error": None}
    try:
        path = given.pictures / name
        row["image"] = {"bytes": path.read_bytes(), "path": name}
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        example: dict[str, Any] = {"image": [picture]}
        localizer.apply_transform(example, "image")
        if len(example["masks"][0]):
            constructor.apply_transform(example, [position], str(given.output), "image")
            if example["depth_map"][0] is None:
                # apply_transform hides its errors.
                row["perception_error"] = "the scene stage failed"
        for column in _COLUMNS:
            row[column] = example[column][0] if column in example else None
    except Exception as error:  # noqa: BLE001 - one picture must not end the run; it is reported by name
        row["perception_error"] = f"{type(error).__name__}: {error}"[:300]
    return row


def _save(rows: list[dict[str, Any]], part: Path) -> None:
    from datasets import Dataset, Features, Image, Sequence, Value

    features = Features(
        {
            "file_name": Value("string"),
            "image": Image(),
            "masks": Sequence(Sequence(Sequence(Value("uint8")))),
            "bboxes_or_points": Sequence(Sequence(Value("float64"))),
            "captions": Sequence(Value("string")),
            "pointclouds": Sequence(Value("string")),
            "is_canonicalized": Value("bool"),
            "depth_map": Sequence(Sequence(Value("float32"))),
            "focallength": Value("float64"),
            "perception_error": Value("string"),
        }
    )
    for row in rows:
        if row["masks"] is not None:
            # SAM 2 returns (1, H, W) for each of several boxes, and (H, W) for a single box.
            row["masks"] = [mask.reshape(mask.shape[-2:]) for mask in row["masks"]]
    temporary = part.with_name(f".{part.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    columns = {name: [row[name] for row in rows] for name in features}
    Dataset.from_dict(columns, features=features).save_to_disk(str(temporary))
    temporary.rename(part)


if __name__ == "__main__":
    sys.exit(run_stages())
