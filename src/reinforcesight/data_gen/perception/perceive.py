"""Make scenes from pictures and phrases: depth, grounding and segmentation, one model at a time over a chunk.

    depth of all pictures -> boxes of all pictures -> filters -> masks of accepted boxes -> filters -> scenes

Each result is stored as soon as its batch is done, so an interrupted run repeats no finished call. A machine that
holds only one model runs its stage with :func:`run_model`; the cache combines the results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from reinforcesight.data_gen.perception.cache import (
    Arrays,
    ResultCache,
    pack_boxes,
    pack_depth,
    pack_masks,
    result_key,
    unpack_boxes,
    unpack_depth,
    unpack_masks,
)
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.depth_maps import (
    agreeing_depth,
    depth_fault,
    depth_in_scene_units,
    fitted_depth,
    fitted_reading,
)
from reinforcesight.data_gen.perception.filtering import (
    FilteredDetections,
    Query,
    boxes_of_points,
    confirm_boxes,
    filter_boxes,
    filter_masks,
    filter_names,
)
from reinforcesight.data_gen.perception.geometry import build_scene
from reinforcesight.data_gen.perception.protocols import (
    DepthEstimator,
    DepthPrediction,
    GroundedBox,
    Grounder,
    PerceptionModel,
    PerceptionModels,
    Picture,
    SegmentedMask,
    SegmentPrompt,
)
from reinforcesight.data_gen.source import Skipped
from reinforcesight.errors import InputError
from reinforcesight.scene import Camera, Scene

_PredictionT = TypeVar("_PredictionT")
ModelRole = Literal["depth", "second depth", "grounding", "second grounding", "segmentation"]


@dataclass(frozen=True, slots=True)
class PerceptionTask:
    """Picture and the phrases to search for.

    Attributes:
        encoded: Encoded picture; results are stored under its digest.
        unseen: Names of objects that are in the picture but not searched for, such as groups.
        skipped: Entries that were left out before.
    """

    encoded: bytes
    picture: Picture
    queries: tuple[Query, ...]
    unseen: tuple[str, ...] = ()
    camera: Camera | None = None
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Perceived:
    """Scene of a picture, and the detections that were left out."""

    scene: Scene
    skipped: tuple[Skipped, ...]


def perceive(
    tasks: Sequence[PerceptionTask],
    models: PerceptionModels,
    *,
    rules: DetectionThresholds | None = None,
    cache: ResultCache | None = None,
    batch_size: int = 4,
    keep_loaded: bool = True,
) -> list[Perceived]:
    """Make the scenes of a chunk of pictures.

    Args:
        tasks: Pictures; all of them are kept in memory, so pass a chunk, not a whole data set.
        cache: Cache of model results; ``None``: results are not stored.
        batch_size: Pictures per call of a model; results are stored after each call.
        keep_loaded: ``False`` frees a model's memory before the next one is loaded.

    Raises:
        OutputError: A result can't be stored.
        InputError: A model can't be loaded, or a model gives points and there is no segmenter.
    """
    chunk = _Chunk(tasks, rules or DetectionThresholds(), cache, batch_size, keep_loaded)
    none: list[DepthPrediction | None] = [None] * len(tasks)
    depths = none if models.depth is None else [*chunk.depths(models.depth)]
    second_depths = none if models.second_depth is None else [*chunk.depths(models.second_depth)]
    filtered = chunk.outlined(models)
    return [
        _perceived(task, filter_names(result), depth, second, chunk.rules)
        for task, result, depth, second in zip(tasks, filtered, depths, second_depths, strict=True)
    ]


def model_roles(models: PerceptionModels) -> tuple[ModelRole, ...]:
    """Return the roles with a model; each role comes after the roles whose results it needs."""
    held: dict[ModelRole, object] = {
        "depth": models.depth,
        "second depth": models.second_depth,
        "grounding": models.grounder,
        "second grounding": models.second_grounder,
        "segmentation": models.segmenter,
    }
    return tuple(role for role, model in held.items() if model is not None)


def run_model(
    role: ModelRole,
    tasks: Sequence[PerceptionTask],
    models: PerceptionModels,
    *,
    rules: DetectionThresholds,
    cache: ResultCache,
    batch_size: int,
) -> None:
    """Store the results of one model for a chunk, in the same batches as :func:`perceive`.

    Segmentation reads the results of the grounding models from the cache and uses only the identities of these models.

    Raises:
        InputError: Boxes are not in the cache, or the model can't be loaded.
        OutputError: A result can't be stored.
    """
    chunk = _Chunk(tasks, rules, cache, batch_size)
    depth = {"depth": models.depth, "second depth": models.second_depth}.get(role)
    grounder = {"grounding": models.grounder, "second grounding": models.second_grounder}.get(role)
    if depth is not None:
        chunk.depths(depth)
    elif grounder is not None:
        chunk.boxes(grounder)
    else:
        second = models.second_grounder
        stored = PerceptionModels(
            grounder=_StoredBoxes(models.grounder.identity, cache),
            segmenter=models.segmenter,
            second_grounder=None if second is None else _StoredBoxes(second.identity, cache),
        )
        chunk.outlined(stored)


@dataclass(frozen=True, slots=True)
class _StoredBoxes:
    """Placeholder for a grounder on another machine, whose results must be in the cache."""

    identity: str
    cache: ResultCache

    def release(self) -> None: ...

    def ground(self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]:
        raise InputError(
            "results of a grounding model are not in the cache",
            where=str(self.cache.folder),
            fix="give an output folder (or perception.cache) that all machines share",
        )


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Pictures that are processed together by each model."""

    tasks: Sequence[PerceptionTask]
    rules: DetectionThresholds
    cache: ResultCache | None
    batch_size: int
    keep_loaded: bool = True

    def depths(self, estimator: DepthEstimator) -> list[DepthPrediction]:
        return self._results(
            "depth",
            estimator,
            [None] * len(self.tasks),
            lambda batch: estimator.estimate([self.tasks[p].picture for p in batch]),
            pack_depth,
            unpack_depth,
        )

    def boxes(self, grounder: Grounder) -> list[list[GroundedBox]]:
        phrases = [[query.phrase for query in task.queries] for task in self.tasks]
        return self._results(
            "grounding",
            grounder,
            phrases,
            lambda batch: grounder.ground([self.tasks[p].picture for p in batch], [phrases[p] for p in batch]),
            pack_boxes,
            unpack_boxes,
        )

    def outlined(self, models: PerceptionModels) -> list[FilteredDetections]:
        """Return the detections that both grounders and the segmenter agree on, for each picture."""
        boxes = self.boxes(models.grounder)
        second_boxes = None if models.second_grounder is None else self.boxes(models.second_grounder)
        lost = [FilteredDetections([], [], []) for _ in self.tasks]
        if any(item.point is not None for found in boxes for item in found):
            prompts = [
                [SegmentPrompt(point=item.point) for item in found if item.point is not None] for found in boxes
            ]
            for number, masks in enumerate(self._outlines(models, prompts)):
                queries = self.tasks[number].queries
                boxes[number], lost[number] = boxes_of_points(boxes[number], masks, queries, self.rules)
        filtered = []
        for number, task in enumerate(self.tasks):
            height, width = task.picture.shape[:2]
            result = filter_boxes(boxes[number], task.queries, width=width, height=height, rules=self.rules)
            result.skipped[:0] = lost[number].skipped
            result.unseen.extend([*lost[number].unseen, *task.unseen])
            if second_boxes is not None:
                result = confirm_boxes(result, second_boxes[number], task.queries, self.rules)
            filtered.append(result)
        if models.segmenter is None:
            return filtered
        outlines = self._outlines(models, [[SegmentPrompt(item.box) for item in result.found] for result in filtered])
        return [filter_masks(result, made, self.rules) for result, made in zip(filtered, outlines, strict=True)]

    def _outlines(
        self, models: PerceptionModels, prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        segmenter = models.segmenter
        if segmenter is None:
            raise InputError(
                "the grounding model gives points, and there is no segmenter to outline them",
                fix="give a segmenter, or a grounding model that gives boxes",
            )

        def segment(batch: list[int]) -> list[list[SegmentedMask]]:
            return segmenter.segment([self.tasks[p].picture for p in batch], [prompts[p] for p in batch])

        inputs = [
            [[float(v) for v in (*(prompt.box or ()), *(prompt.point or ()))] for prompt in asked] for asked in prompts
        ]
        return self._results("segmentation", segmenter, inputs, segment, pack_masks, unpack_masks)

    def _results(
        self,
        stage: str,
        model: PerceptionModel,
        inputs: Sequence[object],
        compute: Callable[[list[int]], list[_PredictionT]],
        pack: Callable[[_PredictionT], Arrays],
        unpack: Callable[[Arrays], _PredictionT],
    ) -> list[_PredictionT]:
        """Return one model's results for all pictures, from the cache or from ``compute``, which takes indices.

        ``inputs`` are the model's other inputs for each picture, as JSON values.
        """
        results: dict[int, _PredictionT] = {}
        keys = [
            result_key(stage, task.encoded, model.identity, given)
            for task, given in zip(self.tasks, inputs, strict=True)
        ]
        for position, key in enumerate(keys):
            stored = None if self.cache is None else self.cache.read(stage, key)
            if stored is not None:
                try:
                    results[position] = unpack(stored)
                except (KeyError, ValueError):
                    continue  # damaged although the checksum matches: compute again
        missing = [position for position in range(len(self.tasks)) if position not in results]
        for start in range(0, len(missing), self.batch_size):
            batch = missing[start : start + self.batch_size]
            for position, result in zip(batch, compute(batch), strict=True):
                results[position] = result
                if self.cache is not None:
                    self.cache.write(stage, keys[position], pack(result))
        if missing and not self.keep_loaded:
            model.release()
        return [results[position] for position in range(len(self.tasks))]


def _perceived(
    task: PerceptionTask,
    filtered: FilteredDetections,
    depth: DepthPrediction | None,
    second: DepthPrediction | None,
    rules: DetectionThresholds,
) -> Perceived:
    """Build a picture's scene from the accepted detections and the depth that the models agree on."""
    height, width = task.picture.shape[:2]
    skipped = [*task.skipped, *filtered.skipped]
    detections = filtered.detections()
    fault = None if depth is None else depth_fault(depth.values, depth.kind, rules)
    agree = None
    if depth is not None and second is not None and fault is None:
        maps = [fitted_reading(prediction, width, height) for prediction in (depth, second)]
        agree, fault = agreeing_depth(maps[0], depth.kind, maps[1], second.kind, rules)
    if fault is not None:
        skipped.append(fault)
    if depth is None or fault is not None:
        scene = build_scene(width=width, height=height, detections=detections)
        return Perceived(scene, tuple(skipped))
    order_only = depth.kind == "inverse"
    z = fitted_depth(depth_in_scene_units(depth.values) if order_only else depth.values, width, height)
    if agree is not None:
        z = np.where(agree, z, np.float32(0.0))
    camera = task.camera
    if camera is None and depth.focal is not None:
        camera = Camera.centred(depth.focal, width, height, "model")
    scene = build_scene(
        width=width,
        height=height,
        detections=detections,
        depth=z,
        camera=camera,
        depth_unit="m" if depth.kind == "metric" else "scene",
        look_for_floor=not order_only,
        depth_views=[fitted_depth(view, width, height) for view in depth.views],
    )
    return Perceived(_without_positions(scene) if order_only else scene, tuple(skipped))


def _without_positions(scene: Scene) -> Scene:
    """Remove positions, camera, distances and floor from a scene whose depth is known only by order."""
    objects = [item.model_copy(update={"centre": None, "thickness": None}) for item in scene.objects]
    unknown = {"surface_distances": None, "camera": None, "floor": None}
    return scene.model_copy(update={"objects": tuple(objects), **unknown})
