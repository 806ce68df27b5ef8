"""Small inputs for the tests of `generate`: annotated pictures with depth, and sources that misbehave."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import forked
import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from small_dataset import make_picture

from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.source import PictureRejected, Skipped, SourcePicture

ALL_SPLITS = ("train", "validation", "test")
# As many questions about each of the eight relations, and in each form; drawn boxes whatever the names.
EVEN = {
    "tasks": {"Relation": 2, "Depth": 1, "Distance": 1},
    "forms": [form.value for form in Form],
    "box_colour_words": True,
}


def write_annotated(folder: Path, pictures: int, *, depth: bool = True, suffix: str = "png") -> Path:
    """A COCO folder of random coloured squares, each with its outline; the depth map shows them at their depth."""
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    categories: dict[str, int] = {}
    for number in range(pictures):
        scene, encoded = make_picture(number)
        name = f"picture{number:04d}"
        entry = {
            "id": number + 1,
            "file_name": f"{name}.{suffix}",
            "width": scene.width,
            "height": scene.height,
        }
        if suffix == "png":
            (folder / f"{name}.png").write_bytes(encoded)
        else:
            (folder / "tmp.png").write_bytes(encoded)
            Image.open(folder / "tmp.png").save(folder / f"{name}.{suffix}", quality=90)
            (folder / "tmp.png").unlink()
        if depth:
            z = np.full((scene.height, scene.width), 40.0, dtype=np.float32)
            for item in scene.objects:
                x0, y0, x1, y1 = (int(v) for v in item.box)
                z[y0:y1, x0:x1] = item.depth
            np.save(folder / f"{name}.npy", z)
            lens = scene.camera
            entry["depth_file_name"] = f"{name}.npy"
            entry["depth_scale"] = 1.0
            entry["intrinsics"] = {"fx": lens.fx, "fy": lens.fy, "cx": lens.cx, "cy": lens.cy}
        images.append(entry)
        for item in scene.objects:
            x0, y0, x1, y1 = item.box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number + 1,
                    "category_id": categories.setdefault(item.name, len(categories) + 1),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                    "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
                }
            )
    coco = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    (folder / "annotations.json").write_text(json.dumps(coco))
    return folder


def command(source: Path, output: Path, *flags: object) -> list[str]:
    """The arguments of a run on an annotated folder."""
    places = ["--input", str(source), "--output", str(output)]
    return ["generate", "--source", "annotated", *places, *(str(flag) for flag in flags)]


def run(source: Path, output: Path, *flags: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, which must have the given exit status."""
    done = forked.run("reinforcesight", *command(source, output, *flags), imports=forked.GENERATE)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def run_until(
    reached: Callable[[], bool], arguments: list[str], number: int = signal.SIGKILL
) -> subprocess.CompletedProcess[str]:
    """Start a command and send it a signal as soon as a state of its folder is reached (or let it end)."""
    process = forked.start("reinforcesight", *arguments, imports=forked.GENERATE)
    deadline = time.monotonic() + 60
    while process.poll() is None and not reached():
        assert time.monotonic() < deadline, "the state was never reached"
        time.sleep(0.002)
    if process.poll() is None:
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def digests(output: Path) -> dict[str, str]:
    """File name to SHA-256 of the Parquet files."""
    files = sorted((output / "data").iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(output: Path, *columns: str) -> Iterator[dict[str, object]]:
    """All rows with the split that they are in, as the key ``split``."""
    for path in sorted((output / "data").glob("*.parquet")):
        split = path.name.partition("-")[0]
        for row in pq.read_table(path, columns=list(columns) or None).to_pylist():
            yield {"split": split, **row}


@dataclass(frozen=True)
class TroubledSource:
    """Random scenes, of which some are rejected, fail, or kill the process that reads them.

    Attributes:
        pictures: Number of pictures.
        rejected: Positions that raise PictureRejected.
        failing: Positions that raise an ordinary error.
        killing: Positions that kill their process.
        once: Folder of notes: a killing picture kills once only. ``None``: each time.
    """

    pictures: int
    rejected: frozenset[int] = frozenset()
    failing: frozenset[int] = frozenset()
    killing: frozenset[int] = frozenset()
    once: Path | None = None
    name: str = "troubled"

    def count(self) -> int | None:
        return self.pictures

    def fingerprint(self) -> str:
        return f"{self.pictures}"

    def load(self, index: int) -> SourcePicture:
        if index in self.rejected:
            raise PictureRejected("unreadable_picture", "cut off", source_id=f"p{index}.png")
        if index in self.failing:
            raise ZeroDivisionError("a defect")
        if index in self.killing:
            note = None if self.once is None else self.once / f"{index}"
            if note is None or not note.exists():
                if note is not None:
                    note.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        scene, image = make_picture(index)
        skipped = (Skipped("empty_box", f"annotation {index}"),) if index % 5 == 0 else ()
        return SourcePicture(index, self.name, f"p{index}.png", scene, image, skipped)
