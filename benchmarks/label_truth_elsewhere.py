"""How often a claimed relation is wrong on scenes of a second engine, and how many clear pairs are claimed.

    python benchmarks/label_truth_elsewhere.py --pictures 400 --workers 2

The scenes are those of ``other_scenes.py``; what is true and what is clear is decided as in ``label_truth.py``. As in
COCO files, the visible share of an object is not given. "Odd" claims contradict the gaps between the surfaces, such as
"the shelf is farther from the can on it than the lamp": the centres may say so, a reader would not.

Columns: claims on clear pairs, wrong ones, share of clear pairs that are claimed; claims on all pairs, wrong ones, odd
ones.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
from label_truth import AXES, Truth, is_clear, least_gap, smooth_noise, sum_counts, triples, true_sign
from other_scenes import Picture, make_picture

from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.relations import relate_all
from reinforcesight.scene import Camera, Scene

ODD = 0.02  # metres: gaps that differ by less contradict nothing
CONDITIONS = (
    "outlines",
    "outlines, 5 % smooth noise",
    "boxes",
    "outlines of two things merged",
    "outlines merged, one of the two things not annotated",
)


def truth_of(picture: Picture) -> list[Truth]:
    """The truth about every object, from its mesh."""
    height, width = picture.depth.shape
    found = []
    for number, thing in enumerate(picture.things):
        points = np.concatenate([np.asarray(thing.mesh.vertices), thing.surface])
        front = points[points[:, 2] > 0.05]
        inside = len(front) == len(points)
        pixels = (
            front[:, :2] / front[:, 2:] * picture.focal + (width / 2, height / 2) if len(front) else np.zeros((1, 2))
        )
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        cut = not inside or (low < 0).any() or (high > (width, height)).any()
        share = float((picture.instances == number).mean())
        eligible = picture.visible[number] >= 0.5 and share >= 0.002 and not cut
        depths = (float(points[:, 2].min()), float(points[:, 2].max()))
        found.append(Truth(low, high, thing.centre, depths, thing.surface, bool(eligible)))
    return found


def scene_of(picture: Picture, condition: str, rng: np.random.Generator) -> Scene:
    """The pipeline's scene; ids are positions in ``picture.things``."""
    height, width = picture.depth.shape
    depth = picture.depth
    if "noise" in condition:
        depth = depth * smooth_noise(depth.shape, 0.05, rng)
    masks = {n: picture.instances == n for n in range(len(picture.things))}
    masks = {n: mask for n, mask in masks.items() if mask.sum() >= 40}
    if "merged" in condition:
        masks = _merged(masks, rng, drop="not annotated" in condition)
    detections = []
    for number, mask in masks.items():
        rows, columns = np.nonzero(mask)
        box = tuple(float(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        name = f"{picture.things[number].name} {number}"
        detections.append(Detection(number, name, box, None if condition == "boxes" else mask))
    camera = Camera(fx=picture.focal, fy=picture.focal, cx=width / 2, cy=height / 2)
    return build_scene(width=width, height=height, detections=detections, depth=depth, camera=camera)


def _merged(masks: dict[int, np.ndarray], rng: np.random.Generator, *, drop: bool) -> dict[int, np.ndarray]:
    """A fifth of the outlines include the thing beside or behind them that is nearest in the picture."""
    swallowed = set()
    middles = {n: np.argwhere(mask).mean(axis=0) for n, mask in masks.items()}
    made = dict(masks)
    for number in masks:
        others = sorted((float(np.hypot(*(middles[number] - middles[o]))), o) for o in masks if o != number)
        if others and rng.random() < 0.2:
            made[number] = masks[number] | masks[others[0][1]]
            swallowed.add(others[0][1])
    return {n: mask for n, mask in made.items() if not (drop and n in swallowed)}


def count_one(index: int, *, seed: int, condition: str, make: Callable[[int, int], Picture] = make_picture) -> Counter:
    """Counts of one picture: (axis, what) to number of pairs."""
    picture = make(seed, index)
    height, width = picture.depth.shape
    truth = truth_of(picture)
    scene = scene_of(picture, condition, np.random.default_rng([seed, index, 78]))
    counts: Counter = Counter()
    clear: dict[tuple[object, ...], bool] = {}
    for axis, (a, b, *rest) in triples([int(item.id) for item in scene.objects]):
        third = truth[rest[0]] if rest else None
        clear[axis, a, b, *rest] = is_clear(axis, truth[a], truth[b], third, (width, height))
        counts[axis, "clear"] += clear[axis, a, b, *rest]
    for result in relate_all(scene, marked=True):
        axis = result.axis.value
        a, b, *rest = (int(i) for i in (result.subject, result.reference, result.anchor) if i is not None)
        is_it = clear[axis, a, b, *rest]
        if result.relation is None:
            counts[axis, f"abstained: {result.reason}"] += 1
            counts[axis, f"clear, abstained: {result.reason}"] += is_it
            continue
        claimed = -1.0 if result.relation in ("left", "above", "in front", "closer") else 1.0
        wrong = claimed * true_sign(axis, truth[a], truth[b], truth[rest[0]] if rest else None) <= 0
        counts[axis, "claimed"] += 1
        counts[axis, "wrong"] += wrong
        if rest:
            more = least_gap(truth[a], truth[rest[0]]) - least_gap(truth[b], truth[rest[0]])
            counts[axis, "odd"] += claimed * more < -ODD
        counts[axis, "claimed clear"] += is_it
        counts[axis, "wrong clear"] += wrong and is_it
    return counts


def measure(condition: str, pictures: int, *, seed: int = 0, workers: int = 1) -> Counter:
    """Counts over many pictures under one of ``CONDITIONS``."""
    return sum_counts(partial(count_one, seed=seed, condition=condition), pictures, workers)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--conditions",
        nargs="*",
        default=list(CONDITIONS),
        help="some of: " + "; ".join(CONDITIONS).replace("%", "%%"),
    )
    parser.add_argument("--reasons", action="store_true", help="also print why clear pairs were left out")
    args = parser.parse_args()
    print("| condition | axis | clear: claimed | wrong | kept % | all: claimed | wrong | wrong % | odd |")
    print("|---|---|---|---|---|---|---|---|---|")
    for condition in args.conditions:
        total = measure(condition, args.pictures, seed=args.seed, workers=args.workers)
        print_rows(condition, total, reasons=args.reasons)


def print_rows(condition: str, total: Counter, *, reasons: bool) -> None:
    for axis in AXES:
        n = {what: total[axis, what] for what in ("clear", "claimed", "wrong", "odd", "claimed clear", "wrong clear")}
        print(
            f"| {condition} | {axis} | {n['claimed clear']} | {n['wrong clear']} | "
            f"{100 * n['claimed clear'] / max(1, n['clear']):.1f} | {n['claimed']} | {n['wrong']} | "
            f"{100 * n['wrong'] / max(1, n['claimed']):.3f} | {n['odd']} |"
        )
    if reasons:
        for (axis, what), number in sorted(total.items(), key=lambda item: -item[1]):
            if what.startswith("clear, abstained") and number:
                print(f"  {axis}: {what.split(': ')[1]} {number} of {total[axis, 'clear']}")


if __name__ == "__main__":
    main()
