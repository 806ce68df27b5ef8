"""What the sources with perception share: pictures are perceived a chunk at a time and handed out one by one."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reinforcesight.data_gen.perception.cache import ResultCache
from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.gates import Query
from reinforcesight.data_gen.perception.perceive import (
    ModelRole,
    PerceptionTask,
    model_roles,
    perceive,
    run_model,
)
from reinforcesight.data_gen.perception.protocols import PerceptionModels
from reinforcesight.data_gen.source import PictureRejected, Skipped, SourcePicture
from reinforcesight.data_gen.sources.photographs import Photograph, shrunk
from reinforcesight.devices import pick_device
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import decode_rgb


@dataclass(frozen=True, slots=True)
class PictureWithQueries:
    """A picture and what is to be looked for in it.

    Attributes:
        source_id: Its name.
        photograph: The picture.
        queries: Phrases.
        unseen: Names of things that are in it and not looked for.
        skipped: What was left out before.
    """

    source_id: str
    photograph: Photograph
    queries: tuple[Query, ...]
    unseen: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


class PerceivedSource(ABC):
    """A source whose scenes come from models.

    Loading one picture perceives the whole chunk that it lies in, so that each model sees a chunk at a time; ask for
    pictures in order. Models are loaded by the process that first needs them.

    Args:
        config: Models and settings.
        models: Models of one's own in place of those that the configuration names.

    Raises:
        InputError: A model can't be had, or is of another kind.
        MissingDependencyError: torch or transformers is absent.
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
    def count(self) -> int:
        """Number of pictures, usable or not."""

    @abstractmethod
    def picture(self, index: int) -> PictureWithQueries:
        """Picture ``index`` before perception.

        Raises:
            PictureRejected: It can't be used.
        """

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": None}

    def perception_identity(self) -> str:
        """Everything of perception that decides scenes: models, gates and picture size."""
        models = (self.models.depth, self.models.grounder, self.models.segmenter)
        parts = [model.identity if model is not None else "none" for model in models]
        seconds = (self.models.second_grounder, self.models.second_depth)
        parts += [f"second {model.identity}" for model in seconds if model is not None]
        return "\n".join([*parts, self.config.gates.model_dump_json(), str(self.config.max_side)])

    def default_workers(self) -> int | None:
        """Worker processes that suit the models: few where they share a GPU, ``None`` where any number does."""
        if self.config.device == "cpu":
            return None
        return 2 if pick_device(self.config.device) != "cpu" else None

    def load(self, index: int) -> SourcePicture:
        """Picture ``index`` with its scene; detections that are not trusted are in ``skipped``.

        Raises:
            PictureRejected: The picture can't be used.
            OutputError: An intermediate result can't be stored.
        """
        chunk = index // self.config.chunk_size
        if self._held is None or self._held[0] != chunk:
            self._held = None  # frees the pictures of the last chunk before the next ones are read
            self._held = chunk, self._perceive(chunk)
        outcome = self._held[1][index]
        if isinstance(outcome, PictureRejected):
            raise PictureRejected(outcome.reason, outcome.detail, source_id=outcome.source_id)
        return outcome

    def model_roles(self) -> tuple[ModelRole, ...]:
        """The models that pictures go through, in order."""
        return model_roles(self.models)

    def move_here(self) -> None:
        """Use the model files of this machine, after the source was sent to it.

        Raises:
            InputError: They can't be had, or are not those of the machine that sent the source.
            MissingDependencyError: torch or transformers is absent here.
        """
        if self._own_models:
            return
        from reinforcesight.data_gen.perception.models.build import build_models

        expected = self.perception_identity()
        self.models = build_models(self.config)
        if self.perception_identity() != expected:
            raise InputError(
                f"the models on {socket.gethostname()} are not those of the machine that began",
                fix="give revisions by commit, and model folders that all machines share",
            )

    def run_model(self, role: ModelRole, chunk: int) -> None:
        """Have one model see a chunk (``config.chunk_size`` pictures); its results go to the cache alone.

        Raises:
            InputError: There is no cache, or results of the stage before are not in it.
            OutputError: A result can't be stored.
        """
        if self.config.cache is None:
            raise InputError("stages of their own need a cache", fix="set perception.cache")
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
        """Pictures of a chunk that can be perceived, and for the others why not."""
        outcomes: dict[int, SourcePicture | PictureRejected] = {}
        pictures: dict[int, PictureWithQueries] = {}
        start = chunk * self.config.chunk_size
        for index in range(start, min(start + self.config.chunk_size, self.count())):
            try:
                picture = self.picture(index)
            except PictureRejected as error:
                outcomes[index] = error
                continue
            if picture.queries:
                small = shrunk(picture.photograph, self.config.max_side)
                pictures[index] = replace(picture, photograph=small)
            else:
                detail = "no words for a thing that could be looked for"
                outcomes[index] = PictureRejected("nothing_named", detail, source_id=picture.source_id)
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
            encoded = picture.photograph.picture.data
            outcomes[index] = SourcePicture(
                index, self.name, picture.source_id, result.scene, encoded, result.skipped
            )
        return outcomes


def _task(picture: PictureWithQueries) -> PerceptionTask:
    encoded = picture.photograph.picture.data
    pixels = np.asarray(decode_rgb(encoded))
    return PerceptionTask(
        encoded, pixels, picture.queries, picture.unseen, picture.photograph.camera, picture.skipped
    )
