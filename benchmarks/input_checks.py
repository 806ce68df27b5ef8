"""How often the checks of annotated input doubt right depth, and notice wrong depth: subsets of measured rooms.

    python benchmarks/input_checks.py ROOMS

ROOMS is an annotated folder in which each picture has ``depth_file_name`` (16-bit PNG) and, for a second row,
``estimated_depth_file_name``. Prints, for subsets of several sizes, how many runs would be stopped or warned for depth
as it is, and for inverse depth (the same maps as 1 / value).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource

SUBSETS = 40
Entry = dict[str, Any]  # an image of the annotations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", type=Path)
    rooms = parser.parse_args().rooms
    coco = json.loads((rooms / "annotations.json").read_text(encoding="utf-8"))
    print("| depth | pictures | runs | stopped | only warned |\n|---|---|---|---|---|")
    for key in ("depth_file_name", "estimated_depth_file_name"):
        if not all(key in image for image in coco["images"]):
            continue
        for inverse in (False, True):
            with tempfile.TemporaryDirectory() as name:
                images = [changed(rooms, Path(name), image, key, inverse=inverse) for image in coco["images"]]
                for size in (1, 2, 3, 5, 8, 16, len(images)):
                    found = outcomes(Path(name), coco, images, size)
                    what = f"{'inverse of ' if inverse else ''}{key.removesuffix('_depth_file_name').split('_')[0]}"
                    print(
                        f"| {what} | {size} | {found.total()} | {found['stopped']} | {found['warned']} |", flush=True
                    )


def changed(rooms: Path, folder: Path, image: Entry, key: str, *, inverse: bool) -> Entry:
    """The picture's entry with links to its files, or with a new depth map."""
    picture, depth = folder / image["file_name"], folder / f"depth/{image['id']}.png"
    for path in (picture, depth):
        path.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes((rooms / image["file_name"]).read_bytes())
    values = np.array(Image.open(rooms / image[key])).astype(np.float64)
    if inverse:
        values = np.where(values > 0, np.clip(2e6 / np.maximum(values, 1), 1, 65534), 0)
    Image.fromarray(values.astype(np.uint16)).save(depth)
    return {**image, "depth_file_name": f"depth/{image['id']}.png", "depth_scale": 1000}


def outcomes(folder: Path, coco: dict[str, Any], images: list[Entry], size: int) -> Counter[str]:
    rng = random.Random(size)
    found: Counter[str] = Counter()
    for _ in range(1 if size == len(images) else SUBSETS):
        chosen = rng.sample(images, size)
        ids = {image["id"] for image in chosen}
        annotations = [a for a in coco["annotations"] if a["image_id"] in ids]
        path = folder / "subset.json"
        path.write_text(json.dumps({**coco, "images": chosen, "annotations": annotations}), encoding="utf-8")
        doubts = AnnotatedSource(path, checks="warn").doubts
        found["stopped" if any(d.certain for d in doubts) else "warned" if doubts else "silent"] += 1
    return found


if __name__ == "__main__":
    main()
