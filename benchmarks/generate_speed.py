"""Time and memory of `reinforcesight generate`.

    python benchmarks/generate_speed.py speed --pairs 10000 --workers 2
    python benchmarks/generate_speed.py memory --pairs 1000 100000 --workers 2

`speed` makes a rendered data set and prints the time of each step. `memory` makes data sets of pictures that are
quick to draw, so that a hundred thousand pairs are affordable, and prints the peak memory of the main process and the
largest worker.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image, ImageDraw

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.questions.compose import find_candidates
from reinforcesight.data_gen.source import SourcePicture
from reinforcesight.data_gen.sources.rendered import RenderedSource
from reinforcesight.scene import Camera, Scene, SceneObject

WIDTH, HEIGHT = 160, 120
NOUNS = ("chair", "table", "lamp", "sofa", "bottle", "vase", "clock", "basket", "pot", "kite", "bin", "drum")
COLOURS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (40, 80, 200), "white": (240, 240, 240)}


@dataclass(frozen=True)
class Rectangles:
    """Six coloured rectangles at random places and depths, without end."""

    name: str = "rectangles"

    def count(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        return "1"

    def load(self, index: int) -> SourcePicture:
        rng = np.random.default_rng([11, index])
        camera = Camera(fx=150, fy=150, cx=WIDTH / 2, cy=HEIGHT / 2)
        image = Image.new("RGB", (WIDTH, HEIGHT), tuple(int(v) for v in rng.integers(60, 200, 3)))
        painter = ImageDraw.Draw(image)
        depths = 1.5 ** rng.permutation(6)
        names = rng.choice([f"{colour} {noun}" for colour in COLOURS for noun in NOUNS], 6, replace=False)
        objects = []
        for number, (cell, z) in enumerate(zip(rng.permutation(12)[:6], depths, strict=True)):
            x0, y0 = float(cell % 4 * 40 + rng.integers(2, 14)), float(cell // 4 * 40 + rng.integers(2, 14))
            box = (x0, y0, x0 + 22, y0 + 22)
            colour, noun = str(names[number]).split()
            painter.rectangle(box, fill=COLOURS[colour])
            centre = ((x0 + 11 - camera.cx) / camera.fx * z, (y0 + 11 - camera.cy) / camera.fy * z, z)
            objects.append(
                SceneObject(
                    id=number,
                    name=f"{colour} {noun}",
                    category=noun,
                    box=box,
                    depth=float(z),
                    depth_spread=0.01,
                    centre=(float(centre[0]), float(centre[1]), float(z)),
                    thickness=0.02,
                    valid_depth_fraction=1.0,
                    visible_fraction=1.0,
                    masked=True,
                )
            )
        scene = Scene(width=WIDTH, height=HEIGHT, depth_unit="m", camera=camera, objects=tuple(objects))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        return SourcePicture(index, self.name, f"{index:07d}", scene, buffer.getvalue())


class PeakMemory:
    """Peak resident memory of this process and of the largest child in MB, sampled every 50 ms."""

    def __enter__(self) -> PeakMemory:
        self.main = self.worker = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.05):
            self.main = max(self.main, me.memory_info().rss / 1e6)
            for child in me.children():
                try:
                    self.worker = max(self.worker, child.memory_info().rss / 1e6)
                except psutil.NoSuchProcess:
                    continue

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def measure_speed(pairs: int, workers: int) -> None:
    """Time of each step for one picture, and of a whole rendered data set."""
    source = RenderedSource(0)
    source.load(0)
    started = time.perf_counter()
    pictures = [source.load(index) for index in range(1, 33)]
    render = (time.perf_counter() - started) / len(pictures)
    started = time.perf_counter()
    for picture in pictures:
        find_candidates(picture.scene)
    find = (time.perf_counter() - started) / len(pictures)
    print(f"one process: {1e3 * render:.0f} ms to render a picture, {1e3 * find:.1f} ms to find its pairs")
    with tempfile.TemporaryDirectory() as folder, PeakMemory() as memory:
        config = GenerateConfig(output=Path(folder) / "data", num_samples=pairs, workers=workers)
        report = generate(config)
        size = sum(path.stat().st_size for path in (config.output / "data").iterdir()) / 1e6
    print(
        f"{pairs} rendered pairs, {workers} workers: {report.seconds:.0f} s "
        f"({1e3 * report.seconds / pairs:.1f} ms a pair), {size:.0f} MB of Parquet, "
        f"main process {memory.main:.0f} MB, largest worker {memory.worker:.0f} MB"
    )


def measure_memory(pairs: list[int], workers: int) -> None:
    for count in pairs:
        with tempfile.TemporaryDirectory() as folder, PeakMemory() as memory:
            output = Path(folder) / "data"
            report = generate(GenerateConfig(output=output, num_samples=count, workers=workers), Rectangles())
        print(
            f"{count} pairs, {workers} workers: {report.seconds:.0f} s, main process {memory.main:.0f} MB, "
            f"largest worker {memory.worker:.0f} MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory"))
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000])
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.what == "speed":
        for count in arguments.pairs:
            measure_speed(count, arguments.workers)
    else:
        measure_memory(arguments.pairs, arguments.workers)


if __name__ == "__main__":
    main()
