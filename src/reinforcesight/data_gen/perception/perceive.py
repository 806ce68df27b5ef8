"""From pictures and phrases to scenes: depth, grounding and segmentation, one model at a time over a chunk.

    depth of all pictures -> boxes of all pictures -> gates -> outlines of what is left -> gates -> scenes

Each result is stored as soon as a batch is done, so that an interrupted run repeats no finished call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image

from reinforcesight.arrays import Float32Array
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
from reinforcesight.data_gen.perception.config import GateRules
from reinforcesight.data_gen.perception.gates import (
    Found,
    Gated,
    Query,
    boxes_of_points,
    depth_fault,
    gate_boxes,
    gate_masks,
    gate_names,
)
from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.data_gen.perception.protocols import (
    DepthEstimator,
    DepthPrediction,
    GroundedBox,
    Grounder,
    PerceptionModels,
    Picture,
    SegmentedMask,
    SegmentPrompt,
)
from reinforcesight.data_gen.perception.second_look import agreeing_depth, confirm_boxes
from reinforcesight.data_gen.source import Skipped
from reinforcesight.errors import InputError
from reinforcesight.scene import Camera, Scene

ResultT = TypeVar("ResultT")

# Relative models give inverse depth with an unknown offset. Only its order is true. To compare it with margins all
# the same, the picture's farthest part is taken to be so many times as far as its nearest.
FAR_OVER_NEAR = 4.0


@dataclass(frozen=True, slots=True)
class PerceptionTask:
    """One picture with what is to be looked for in it.

    Attributes:
        encoded: The encoded picture; results are stored under its digest.
        picture: The same, decoded, (H, W, 3).
        queries: Phrases that are looked for.
        unseen: Names of things that are in the picture but are not looked for, such as groups.
        camera: Intrinsics where known.
        skipped: What was left out before.
    """

    encoded: bytes
    picture: Picture
    queries: tuple[Query, ...]
    unseen: tuple[str, ...] = ()
    camera: Camera | None = None
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Perceived:
    """A picture's scene, and what was left out of it."""

    scene: Scene
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class _Stage:
    """How the results of one model are found, stored and read."""

    name: str
    identity: str
    release: Callable[[], None]


def perceive(
    tasks: Sequence[PerceptionTask],
    models: PerceptionModels,
    *,
    rules: GateRules | None = None,
    cache: ResultCache | None = None,
    batch_size: int = 4,
    keep_loaded: bool = True,
) -> list[Perceived]:
    """Scenes of a chunk of pictures.

    Args:
        tasks: The pictures. They are held in memory together: a chunk, not a data set.
        models: Depth, grounding and segmentation.
        rules: When a detection is trusted.
        cache: Where results of models are kept; ``None`` keeps nothing.
        batch_size: Pictures handed to a model at once, and stored before the next.
        keep_loaded: ``False`` gives a model's memory back before the next one is loaded.

    Raises:
        OutputError: A result can't be stored.
        InputError: A model can't be loaded, or gives points where there is no segmenter.
    """
    rules = rules or GateRules()

    def run(
        stage: _Stage,
        inputs: Sequence[object],
        compute: Callable[[list[int]], list[ResultT]],
        pack: Callable[[ResultT], Arrays],
        unpack: Callable[[Arrays], ResultT],
    ) -> list[ResultT]:
        """Results of one model for all pictures; ``inputs`` are what it gets beside the picture, JSON-able."""
        results: dict[int, ResultT] = {}
        keys = [
            result_key(stage.name, task.encoded, stage.identity, given)
            for task, given in zip(tasks, inputs, strict=True)
        ]
        for position, key in enumerate(keys):
            stored = cache.read(stage.name, key) if cache is not None else None
            if stored is not None:
                try:
                    results[position] = unpack(stored)
                except (KeyError, ValueError):
                    continue  # damaged in a way that its checksum did not show: computed again
        missing = [position for position in range(len(tasks)) if position not in results]
        for start in range(0, len(missing), batch_size):
            batch = missing[start : start + batch_size]
            for position, result in zip(batch, compute(batch), strict=True):
                results[position] = result
                if cache is not None:
                    cache.write(stage.name, keys[position], pack(result))
        if missing and not keep_loaded:
            stage.release()
        return [results[position] for position in range(len(tasks))]

    def depths_of(estimator: DepthEstimator) -> list[DepthPrediction]:
        return run(
            _Stage("depth", estimator.identity, estimator.release),
            [None] * len(tasks),
            lambda batch: estimator.estimate([tasks[p].picture for p in batch]),
            pack_depth,
            unpack_depth,
        )

    depths: list[DepthPrediction | None] = [None] * len(tasks)
    if models.depth is not None:
        depths = [*depths_of(models.depth)]
    second_depths: list[DepthPrediction | None] = [None] * len(tasks)
    if models.second_depth is not None:
        second_depths = [*depths_of(models.second_depth)]
    phrases = [[query.phrase for query in task.queries] for task in tasks]

    def boxes_of(grounder: Grounder) -> list[list[GroundedBox]]:
        return run(
            _Stage("grounding", grounder.identity, grounder.release),
            phrases,
            lambda batch: grounder.ground([tasks[p].picture for p in batch], [phrases[p] for p in batch]),
            pack_boxes,
            unpack_boxes,
        )

    boxes = boxes_of(models.grounder)
    second_boxes = None if models.second_grounder is None else boxes_of(models.second_grounder)

    def outlines(prompts: Sequence[Sequence[SegmentPrompt]]) -> list[list[SegmentedMask]]:
        segmenter = models.segmenter
        if segmenter is None:
            raise InputError(
                "the grounding model gives points, and there is no segmenter to find outlines",
                fix="give a segmenter, or a grounding model that gives boxes",
            )

        def outline(batch: list[int]) -> list[list[SegmentedMask]]:
            return segmenter.segment([tasks[p].picture for p in batch], [prompts[p] for p in batch])

        return run(
            _Stage("segmentation", segmenter.identity, segmenter.release),
            [[_told(prompt) for prompt in asked] for asked in prompts],
            outline,
            pack_masks,
            unpack_masks,
        )

    lost: list[Gated] = [Gated([], [], []) for _ in tasks]
    if any(item.point is not None for found in boxes for item in found):
        pointed = outlines(
            [[SegmentPrompt(point=item.point) for item in found if item.point is not None] for found in boxes]
        )
        made = [
            boxes_of_points(found, masks, task.queries, rules)
            for task, found, masks in zip(tasks, boxes, pointed, strict=True)
        ]
        boxes, lost = [found for found, _ in made], [left_out for _, left_out in made]
    gated = [
        _with_lost(
            gate_boxes(
                found, task.queries, width=task.picture.shape[1], height=task.picture.shape[0], rules=rules
            ),
            left_out,
            task.unseen,
        )
        for task, found, left_out in zip(tasks, boxes, lost, strict=True)
    ]
    if second_boxes is not None:
        gated = [
            confirm_boxes(result, again, task.queries, rules)
            for task, result, again in zip(tasks, gated, second_boxes, strict=True)
        ]
    if models.segmenter is not None:
        masks = outlines([[SegmentPrompt(item.box) for item in result.found] for result in gated])
        gated = [gate_masks(result, made, rules) for result, made in zip(gated, masks, strict=True)]
    return [
        _perceived(task, gate_names(result), depth, second, rules)
        for task, result, depth, second in zip(tasks, gated, depths, second_depths, strict=True)
    ]


def _told(prompt: SegmentPrompt) -> list[float]:
    """What a prompt says, as it is part of a result's key: four numbers for a box, two for a point."""
    return [float(value) for value in (*(prompt.box or ()), *(prompt.point or ()))]


def _with_lost(gated: Gated, lost: Gated, names: Sequence[str]) -> Gated:
    gated.skipped[:0] = lost.skipped
    gated.unseen.extend([*lost.unseen, *names])
    return gated


def _perceived(
    task: PerceptionTask,
    gated: Gated,
    depth: DepthPrediction | None,
    second: DepthPrediction | None,
    rules: GateRules,
) -> Perceived:
    """The scene of one picture, from what passed the gates and the depth that models agree on."""
    height, width = task.picture.shape[:2]
    skipped = [*task.skipped, *gated.skipped]
    detections = [_detection(number, item) for number, item in enumerate(gated.found)]
    fault = None if depth is None else depth_fault(depth.values, depth.kind, rules)
    agree = None
    if depth is not None and second is not None and fault is None:
        maps = [_fitted_as_is(prediction, width, height) for prediction in (depth, second)]
        agree, fault = agreeing_depth(maps[0], depth.kind, maps[1], second.kind, rules)
    if fault is not None:
        skipped.append(fault)
    if depth is None or fault is not None:
        scene = build_scene(width=width, height=height, detections=detections)
        return Perceived(scene, tuple(skipped))
    ordered_only = depth.kind == "inverse"
    z = fitted_depth(depth_in_scene_units(depth.values) if ordered_only else depth.values, width, height)
    if agree is not None:
        z = np.where(agree, z, np.float32(0.0))
    camera = task.camera
    if camera is None and depth.focal is not None:
        camera = Camera(fx=depth.focal, fy=depth.focal, cx=width / 2.0, cy=height / 2.0, source="model")
    scene = build_scene(
        width=width,
        height=height,
        detections=detections,
        depth=z,
        camera=camera,
        depth_unit="m" if depth.kind == "metric" else "scene",
        look_for_floor=not ordered_only,
    )
    return Perceived(without_positions(scene) if ordered_only else scene, tuple(skipped))


def _detection(number: int, item: Found) -> Detection:
    return Detection(id=number, name=item.name, box=item.box, mask=item.mask, category=item.category)


def depth_in_scene_units(inverse: Float32Array) -> Float32Array:
    """A depth whose order is that of an affine-invariant inverse depth: 1 at the nearest part of the picture.

    The central 96 % of the values span :data:`FAR_OVER_NEAR`; that ratio is an assumption, the order is not. What is
    not finite stays without depth (zero).
    """
    finite = np.isfinite(inverse)
    low, high = np.percentile(inverse[finite], (2, 98))
    least = 1.0 / FAR_OVER_NEAR
    with np.errstate(invalid="ignore"):
        closeness = least + (1.0 - least) * (inverse.astype(np.float64) - low) / (high - low)
    z = 1.0 / np.clip(np.where(finite, closeness, 1.0), least / 2.0, 2.0)
    result: Float32Array = np.where(finite, z, 0.0).astype(np.float32)
    return result


def without_positions(scene: Scene) -> Scene:
    """A scene of which only the order of depth is known: no position in space, no camera, no distances."""
    unknown = {"centre": None, "thickness": None}
    return scene.model_copy(
        update={
            "objects": tuple(item.model_copy(update=unknown) for item in scene.objects),
            "surface_distances": None,
            "camera": None,
            "floor": None,
        }
    )


def _fitted_as_is(depth: DepthPrediction, width: int, height: int) -> Float32Array:
    """A prediction at the picture's size, to be compared with another; nothing is read where it is not sure."""
    if depth.kind != "inverse":
        return fitted_depth(depth.values, width, height)
    # Any finite value counts there, zero and below too.
    finite = np.isfinite(depth.values)
    low = float(depth.values[finite].min()) if finite.any() else 0.0
    raised = fitted_depth(np.where(finite, depth.values - low + 1.0, 0.0).astype(np.float32), width, height)
    result: Float32Array = np.where(raised > 0, raised + np.float32(low - 1.0), np.float32(np.nan))
    return result


def fitted_depth(values: Float32Array, width: int, height: int) -> Float32Array:
    """A depth map at the picture's size; pixels next to one without depth get none rather than a mixture."""
    if values.shape == (height, width):
        return values
    valid = np.isfinite(values) & (values > 0)
    clean = Image.fromarray(np.where(valid, values, 0.0).astype(np.float32))
    size = (width, height)
    fitted = np.array(clean.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    if not valid.all():
        share = Image.fromarray(valid.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        fitted[np.asarray(share) < 0.999] = 0.0
    return fitted
