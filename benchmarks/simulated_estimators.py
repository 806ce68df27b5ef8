"""Simulated models: depth, detections and outlines of rendered pictures with errors, through the protocols.

Each kind of error has a rate. A second detector has the same rates, and makes half of the first one's wrong names and
false boxes again, since real detectors learnt from the same data. Its other errors, and those of a second depth model,
are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from label_truth import smooth_noise

from reinforcesight.data_gen.perception.filtering import Query, Trace
from reinforcesight.data_gen.perception.perceive import PerceptionTask
from reinforcesight.data_gen.perception.protocols import (
    DepthPrediction,
    GroundedBox,
    PerceptionModels,
    SegmentedMask,
    SegmentPrompt,
)
from reinforcesight.data_gen.rendering import RenderedPicture
from reinforcesight.scene import Camera

# Names that no rendered object has.
ABSENT = (
    "grey telephone",
    "brown guitar",
    "pink umbrella",
    "beige suitcase",
    "golden trophy",
    "striped towel",
)
LEAST_PIXELS, LEAST_VISIBLE = 40, 0.1  # limits of what a detector could see


@dataclass(frozen=True)
class ErrorRates:
    """Rates of errors, as shares of the things in a picture.

    Attributes:
        depth_noise: Standard deviation of a smooth factor over depth.
        depth_kind: "metric"; "scale": times an unknown factor; "inverse": a/z + b with unknown a and b.
        missing_masks: Outlines that are empty.
        merged_masks: Outlines that include the nearest other thing, with a good score.
        merged_boxes: Boxes and outlines around a thing and its nearest neighbour, which gets no box.
        missed: Things that are not found.
        swapped: Things with the name of another one, with a good score.
        hesitant: The detector also gives such a thing its right name, with almost the same score.
        jitter: Standard deviation of a box's sides, as a share of its width and height.
        false_boxes: Boxes without a thing, with a good score and a name of nothing in the picture.
        traces: There are traces of a pointer for each name.
        second_detector: There is a second detector with the same rates.
        shared: Probability that the second detector repeats a wrong name or false box of the first.
        second_depth: There is a second depth model with the same noise.
        outlines: ``False``: boxes only.
    """

    depth_noise: float = 0.0
    depth_kind: str = "metric"
    missing_masks: float = 0.0
    merged_masks: float = 0.0
    merged_boxes: float = 0.0
    missed: float = 0.0
    swapped: float = 0.0
    hesitant: bool = False
    jitter: float = 0.0
    false_boxes: float = 0.0
    traces: bool = False
    second_detector: bool = False
    shared: float = 0.5
    second_depth: bool = False
    outlines: bool = True


@dataclass
class _Seen:
    """The results of the models for one picture."""

    depth: tuple[DepthPrediction, DepthPrediction]
    boxes: tuple[list[tuple[str, tuple[float, ...], float]], list[tuple[str, tuple[float, ...], float]]]
    masks: dict[tuple[float, ...], SegmentedMask] = field(default_factory=dict)


def visible_objects(picture: RenderedPicture) -> list[int]:
    """Positions of the objects that a detector could see."""
    return [
        position
        for position, item in enumerate(picture.objects)
        if item.visible_pixels >= LEAST_PIXELS and item.visible_fraction >= LEAST_VISIBLE
    ]


class Simulation:
    """Models that know the given pictures, and the tasks for them."""

    def __init__(self, pictures: Sequence[RenderedPicture], errors: ErrorRates, seed: int) -> None:
        self.errors = errors
        self._seen: dict[bytes, _Seen] = {}
        self.tasks: list[PerceptionTask] = []
        for picture in pictures:
            self._add(picture, seed)

    def models(self) -> PerceptionModels:
        m = self.errors
        return PerceptionModels(
            _Boxes(self._seen, 0),
            _Depth(self._seen, 0),
            _Masks(self._seen) if m.outlines else None,
            _Boxes(self._seen, 1) if m.second_detector else None,
            _Depth(self._seen, 1) if m.second_depth else None,
        )

    def _add(self, picture: RenderedPicture, seed: int) -> None:
        m = self.errors
        key = [seed, picture.seed, picture.index]
        things = [picture.objects[position] for position in visible_objects(picture)]
        masks = [picture.instances == item.id for item in things]
        boxes = [_box(mask) for mask in masks]
        seen = _Seen((self._depth(picture, [*key, 1]), self._depth(picture, [*key, 2])), ([], []))
        exchanged: list[tuple[int, int]] = []
        nothing: list[tuple[str, tuple[float, ...], float]] = []
        for look in (0, 1):
            rng = np.random.default_rng([*key, 3 + look])
            names = [item.name for item in things]
            own = list(names)
            again = np.random.default_rng([*key, 7])
            alone = 1.0
            if look == 1:
                alone = 1.0 - m.shared
                for a, b in (pair for pair in exchanged if again.random() < m.shared):
                    names[a], names[b] = names[b], names[a]
                nothing = [item for item in nothing if again.random() < m.shared]
            exchanged = _swap(names, m.swapped * alone, rng)
            gone = rng.random(len(things)) < m.missed
            merged = rng.random(len(things)) < m.merged_boxes
            joined = rng.random(len(things)) < m.merged_masks
            empty = rng.random(len(things)) < m.missing_masks
            scores = rng.uniform(0.45, 0.95, len(things))
            partner = [_nearest(number, boxes) for number in range(len(things))]
            swallowed = {partner[n] for n in np.flatnonzero(merged) if partner[n] is not None}
            for number in range(len(things)):
                other = partner[number]
                if gone[number] or (number in swallowed and not merged[number]):
                    continue
                mask, box = masks[number], boxes[number]
                if merged[number] and other is not None:
                    mask = mask | masks[other]
                    box = _box(mask)
                elif joined[number] and other is not None:
                    mask = mask | masks[other]
                place = _shaken(box, m.jitter, picture.depth.shape, rng)
                outline = np.zeros_like(mask) if empty[number] else mask
                seen.boxes[look].append((names[number], place, float(scores[number])))
                seen.masks[place] = SegmentedMask(outline, 0.95)
                if m.hesitant and names[number] != own[number]:
                    runner_up = float(scores[number] - rng.uniform(0.0, 0.1))
                    seen.boxes[look].append((own[number], place, runner_up))
            for _ in range(int(rng.binomial(len(things), m.false_boxes * alone))):
                place, outline = _nothing(picture.depth.shape, rng)
                nothing.append((str(rng.choice(ABSENT)), place, float(rng.uniform(0.4, 0.9))))
                seen.masks[place] = SegmentedMask(outline, 0.9)
            seen.boxes[look].extend(nothing)
        self._seen[picture.picture.tobytes()] = seen
        rng = np.random.default_rng([*key, 9])
        traces: dict[str, list[Trace]] = {}
        if m.traces:
            for item, mask in zip(things, masks, strict=True):
                traces.setdefault(item.name, []).append(_trace(mask, rng))
        phrases = [*dict.fromkeys(item.name for item in things), *ABSENT]
        queries = tuple(Query(phrase, traces=tuple(traces.get(phrase, ()))) for phrase in phrases)
        lens = picture.camera
        camera = Camera(fx=lens.fx, fy=lens.fy, cx=lens.cx, cy=lens.cy)
        self.tasks.append(PerceptionTask(picture.picture.tobytes(), picture.picture, queries, camera=camera))

    def _depth(self, picture: RenderedPicture, key: list[int]) -> DepthPrediction:
        m, rng = self.errors, np.random.default_rng(key)
        z = picture.depth.astype(np.float64)
        if m.depth_noise:
            z = z * smooth_noise(z.shape, m.depth_noise, rng)
        if m.depth_kind == "metric":
            return DepthPrediction(z.astype(np.float32), "metric")
        if m.depth_kind == "scale":
            return DepthPrediction((z * rng.uniform(0.2, 5.0)).astype(np.float32), "scale")
        with np.errstate(divide="ignore"):
            closeness = np.where(z > 0, rng.uniform(0.5, 20.0) / z + rng.uniform(-3.0, 3.0), np.nan)
        return DepthPrediction(closeness.astype(np.float32), "inverse")


def _swap(names: list[str], rate: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Exchange names of pairs, so that about this share of the things has another one's name; return the pairs."""
    pairs: list[tuple[int, int]] = []
    numbers = [int(n) for n in np.flatnonzero(rng.random(len(names)) < rate / 2)]
    for number in numbers:
        others = [n for n in range(len(names)) if names[n] != names[number]]
        if others:
            other = int(rng.choice(others))
            names[number], names[other] = names[other], names[number]
            pairs.append((number, other))
    return pairs


def _nearest(number: int, boxes: list[tuple[float, ...]]) -> int | None:
    gaps = {n: _gap(boxes[number], box) for n, box in enumerate(boxes) if n != number}
    return min(gaps, key=lambda n: gaps[n]) if gaps else None


def _gap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    wide = max(first[0], second[0]) - min(first[2], second[2])
    high = max(first[1], second[1]) - min(first[3], second[3])
    return float(np.hypot(max(wide, 0.0), max(high, 0.0)) + 1e-3 * (wide + high))


def _box(mask: np.ndarray) -> tuple[float, ...]:
    rows, columns = np.nonzero(mask)
    return (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))


def _shaken(
    box: tuple[float, ...], jitter: float, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[float, ...]:
    if not jitter:
        return box
    sides = np.array([box[2] - box[0], box[3] - box[1]] * 2)
    moved = np.array(box) + rng.normal(size=4) * jitter * sides
    low, high = np.minimum(moved[:2], moved[2:] - 2), np.maximum(moved[2:], moved[:2] + 2)
    limit = np.array([shape[1], shape[0]], dtype=float)
    low, high = np.clip(low, 0, limit - 2), np.clip(high, 2, limit)
    return tuple(round(float(v), 3) for v in (*low, *high))


def _nothing(shape: tuple[int, int], rng: np.random.Generator) -> tuple[tuple[float, ...], np.ndarray]:
    """A box somewhere, and an ellipse in it."""
    height, width = shape
    w, h = rng.uniform(0.08, 0.35) * width, rng.uniform(0.08, 0.35) * height
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    box = tuple(float(round(v)) for v in (x, y, x + w, y + h))
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    u = (columns - (box[0] + box[2]) / 2) / ((box[2] - box[0]) / 2)
    v = (rows - (box[1] + box[3]) / 2) / ((box[3] - box[1]) / 2)
    return box, u * u + v * v <= 1.0


def _trace(mask: np.ndarray, rng: np.random.Generator) -> Trace:
    """Forty points: most around a thing, off by a third of its size, and some on the way to it."""
    height, width = mask.shape
    x0, y0, x1, y1 = _box(mask)
    points = np.stack(
        [
            rng.normal((x0 + x1) / 2, 0.33 * (x1 - x0), 40),
            rng.normal((y0 + y1) / 2, 0.33 * (y1 - y0), 40),
        ],
        axis=1,
    )
    start = rng.uniform((0, 0), (width, height))
    points[:8] = start + (points[8] - start) * np.linspace(0, 1, 8)[:, None]
    shares = np.clip(points / (width, height), 0.0, 1.0)
    return tuple((float(x), float(y)) for x, y in shares)


class _Model:
    def __init__(self, seen: dict[bytes, _Seen], look: int = 0) -> None:
        self.seen, self.look = seen, look
        self.identity = f"simulated {type(self).__name__} {look}"

    def release(self) -> None: ...


class _Depth(_Model):
    def estimate(self, pictures: Sequence[np.ndarray]) -> list[DepthPrediction]:
        return [self.seen[picture.tobytes()].depth[self.look] for picture in pictures]


class _Boxes(_Model):
    def ground(self, pictures: Sequence[np.ndarray], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]:
        return [
            [
                GroundedBox(list(asked).index(name), box, score)
                for name, box, score in self.seen[picture.tobytes()].boxes[self.look]
            ]
            for picture, asked in zip(pictures, phrases, strict=True)
        ]


class _Masks(_Model):
    def segment(
        self, pictures: Sequence[np.ndarray], prompts: Sequence[Sequence[SegmentPrompt]]
    ) -> list[list[SegmentedMask]]:
        return [
            [self.seen[picture.tobytes()].masks[prompt.box] for prompt in asked]
            for picture, asked in zip(pictures, prompts, strict=True)
        ]
