"""What the embedded model can do on held-out or shifted scenes of a seed, and by the size of the objects.

    python benchmarks/nano_scores.py --seed 8
    python benchmarks/nano_scores.py --model models/nano_repaint --seed 7
    python benchmarks/nano_scores.py --distribution shifted

The first table has the scores that ``dev/pretrain_nano.py`` prints. The second tells which share of the objects that
cover one, two, three or more visual tokens are named in a description of the picture.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))

from nano.config import PretrainConfig
from nano.score import score
from nano.supply import held_out_scenes
from nano.tasks import describe, seen_objects

from reinforcesight.config import load_config
from reinforcesight.data_gen.rendering import Distribution
from reinforcesight.model.chat import generate_text
from reinforcesight.model.load import load_model
from reinforcesight.model.options import ModelConfig

CONFIG = Path(__file__).parents[1] / "dev" / "nano" / "nano.yaml"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="nano, or a folder")
    parser.add_argument("--config", type=Path, default=CONFIG, help="configuration that it was pretrained with")
    parser.add_argument("--seed", type=int, default=8, help="of the scenes; pretraining scores itself on seed 7")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument(
        "--distribution",
        choices=("held_out", "shifted"),
        default="held_out",
        help="shifted: pairs of kind and colour, and cameras, that pretraining never shows",
    )
    arguments = parser.parse_args()
    config = load_config(
        PretrainConfig, arguments.config, [f"seed={arguments.seed}", f"score_scenes={arguments.scenes}"]
    )
    options = config.rendering
    loaded = load_model(ModelConfig(model_path=arguments.model))
    with tempfile.TemporaryDirectory() as folder:
        scenes = held_out_scenes(config, Path(folder), Distribution(arguments.distribution))
    for name, value in score(loaded.model, loaded.processor, scenes, options, seed=config.seed).items():
        print(f"{name:16} {value:.4g}")
    rng = random.Random(config.seed)
    objects = [seen_objects(scene, options) for scene in scenes]
    answers = generate_text(
        loaded.model,
        loaded.processor,
        [describe(found, rng)[0] for found in objects],
        [Image.fromarray(scene.picture) for scene in scenes],
        160,
        batch_size=64,
    )
    there, named = Counter[int](), Counter[int]()
    for scene, found, answer in zip(scenes, objects, answers, strict=True):
        # Objects come from left to right, rows of the scene do not.
        rows = np.flatnonzero(scene.kinds >= 0)
        middles = scene.boxes[rows, 0] + scene.boxes[rows, 2]
        for item, row in zip(found, rows[np.argsort(middles, kind="stable")], strict=True):
            tokens = min(3, int((scene.cells == row).sum()))
            there[tokens] += 1
            named[tokens] += f"The {item.name} is " in answer.text
    print("\nvisual tokens    objects  named")
    for tokens in sorted(there):
        label = "3 or more" if tokens == 3 else str(tokens)
        print(f"{label:16} {there[tokens]:7} {named[tokens] / there[tokens]:6.3f}")


if __name__ == "__main__":
    main()
