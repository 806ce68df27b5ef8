"""Models that read painted pictures, in plain numpy, and a program that runs `generate` with them.

    python ray_models.py '{"engine": "ray", ...}' PICTURES CALLS

They implement the protocols of the package, so that a cluster needs no torch; each call is written down in CALLS.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reinforcesight.data_gen.perception.protocols import (
    DepthPrediction,
    GroundedBox,
    PerceptionModels,
    SegmentedMask,
    SegmentPrompt,
)

COLOURS = {"red cup": (200, 20, 20), "green bowl": (20, 200, 20), "blue box": (20, 20, 200)}
NEAR = {"red cup": 2.0, "green bowl": 3.0, "blue box": 4.5}


def paint(folder: Path, count: int) -> Path:
    """Three things each, at other places in each picture; one file is torn."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = np.full((96, 128, 3), 120, dtype=np.uint8)
        for place, colour in enumerate(rng.permutation(list(COLOURS.values()))):
            x, y = 6 + 42 * place + rng.integers(8), rng.integers(4, 60)
            pixels[y : y + 28, x : x + 26] = colour
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    (folder / "torn.png").write_bytes(b"\x89PNG")
    return folder


@dataclass
class Painted:
    """All three models in one: what they say depends on the colours alone."""

    identity: str
    calls: Path

    def release(self) -> None:
        """Nothing is held."""

    def _note(self, pictures: Sequence[np.ndarray]) -> None:
        for picture in pictures:
            name = hashlib.sha256(picture.tobytes()).hexdigest()[:16]
            with (self.calls / f"{os.getpid()}.txt").open("a") as file:
                file.write(f"{self.identity} {name}\n")
        time.sleep(float(os.environ.get("PAUSE", "0")))

    def estimate(self, pictures: Sequence[np.ndarray]) -> list[DepthPrediction]:
        made = []
        for picture in pictures:
            z = np.full(picture.shape[:2], 8.0, dtype=np.float32)
            for name, colour in COLOURS.items():
                z[(picture == colour).all(axis=2)] = NEAR[name]
            made.append(DepthPrediction(z, "metric"))
        self._note(pictures)
        return made

    def ground(self, pictures: Sequence[np.ndarray], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]:
        made = []
        for picture, asked in zip(pictures, phrases, strict=True):
            boxes = []
            for number, phrase in enumerate(asked):
                rows, columns = np.nonzero((picture == COLOURS[phrase]).all(axis=2))
                box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                boxes.append(GroundedBox(number, tuple(float(v) for v in box), 0.9))
            made.append(boxes)
        self._note(pictures)
        return made

    def segment(
        self, pictures: Sequence[np.ndarray], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        made = []
        for picture, asked in zip(pictures, prompts, strict=True):
            masks = []
            for prompt in asked:
                x0, y0, x1, y1 = (int(v) for v in prompt.box)
                colour = picture[(y0 + y1) // 2, (x0 + x1) // 2]
                masks.append(SegmentedMask((picture == colour).all(axis=2), 0.9))
            made.append(masks)
        self._note(pictures)
        return made


def main(settings: str, pictures: str, calls: str) -> int:
    """Run `generate` on a folder of painted pictures."""
    from reinforcesight.data_gen.config import GenerateConfig
    from reinforcesight.data_gen.pipeline import generate
    from reinforcesight.data_gen.sources.image_folder import ImageFolderSource

    config = GenerateConfig.model_validate(json.loads(settings))
    depth, grounder, segmenter = (Painted(name, Path(calls)) for name in ("depth", "grounding", "segmentation"))
    models = PerceptionModels(grounder, depth, segmenter)
    source = ImageFolderSource(Path(pictures), config.perception, models=models)
    return generate(config, source).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
