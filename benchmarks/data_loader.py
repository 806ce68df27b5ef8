"""448-pixel pictures per second that one data-loader worker decodes and prepares.

    python benchmarks/data_loader.py [--samples 256] [--format PNG|JPEG] [--processor DIR]

One process with one thread, like a worker: read a row, decode the picture, render the chat, tokenise, cut the picture
into patches. A training step of the 3B model needs 6.5e12 model FLOPs for a question of this size (formula in
benchmarks/gpu_sft.py), so an A100 can use at most 48 pictures per second at its peak.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))
from tiny_models import build_tiny
from training_support import row, write_split

from reinforcesight.model.load import find_source
from reinforcesight.model.options import ModelConfig
from reinforcesight.model.processor import load_processor
from reinforcesight.tuning.data import (
    TRAINING_COLUMNS,
    SpatialCollator,
    decode_picture,
    encoded_rows,
    load_training_data,
)

SIDE = 448


def textured_rows(count: int, kind: str) -> list[dict[str, object]]:
    """Rows whose pictures are as detailed as photographs, so that decoding takes a realistic time."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(count):
        coarse = rng.integers(0, 255, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = np.clip(picture + rng.integers(-6, 7, picture.shape), 0, 255).astype(np.uint8)
        encoded = io.BytesIO()
        Image.fromarray(noisy).save(encoded, format=kind)
        made = row(index, rng)
        made["image"] = {"bytes": encoded.getvalue(), "path": f"{index}.{kind.lower()}"}
        rows.append(made)
    return rows


def main() -> None:
    """Measure decoding alone and everything up to a batch; print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--format", default="PNG", choices=["PNG", "JPEG"])
    parser.add_argument("--processor", help="folder of a real model's processor files; default: a small substitute")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        write_split(Path(folder), "train", textured_rows(options.samples, options.format))
        rows = encoded_rows(load_training_data(folder).train, TRAINING_COLUMNS)
        path = options.processor or str(build_tiny(Path(folder) / "model", max_pixels=SIDE * SIDE))
        config = ModelConfig(model_path=path, max_pixels=SIDE * SIDE)
        collator = SpatialCollator(load_processor(find_source(config), config), completion_only_loss=True)
        started = time.perf_counter()
        for index in range(options.samples):
            decode_picture(rows[index])
        decoding = time.perf_counter() - started
        started = time.perf_counter()
        for start in range(0, options.samples, options.batch):
            batch = collator([rows[i] for i in range(start, min(start + options.batch, options.samples))])
        whole = time.perf_counter() - started
    result = {
        "pictures_per_second_per_worker": round(options.samples / whole, 1),
        "decoding_alone": round(options.samples / decoding, 1),
        "visual_tokens": int(batch["image_grid_thw"][0].prod()) // 4,
        "format": options.format,
        "side": SIDE,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
