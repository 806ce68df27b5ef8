"""How often a claimed relation is wrong, against the renderer's geometry.

    python benchmarks/label_truth.py --pictures 3000 --workers 2

The truth is computed from the objects' mesh vertices and shares no code with the package's relations: left/right and
above/below from the projected silhouettes of the whole objects (with hidden parts), in front/behind from the depth of
the bounding boxes' centres, closer/farther from the distances between these centres. ``is_clear`` defines pairs whose
truth is unambiguous. The pipeline's scenes are built from the pictures' masks and depth, which is exact or multiplied
by smooth noise, similar to the errors of monocular estimators (a random field with a standard deviation of 5 or 12 %
that varies over about a quarter of the picture).

Columns: claims on clear pairs, wrong ones, share of clear pairs that are claimed; claims on all pairs, wrong ones.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context

import numpy as np
from scipy.ndimage import zoom
from scipy.spatial import cKDTree

from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.data_gen.rendering import Distribution, RenderConfig, RenderedPicture, render_picture
from reinforcesight.relations import Axis, relate_all
from reinforcesight.scene import Camera

AXES = ("horizontal", "vertical", "depth", "distance")
WHAT = ("clear", "claimed", "wrong", "claimed clear", "wrong clear")
CONDITIONS: dict[str, tuple[float, dict[str, object]]] = {
    "exact depth": (0.0, {}),
    "5 % smooth noise": (0.05, {}),
    "12 % smooth noise": (0.12, {}),
    "pitched 25 degrees": (0.0, {"pitch": 25.0}),
    "pitched, rolled 12 degrees": (0.0, {"pitch": 15.0, "roll": 12.0}),
    "a wall fills the view": (0.0, {"wall_fills_view": True}),
    "hidden share unknown": (0.0, {}),
    "boxes without outlines": (0.0, {}),
}
HIDDEN_UNKNOWN = {"hidden share unknown", "boxes without outlines"}
WITHOUT_OUTLINES = {"boxes without outlines"}


@dataclass(frozen=True, eq=False)
class Truth:
    """One object's geometry, from its vertices."""

    low: np.ndarray  # (2,) projected silhouette, pixels, over the part in front of the camera
    high: np.ndarray
    centre: np.ndarray  # (3,) bounding box centre, camera frame, metres
    z_range: tuple[float, float]
    vertices: np.ndarray
    eligible: bool


def truth_of(picture: RenderedPicture) -> list[Truth]:
    """The truth about every object of a picture."""
    found = []
    camera = picture.camera
    for item in picture.objects:
        points = np.asarray(item.vertices, dtype=np.float64)
        front = points[points[:, 2] > 0.05]
        if not len(front):
            front = np.array([[0.0, 0.0, 0.05]])
        u = camera.fx * front[:, 0] / front[:, 2] + camera.cx
        v = camera.fy * front[:, 1] / front[:, 2] + camera.cy
        share = item.visible_pixels / picture.instances.size
        found.append(
            Truth(
                low=np.array([u.min(), v.min()]),
                high=np.array([u.max(), v.max()]),
                centre=np.asarray(item.centre, dtype=np.float64),
                z_range=(float(points[:, 2].min()), float(points[:, 2].max())),
                vertices=points[:: max(1, len(points) // 150)],
                eligible=item.visible_fraction >= 0.5 and share >= 0.002 and not item.truncated,
            )
        )
    return found


def true_sign(axis: str, a: Truth, b: Truth, c: Truth | None) -> float:
    """Negative where a is left of, above, in front of, or closer (to c) than b."""
    if axis in ("horizontal", "vertical"):
        d = AXES.index(axis)
        return float(a.low[d] + a.high[d] - b.low[d] - b.high[d])
    if axis == "depth":
        return float(a.centre[2] - b.centre[2])
    assert c is not None
    return float(np.linalg.norm(a.centre - c.centre) - np.linalg.norm(b.centre - c.centre))


def is_clear(axis: str, a: Truth, b: Truth, c: Truth | None, size: tuple[int, int]) -> bool:
    """Whether the truth of a pair is unambiguous.

    Picture: the silhouettes do not overlap along the axis, and their centres are a tenth of the picture apart.
    Depth: the objects' depth ranges do not overlap, and the farther centre is at least 1.25 times as deep.
    Distance: the larger distance is at least 1.6 times the smaller, between centres and between surfaces.
    """
    if not (a.eligible and b.eligible and (c is None or c.eligible)):
        return False
    if axis in ("horizontal", "vertical"):
        d = AXES.index(axis)
        apart = max(a.low[d], b.low[d]) >= min(a.high[d], b.high[d])
        return bool(apart and abs(true_sign(axis, a, b, c)) / 2 >= 0.1 * size[d])
    if axis == "depth":
        near, far = sorted((a, b), key=lambda t: t.centre[2])
        return near.z_range[1] < far.z_range[0] and far.centre[2] >= 1.25 * near.centre[2]
    assert c is not None
    centres = sorted((np.linalg.norm(a.centre - c.centre), np.linalg.norm(b.centre - c.centre)))
    gaps = (least_gap(a, c), least_gap(b, c))
    same = (gaps[0] - gaps[1]) * true_sign(axis, a, b, c) > 0
    return bool(same and centres[1] >= 1.6 * centres[0] and max(gaps) >= 1.6 * min(gaps))


@lru_cache(maxsize=4096)
def least_gap(a: Truth, b: Truth) -> float:
    """Least distance between two objects' vertices, metres."""
    return float(cKDTree(a.vertices).query(b.vertices)[0].min())


def smooth_noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> np.ndarray:
    """A factor per pixel (H, W) with mean one and standard deviation sigma, varying over a quarter of the picture."""
    coarse = rng.normal(size=(6, 6))
    field = zoom(coarse, (shape[0] / 6, shape[1] / 6), order=3)[: shape[0], : shape[1]]
    field = (field - field.mean()) / field.std()
    return np.clip(1.0 + sigma * field, 0.3, 3.0)


def scene_of(
    picture: RenderedPicture, depth: np.ndarray, *, outlines: bool = True, hidden: bool = True
) -> tuple[object, list[int]]:
    """The pipeline's scene from masks and depth, and the positions of its objects among the picture's."""
    detections, kept = [], []
    for position, item in enumerate(picture.objects):
        mask = picture.instances == item.id
        if not mask.any():
            continue
        rows, columns = np.nonzero(mask)
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        detections.append(
            Detection(
                item.id,
                item.name,
                tuple(float(v) for v in box),
                mask if outlines else None,
                visible_fraction=item.visible_fraction if hidden else None,
                truncated=item.truncated if hidden else None,
            )
        )
        kept.append(position)
    height, width = depth.shape
    c = picture.camera
    camera = Camera(fx=c.fx, fy=c.fy, cx=c.cx, cy=c.cy)
    return build_scene(width=width, height=height, detections=detections, depth=depth, camera=camera), kept


def count_one(
    index: int,
    *,
    seed: int,
    sigma: float,
    size: tuple[int, int],
    options: dict[str, object],
    outlines: bool,
    hidden: bool,
) -> Counter[tuple[str, str]]:
    """Counts of one picture: (axis, what) to number of pairs."""
    picture = render_picture(seed, index, Distribution.TRAIN, size, RenderConfig.model_validate(options))
    depth = picture.depth.astype(np.float64)
    if sigma:
        depth *= smooth_noise(depth.shape, sigma, np.random.default_rng([seed, index, 77]))
    truth = truth_of(picture)
    scene, kept = scene_of(picture, depth, outlines=outlines, hidden=hidden)
    by_id = {picture.objects[position].id: truth[position] for position in kept}
    counts: Counter[tuple[str, str]] = Counter()
    for axis, ids in triples(list(by_id)):
        a, b, *rest = (by_id[i] for i in ids)
        if is_clear(axis, a, b, rest[0] if rest else None, size):
            counts[axis, "clear"] += 1
    for result in relate_all(scene, marked=True):
        axis = result.axis.value
        a, b = by_id[result.subject], by_id[result.reference]
        c = None if result.anchor is None else by_id[result.anchor]
        if result.relation is None:
            counts[axis, f"abstained: {result.reason}"] += 1
            continue
        claimed = -1.0 if result.relation in ("left", "above", "in front", "closer") else 1.0
        wrong = claimed * true_sign(axis, a, b, c) <= 0
        counts[axis, "claimed"] += 1
        counts[axis, "wrong"] += wrong
        if is_clear(axis, a, b, c, size):
            counts[axis, "claimed clear"] += 1
            counts[axis, "wrong clear"] += wrong
    return counts


def triples(ids: list[int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for pair in itertools.combinations(ids, 2):
        for axis in AXES[:3]:
            yield axis, pair
        for anchor in ids:
            if anchor not in pair:
                yield "distance", (*pair, anchor)


def measure(
    condition: str, pictures: int, *, seed: int = 0, size: tuple[int, int] = (448, 336), workers: int = 1
) -> Counter[tuple[str, str]]:
    """Counts over many pictures under one of ``CONDITIONS``."""
    sigma, options = CONDITIONS[condition]
    work = partial(
        count_one,
        seed=seed,
        sigma=sigma,
        size=size,
        options=options,
        outlines=condition not in WITHOUT_OUTLINES,
        hidden=condition not in HIDDEN_UNKNOWN,
    )
    return sum_counts(work, pictures, workers)


def sum_counts(work: Callable[[int], Counter], pictures: int, workers: int) -> Counter:
    """Sum of ``work(index)`` over all pictures, in this process or in several."""
    total: Counter = Counter()
    if workers <= 1:
        for index in range(pictures):
            total.update(work(index))
        return total
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for counts in pool.map(work, range(pictures), chunksize=8):
            total.update(counts)
    return total


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--height", type=int, default=336)
    parser.add_argument(
        "--conditions",
        nargs="*",
        default=list(CONDITIONS),
        help="some of: " + "; ".join(CONDITIONS).replace("%", "%%"),
    )
    parser.add_argument("--reasons", action="store_true", help="also print why pairs were left out")
    args = parser.parse_args()
    print("| condition | axis | clear: claimed | wrong | wrong % | kept % | all: claimed | wrong | wrong % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for condition in args.conditions:
        total = measure(condition, args.pictures, seed=args.seed, size=(args.width, args.height), workers=args.workers)
        for axis in (*AXES, "all"):
            axes = AXES if axis == "all" else (axis,)
            sums = {what: sum(total[a, what] for a in axes) for what in WHAT}
            claimed, clear, every = sums["claimed clear"], sums["clear"], sums["claimed"]
            print(
                f"| {condition} | {axis} | {claimed} | {sums['wrong clear']} | "
                f"{100 * sums['wrong clear'] / max(1, claimed):.3f} | {100 * claimed / max(1, clear):.1f} | "
                f"{every} | {sums['wrong']} | {100 * sums['wrong'] / max(1, every):.3f} |"
            )
        if args.reasons:
            reasons = {f"{a}: {w}": n for (a, w), n in sorted(total.items()) if w.startswith("abstained")}
            print(json.dumps(reasons, indent=1))


if __name__ == "__main__":
    assert set(AXES) == {axis.value for axis in Axis}
    main()
