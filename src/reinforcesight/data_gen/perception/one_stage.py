"""One model over a chunk of pictures, for machines that hold one model each; results pass through the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reinforcesight.data_gen.perception.cache import ResultCache
from reinforcesight.data_gen.perception.config import GateRules
from reinforcesight.data_gen.perception.perceive import PerceptionTask, perceive
from reinforcesight.data_gen.perception.protocols import (
    DepthPrediction,
    GroundedBox,
    PerceptionModels,
    Picture,
    SegmentedMask,
    SegmentPrompt,
)
from reinforcesight.errors import InputError

StageName = Literal["depth", "second depth", "grounding", "second grounding", "segmentation"]


class _Elsewhere(Exception):  # noqa: N818 - not a failure: the next model is another machine's
    """A model was called that is not this stage's."""


@dataclass(frozen=True, slots=True)
class _Absent:
    """Stands for a model that runs elsewhere: known by its identity, under which its results are stored."""

    identity: str

    def release(self) -> None:
        """Nothing is held."""

    def estimate(self, pictures: Sequence[Picture]) -> list[DepthPrediction]:
        """Not here."""
        raise _Elsewhere

    def ground(
        self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]
    ) -> list[list[GroundedBox]]:
        """Not here."""
        raise _Elsewhere

    def segment(
        self, pictures: Sequence[Picture], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        """Not here."""
        raise _Elsewhere


def stages_of(models: PerceptionModels) -> tuple[StageName, ...]:
    """The stages that have a model, in an order in which each finds what it needs."""
    held: dict[StageName, object] = {
        "depth": models.depth,
        "second depth": models.second_depth,
        "grounding": models.grounder,
        "second grounding": models.second_grounder,
        "segmentation": models.segmenter,
    }
    return tuple(stage for stage, model in held.items() if model is not None)


def run_stage(
    stage: StageName,
    tasks: Sequence[PerceptionTask],
    models: PerceptionModels,
    *,
    rules: GateRules,
    cache: ResultCache,
    batch_size: int,
) -> None:
    """Have one model see a chunk of pictures, in the batches of :func:`~.perceive.perceive`, and store its results.

    Args:
        stage: Which model. Outlines need the boxes of the grounding models in the cache.
        tasks: The chunk; together they make the same batches as without stages, so that results are the same.
        models: All models; the others are only asked for their identity.
        rules: Gates, which decide what is outlined.
        cache: Shared by all stages.
        batch_size: Pictures handed to the model at once.

    Raises:
        InputError: Boxes are not in the cache; or the model can't be loaded.
        OutputError: A result can't be stored.
    """
    with contextlib.suppress(_Elsewhere):
        perceive(tasks, _alone(stage, models), rules=rules, cache=cache, batch_size=batch_size)
        return
    if stage == "segmentation":
        raise InputError(
            "results of a grounding model are not in the cache",
            where=str(cache.folder),
            fix="give an output folder (or perception.cache) that all machines share",
        )


def _alone(stage: StageName, models: PerceptionModels) -> PerceptionModels:
    """One model, and stand-ins for those that its way through :func:`~.perceive.perceive` meets."""
    boxes = _Absent(models.grounder.identity)
    outlines = None if models.segmenter is None else _Absent(models.segmenter.identity)
    match stage:
        case "depth":
            return PerceptionModels(boxes, models.depth)
        case "second depth":
            return PerceptionModels(boxes, models.second_depth)
        case "grounding":
            return PerceptionModels(models.grounder, segmenter=outlines)
        case "second grounding":
            assert models.second_grounder is not None
            # Its results are stored under its own identity, whether it comes first or second.
            return PerceptionModels(models.second_grounder, segmenter=outlines)
        case "segmentation":
            second = models.second_grounder
            again = None if second is None else _Absent(second.identity)
            return PerceptionModels(boxes, segmenter=models.segmenter, second_grounder=again)
