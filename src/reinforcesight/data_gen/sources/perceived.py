"""Base class of the sources with perception models: pictures are processed in chunks and returned one by one."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reinforcesight.data_gen.perception.cache import ResultCache
from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.filtering import Query
from reinforcesight.data_gen.perception.perceive import ModelRole, PerceptionTask, model_roles, perceive, run_model
from reinforcesight.data_gen.perception.protocols import PerceptionModels
from reinforcesight.data_gen.source import PictureRejected, Skipped, SourcePicture, rejection_of
from reinforcesight.data_gen.sources.photographs import Photograph, shrunk
from reinforcesight.devices import pick_device
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import decode_rgb


@dataclass(frozen=True, slots=True)
class PictureWithQueries:
    """Picture and the objects to search for."""

    source_id: str
    photograph: Photograph
    queries: tuple[Query, ...]
    unseen: tuple[str, ...] = ()  # names of objects in the picture that are not searched for
    skipped: tuple[Skipped, ...] = ()  # entries that were left out before perception


class PerceivedSource(ABC):
    """Source whose scenes come from models.

    Loading a picture processes its whole chunk, so that each model runs on a chunk at a time: load pictures in order.
    Models are loaded by the process that first needs them. ``models`` are your own models instead of those in
    ``config``.
    """

    def __init__(self, config: PerceptionConfig, models: PerceptionModels | None) -> None:
        self._own_models = models is not None
        if models is None:
            from reinforcesight.data_gen.perception.models.build import build_models

            models = build_models(config)
        self.config = config
        self.models = models
        self._held: tuple[int, dict[int, SourcePicture | PictureRejected]] | None = None

    name: str

    @abstractmethod
    def count(self) -> int: ...

    @abstractmethod
    def picture(self, index: int) -> PictureWithQueries:
        """Return picture ``index`` before perception; raises ``PictureRejected`` if it can't be used."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": None}

    def perception_identity(self) -> str:
        """Return the perception settings that decide the scenes: models, thresholds and picture size."""
        models = (self.models.depth, self.models.grounder, self.models.segmenter)
        parts = [model.identity if model is not None else "none" for model in models]
        seconds = (self.models.second_grounder, self.models.second_depth)
        parts += [f"second {model.identity}" for model in seconds if model is not None]
        return "\n".join([*parts, self.config.gates.model_dump_json(), str(self.config.max_side)])

    def default_workers(self) -> int | None:
        """Return the number of worker processes: two on a shared GPU, otherwise ``None`` (no limit)."""
        if self.config.device == "cpu":
            return None
        return 2 if pick_device(self.config.device) != "cpu" else None

    def load(self, index: int) -> SourcePicture:
        chunk = index // self.config.chunk_size
        if self._held is None or self._held[0] != chunk:
            self._held = None  # free the pictures of the last chunk before reading the next
            self._held = chunk, self._perceive(chunk)
        outcome = self._held[1][index]
        if isinstance(outcome, PictureRejected):
            raise PictureRejected(outcome.reason, outcome.detail, source_id=outcome.source_id)
        return outcome

    def model_roles(self) -> tuple[ModelRole, ...]:
        """Return the models that process a picture, in order."""
        return model_roles(self.models)

    def move_here(self) -> None:
        """Load this machine's model files after another machine sent the source here.

        Raises:
            InputError: The models can't be loaded, or differ from those of the machine that sent the source.
            MissingDependencyError: torch or transformers is not installed here.
        """
        if self._own_models:
            return
        from reinforcesight.data_gen.perception.models.build import build_models

        expected = self.perception_identity()
        self.models = build_models(self.config)
        if self.perception_identity() != expected:
            raise InputError(
                f"the models on {socket.gethostname()} differ from those of the machine that started the job",
                fix="give revisions by commit, and model folders that all machines share",
            )

    def run_model(self, role: ModelRole, chunk: int) -> None:
        """Run one model on a chunk (``config.chunk_size`` pictures) and store its results only in the cache.

        Raises:
            InputError: There is no cache, or the results of the previous model are not in the cache.
            OutputError: A result can't be stored.
        """
        if self.config.cache is None:
            raise InputError("running a single stage needs a cache", fix="set perception.cache")
        _, pictures = self._prepared(chunk)
        run_model(
            role,
            [_task(picture) for picture in pictures.values()],
            self.models,
            rules=self.config.gates,
            cache=ResultCache(self.config.cache),
            batch_size=self.config.batch_size,
        )

    def _prepared(
        self, chunk: int
    ) -> tuple[dict[int, SourcePicture | PictureRejected], dict[int, PictureWithQueries]]:
        """Return the outcomes of the chunk's pictures that can't be perceived, and the remaining pictures."""
        outcomes: dict[int, SourcePicture | PictureRejected] = {}
        pictures: dict[int, PictureWithQueries] = {}
        start = chunk * self.config.chunk_size
        for index in range(start, min(start + self.config.chunk_size, self.count())):
            try:
                picture = self.picture(index)
                if not picture.queries:
                    detail = "no phrase names an object to search for"
                    raise PictureRejected("nothing_named", detail, picture.source_id)
                small = shrunk(picture.photograph, self.config.max_side)
            except Exception as error:  # noqa: BLE001 - one picture must not stop the others of its chunk
                outcomes[index] = rejection_of(error, index)
            else:
                pictures[index] = replace(picture, photograph=small)
        return outcomes, pictures

    def _perceive(self, chunk: int) -> dict[int, SourcePicture | PictureRejected]:
        outcomes, pictures = self._prepared(chunk)
        results = perceive(
            [_task(picture) for picture in pictures.values()],
            self.models,
            rules=self.config.gates,
            cache=ResultCache(self.config.cache) if self.config.cache is not None else None,
            batch_size=self.config.batch_size,
            keep_loaded=self.config.keep_loaded,
        )
        for (index, picture), result in zip(pictures.items(), results, strict=True):
            encoded = picture.photograph.data
            outcomes[index] = SourcePicture(index, self.name, picture.source_id, result.scene, encoded, result.skipped)
        return outcomes


def _task(picture: PictureWithQueries) -> PerceptionTask:
    encoded = picture.photograph.data
    pixels = np.asarray(decode_rgb(encoded))
    return PerceptionTask(encoded, pixels, picture.queries, picture.unseen, picture.photograph.camera, picture.skipped)
