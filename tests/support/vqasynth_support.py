"""Data set directories in the form that VQASynth writes, and a stand-in for its package with the same interface.

The form is that of remyxai/VQASynth at commit 4a4dc1b: its ``docker/location_refinement_stage``, ``scene_fusion_stage``
and ``prompt_stage`` add these columns to a data set with pictures, in this order, by ``Dataset.map``.
"""

from __future__ import annotations

import io
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

# What its stages would have said: wrong on purpose, so that any use of it shows.
WRONG = [{"role": "assistant", "content": [{"type": "text", "text": "The table is behind everything."}]}]


@dataclass
class Row:
    """One row before it is stored.

    Attributes:
        picture: uint8 (H, W, 3).
        masks: bool (H, W) each; ``None`` for a row that a failed batch emptied.
        prompts: Points or boxes.
        captions: Texts.
        depth: z, (h, w); ``None`` where the stage failed.
        focal: Pixels of the depth map.
        canonicalized: Whether its clouds were turned.
    """

    picture: np.ndarray
    masks: Sequence[np.ndarray] | None
    prompts: Sequence[Sequence[float]]
    captions: Sequence[str | None]
    depth: np.ndarray | None = None
    focal: float | None = None
    canonicalized: bool = True
    clouds: Sequence[str] = field(default=())


def png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def stored_masks(masks: Sequence[np.ndarray] | None) -> list[np.ndarray] | None:
    """``Localizer.run``: each mask as uint8 of zero and 255."""
    return None if masks is None else [mask.astype(np.uint8) * 255 for mask in masks]


def write_rows(folder: Path, rows: Sequence[Row], *, split: str = "train") -> Path:
    """``Dataloader.save_to_disk``: a DatasetDict, since its ``load_dataset`` names no split."""
    from datasets import Dataset, DatasetDict, Features, Value
    from datasets import Image as ImageFeature

    data = Dataset.from_dict(
        {
            "image": [{"bytes": png(row.picture), "path": None} for row in rows],
            "tag": ["Room"] * len(rows),
        },
        features=Features({"image": ImageFeature(), "tag": Value("string")}),
    )

    def stages(batch: dict[str, list[object]], numbers: list[int]) -> dict[str, list[object]]:
        chosen = [rows[number] for number in numbers]
        batch["masks"] = [stored_masks(row.masks) for row in chosen]
        batch["bboxes_or_points"] = [[list(p) for p in row.prompts] for row in chosen]
        batch["captions"] = [list(row.captions) for row in chosen]
        batch["pointclouds"] = [list(row.clouds) for row in chosen]
        batch["is_canonicalized"] = [row.canonicalized for row in chosen]
        batch["depth_map"] = [None if row.depth is None else row.depth.astype(np.float32) for row in chosen]
        batch["focallength"] = [row.focal for row in chosen]
        batch["prompts"] = [["Is the table behind the chair? Answer: Yes, by 3.2 meters."] for _ in chosen]
        batch["truncated_prompts"] = batch["prompts"]
        batch["messages"] = [WRONG for _ in chosen]
        return batch

    data = data.map(stages, with_indices=True, batched=True, batch_size=1)
    DatasetDict({split: data}).save_to_disk(str(folder))
    return folder


def boxes_row(
    things: Sequence[tuple[str, tuple[int, int, int, int], float]],
    *,
    size: tuple[int, int] = (112, 84),
    points: bool = True,
    far: float = 8.0,
) -> Row:
    """Upright rectangles (name, box, depth) before a background; later ones lie in front."""
    width, height = size
    picture = np.full((height, width, 3), 120, dtype=np.uint8)
    depth = np.full((height, width), far, dtype=np.float32)
    owner = np.full((height, width), -1)
    rng = np.random.default_rng(3)
    for number, (_, (x0, y0, x1, y1), z) in enumerate(things):
        picture[y0:y1, x0:x1] = rng.integers(0, 255, 3)
        depth[y0:y1, x0:x1], owner[y0:y1, x0:x1] = z, number
    masks = [owner == number for number in range(len(things))]
    prompts: list[list[float]] = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        if points:
            middle = len(rows) // 2
            prompts.append([float(columns[middle]), float(rows[middle])])
        else:
            prompts.append([float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0])
    return Row(picture, masks, prompts, [name for name, *_ in things], depth, 0.9 * width)


STAND_IN_LOCALIZE = '''
import numpy as np

class Localizer:
    """One point a colour, as Molmo gives them; a picture that is all black fails, a white one has nothing in it."""

    def __init__(self, captioner_type="florence", segmenter_model="facebook/sam2-hiera-small", device=None):
        assert captioner_type == "molmo"

    def apply_transform(self, example, images):
        pixels = np.asarray(example[images][0])
        if not pixels.any():
            raise ValueError("Mismatch in lengths. Got 1 masks, 1 prompts, 2 captions.")
        colours = {"red cup": (255, 0, 0), "green bowl": (0, 255, 0), "blue box": (0, 0, 255)}
        masks, prompts, captions = [], [], []
        for name, colour in colours.items():
            mask = (pixels == colour).all(axis=2)
            if mask.any():
                rows, columns = np.nonzero(mask)
                masks.append(mask.astype(np.uint8) * 255)
                prompts.append([float(columns[len(columns) // 2]), float(rows[len(rows) // 2])])
                captions.append(name)
        example["masks"], example["bboxes_or_points"], example["captions"] = [masks], [prompts], [captions]
        return example
'''
STAND_IN_SCENE = """
import os
import numpy as np

class SpatialSceneConstructor:
    def apply_transform(self, example, idx, output_dir, images):
        pixels = np.asarray(example[images][0])
        depth = np.full(pixels.shape[:2], 6.0, dtype=np.float32)
        for number, mask in enumerate(example["masks"][0]):
            depth[mask > 0] = 2.0 + number
        os.makedirs(os.path.join(output_dir, "pointclouds"), exist_ok=True)
        path = os.path.join(output_dir, "pointclouds", f"pointcloud_{idx[0]}_0.pcd")
        example["pointclouds"], example["is_canonicalized"] = [[path]], [True]
        example["depth_map"], example["focallength"] = [depth], [100.0]
        return example
"""


# Names of this package's modules and of the repository's folders, which its environment may use for its own modules.
COLLIDING = ("binding", "columns", "data_gen", "scenes", "source", "src", "stages", "wrapper")


def write_stand_in(folder: Path) -> Path:
    """Make a virtual environment with a stand-in for ``vqasynth``; return its interpreter.

    The stand-in has the interface that the stages call, and imports its own modules of the names ``COLLIDING``.
    """
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    # The tests' own packages (PIL, datasets), after the environment's own.
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"))
    for name in COLLIDING:
        (site / f"{name}.py").write_text(f"OWNER = 'environment: {name}'\n")
    package = site / "vqasynth"
    package.mkdir()
    imports = "".join(f"import {name}; assert {name}.OWNER == 'environment: {name}'\n" for name in COLLIDING)
    (package / "__init__.py").write_text(imports)
    (package / "localize.py").write_text(STAND_IN_LOCALIZE)
    (package / "scene_fusion.py").write_text(STAND_IN_SCENE)
    return folder / "bin" / "python"
