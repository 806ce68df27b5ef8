"""A COCO folder that tests of the source ``annotated`` fill and break."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource

WIDTH, HEIGHT = 64, 48


def pixels():
    """A smooth picture without any symmetry, which lossy formats keep well."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([columns * 4, rows * 5, (columns + 2 * rows) % 160], axis=-1).astype(np.uint8)


class Folder:
    """A COCO folder that a test fills and breaks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = {
            "images": [],
            "annotations": [],
            "categories": [{"id": 1, "name": "chair"}, {"id": 2, "name": "table"}, {"id": 3, "name": "lamp"}],
        }

    def picture(self, name="a.png", **extra):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels()).save(path)
        return self.entry(name, **extra)

    def entry(self, name, **extra):
        image = {
            "id": len(self.data["images"]) + 1,
            "file_name": name,
            "width": WIDTH,
            "height": HEIGHT,
            **extra,
        }
        self.data["images"].append(image)
        return image

    def box(self, box, category=1, image=1, **extra):
        annotation = {"id": len(self.data["annotations"]) + 1, "image_id": image, "category_id": category}
        annotation |= {"bbox": box, "area": 1, "iscrowd": 0, **extra}
        self.data["annotations"].append(annotation)
        return annotation

    def source(self):
        (self.root / "annotations.json").write_text(json.dumps(self.data))
        return AnnotatedSource(self.root)

    def load(self, index=0):
        return self.source().load(index)


def reasons(picture):
    return [item.reason for item in picture.skipped]


def rejection(folder, index=0):
    with pytest.raises(PictureRejected) as caught:
        folder.load(index)
    assert caught.value.detail
    return caught.value


def with_depth(folder, depth, **extra):
    name = "d.npy" if depth.dtype != np.uint16 else "d.png"
    if name == "d.npy":
        np.save(folder.root / name, depth)
    else:
        Image.fromarray(depth).save(folder.root / name)
    folder.picture(depth_file_name=name, **extra)
    folder.box([2, 4, 20, 40])
    folder.box([40, 4, 20, 40], 2)


def two_planes(left, right, dtype):
    depth = np.full((HEIGHT, WIDTH), left, dtype=dtype)
    depth[:, WIDTH // 2 :] = right
    return depth
