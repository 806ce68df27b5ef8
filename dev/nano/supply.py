"""Scenes for pretraining, rendered by workers ahead of the training, in chunks that stay on disk for a restart."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from nano.config import PretrainConfig
from nano.scenes import PretrainingScene, render_scene
from reinforcesight.data_gen.rendering import Distribution
from reinforcesight.errors import ReinforceSightError

CHUNK = 256  # scenes in a file: some six seconds of work for a worker
_AHEAD = 4  # chunks asked for before they are needed
_FIELDS = ("picture", "kinds", "colours", "boxes", "depths", "visible", "instances", "cells")

Chunk = dict[str, np.ndarray]


def render_chunk(config: PretrainConfig, number: int, path: Path, seed: int, distribution: str) -> None:
    """Render one chunk into a file, all or nothing; nothing to do where it is there already."""
    if path.is_file():
        return
    first = number * CHUNK
    scenes = [
        render_scene(
            seed,
            index,
            Distribution(distribution),
            config.picture_size,
            config.architecture.cell,
            config.rendering,
        )
        for index in range(first, first + CHUNK)
    ]
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        arrays: dict[str, Any] = {name: np.stack([getattr(s, name) for s in scenes]) for name in _FIELDS}
        np.savez(file, **arrays)
    temporary.replace(path)


class SceneSupply:
    """A window of scenes that moves on with the steps: which scenes a step may draw from depends on it alone.

    Args:
        config: Of the pretraining.
        folder: Where the chunks are kept.
        new_scenes: How many scenes have come in before a step, beyond the first window.
    """

    def __init__(self, config: PretrainConfig, folder: Path, new_scenes: Callable[[int], int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._folder = folder
        self._new_scenes = new_scenes
        self._window = max(1, config.window // CHUNK)
        self._skipped = -(-config.skip_scenes // CHUNK)
        self._first = max(1, config.first_scenes // CHUNK)
        self._chunks: dict[int, Chunk] = {}
        self._pending: dict[int, Future[None]] = {}
        self._pool: Executor | None = (
            ProcessPoolExecutor(config.workers, mp_context=get_context("spawn")) if config.workers else None
        )
        self.waited = 0.0

    def _path(self, number: int) -> Path:
        return self._folder / f"scenes-{number:05d}.npz"

    def _last(self, step: int) -> int:
        return self._skipped + self._first - 1 + self._new_scenes(step) // CHUNK

    def _wanted(self, step: int) -> range:
        last = self._last(step)
        return range(max(self._skipped, last + 1 - self._window), last + 1)

    def prepare(self, step: int) -> None:
        """Have every chunk of a step's window in memory, and the next ones under way."""
        wanted = self._wanted(step)
        if self._pool is not None:
            for number in (*wanted, *range(wanted.stop, wanted.stop + _AHEAD)):
                if number not in self._chunks and number not in self._pending:
                    self._pending[number] = self._pool.submit(
                        render_chunk,
                        self._config,
                        number,
                        self._path(number),
                        self._config.seed,
                        Distribution.TRAIN.value,
                    )
        for number in wanted:
            if number not in self._chunks:
                self._chunks[number] = self._load(number)
        for number in [n for n in self._chunks if n < wanted.start]:
            del self._chunks[number]

    def _load(self, number: int) -> Chunk:
        started = time.monotonic()
        task = self._pending.pop(number, None)
        if task is not None:
            task.result()
        else:
            render_chunk(self._config, number, self._path(number), self._config.seed, Distribution.TRAIN.value)
        self.waited += time.monotonic() - started
        return _read(self._path(number))

    def draw(self, step: int, count: int, rng: random.Random) -> list[PretrainingScene]:
        """Scenes for a step, with repetition."""
        self.prepare(step)
        wanted = self._wanted(step)
        drawn = []
        for _ in range(count):
            chunk = self._chunks[rng.choice(wanted)]
            drawn.append(_take(chunk, rng.randrange(CHUNK)))
        return drawn

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def held_out_scenes(
    config: PretrainConfig, folder: Path, distribution: Distribution = Distribution.HELD_OUT
) -> list[PretrainingScene]:
    """Scenes that no training step sees, for the score; kept on disk as the others are."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes: list[PretrainingScene] = []
    number = 0
    while len(scenes) < config.score_scenes:
        path = folder / f"{distribution.value}-{number:05d}.npz"
        render_chunk(config, number, path, config.seed, distribution.value)
        chunk = _read(path)
        scenes += [_take(chunk, row) for row in range(CHUNK)]
        number += 1
    return scenes[: config.score_scenes]


def _read(path: Path) -> Chunk:
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in _FIELDS}
    except (OSError, ValueError, KeyError) as error:
        raise ReinforceSightError(
            f"the scenes can't be read: {error}", where=str(path), fix="delete the file; it is made again"
        ) from error


def _take(chunk: Chunk, row: int) -> PretrainingScene:
    return PretrainingScene(**{name: chunk[name][row] for name in _FIELDS})
