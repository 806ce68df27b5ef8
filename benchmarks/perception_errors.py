"""Wrong labels where depth, boxes, outlines and names come from models that make simulated errors.

    python benchmarks/perception_errors.py --pictures 300 --output runs/perception_errors

Rendered pictures go through gates, geometry and relations with simulated models (``simulated_estimators.py``). The
truth is the renderer's geometry of the objects with the names, as in ``label_truth.py``, which shares no code with the
relations. A claim is wrong if it does not hold for all visible objects with its names, or if there are none.

Columns: claims; wrong claims; coverage, the share of the pairs with a clear truth (see ``label_truth.py``) and unique
names that are claimed. ``--output`` writes the table of all settings as JSON and Markdown. Margins are multiplied by
the given factors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from label_truth import AXES, is_clear, true_sign, truth_of
from simulated_estimators import ErrorRates, Simulation, visible_objects

from reinforcesight.data_gen.perception.perceive import perceive
from reinforcesight.data_gen.rendering import Distribution, RenderConfig, RenderedPicture, render_picture
from reinforcesight.relations import RelationRules, relate_all
from reinforcesight.scene import Scene

FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)
# The rules that are margins.
MARGINS = ("picture_gap", "picture_shift", "depth_gap", "depth_spreads", "ray_gap", "distance_gap",
           "distance_thickness", "distance_depth")  # fmt: skip
KINDS: dict[str, ErrorRates] = {
    "no errors": ErrorRates(),
    "depth noise 5 %": ErrorRates(depth_noise=0.05),
    "depth noise 12 %": ErrorRates(depth_noise=0.12),
    "depth noise 20 %": ErrorRates(depth_noise=0.20),
    "depth noise 20 %, second depth model": ErrorRates(depth_noise=0.20, second_depth=True),
    "unknown scale, noise 5 %": ErrorRates(depth_kind="scale", depth_noise=0.05),
    "unknown scale and shift, noise 5 %": ErrorRates(depth_kind="inverse", depth_noise=0.05),
    "20 % of outlines missing": ErrorRates(missing_masks=0.2),
    "20 % of outlines merged with a neighbour": ErrorRates(merged_masks=0.2),
    "10 % of boxes and outlines around two things": ErrorRates(merged_boxes=0.1),
    "10 % of boxes and outlines around two things, second detector": ErrorRates(
        merged_boxes=0.1, second_detector=True
    ),
    "20 % of things not found": ErrorRates(missed=0.2),
    "box sides off by 10 %": ErrorRates(jitter=0.1),
    "box sides off by 10 %, no outlines": ErrorRates(jitter=0.1, outlines=False),
    "2 % false boxes": ErrorRates(false_boxes=0.02),
    "5 % false boxes": ErrorRates(false_boxes=0.05),
    "5 % false boxes, second detector": ErrorRates(false_boxes=0.05, second_detector=True),
    "5 % names exchanged, low score": ErrorRates(swapped=0.05, hesitant=True),
    "5 % names exchanged, high score": ErrorRates(swapped=0.05),
    "5 % names exchanged, high score, with traces": ErrorRates(swapped=0.05, traces=True),
    "5 % names exchanged, high score, second detector": ErrorRates(swapped=0.05, second_detector=True),
    "the same, errors of the two independent": ErrorRates(swapped=0.05, second_detector=True, shared=0.0),
    "10 % names exchanged, high score": ErrorRates(swapped=0.1),
    "10 % names exchanged, high score, second detector": ErrorRates(swapped=0.1, second_detector=True),
    "everything at once, two detectors": ErrorRates(
        depth_noise=0.08, missing_masks=0.05, merged_masks=0.05, merged_boxes=0.03, missed=0.1, swapped=0.03,
        jitter=0.05, false_boxes=0.03, second_detector=True,
    ),
}  # fmt: skip


def scaled_rules(factor: float) -> RelationRules:
    """The default rules with all margins times a factor."""
    default = RelationRules()
    shares = {"depth_gap", "distance_gap"}
    return default.model_copy(
        update={
            name: min(0.95, factor * getattr(default, name)) if name in shares else factor * getattr(default, name)
            for name in MARGINS
        }
    )


class Known:
    """The truth about one picture, each pair computed once.

    Attributes:
        bearers: Name to positions of the visible objects with it.
    """

    def __init__(self, picture: RenderedPicture) -> None:
        self._truth = truth_of(picture)
        self._size = (picture.depth.shape[1], picture.depth.shape[0])
        self._clear: dict[tuple[object, ...], bool] = {}
        self.bearers: dict[str, list[int]] = {}
        for position in visible_objects(picture):
            self.bearers.setdefault(picture.objects[position].name, []).append(position)

    def sign(self, axis: str, a: int, b: int, c: int | None) -> float:
        """As ``label_truth.true_sign``."""
        return true_sign(axis, self._truth[a], self._truth[b], None if c is None else self._truth[c])

    def clear(self, axis: str, a: int, b: int, c: int | None) -> bool:
        """As ``label_truth.is_clear``."""
        key = (axis, min(a, b), max(a, b), c)
        if key not in self._clear:
            third = None if c is None else self._truth[c]
            self._clear[key] = is_clear(axis, self._truth[a], self._truth[b], third, self._size)
        return self._clear[key]

    def count_clear(self) -> Counter[tuple[str, str]]:
        """Pairs with a clear truth among things with unique names."""
        own = [found[0] for found in self.bearers.values() if len(found) == 1]
        counts: Counter[tuple[str, str]] = Counter()
        for a, b in itertools.combinations(own, 2):
            for axis in AXES[:3]:
                counts[axis, "clear"] += self.clear(axis, a, b, None)
            for c in own:
                if c not in (a, b):
                    counts["distance", "clear"] += self.clear("distance", a, b, c)
        return counts


def count_claims(scene: Scene, known: Known, factor: float) -> Counter[tuple[str, str]]:
    """(axis, what) to number, of one scene: "claimed", "wrong", and "claimed clear" with a clear truth."""
    names = {item.id: item.name for item in scene.objects}
    counts: Counter[tuple[str, str]] = Counter()
    for result in relate_all(scene, rules=scaled_rules(factor)):
        axis = result.axis.value
        if result.relation is None:
            continue
        ids = [result.subject, result.reference, *([] if result.anchor is None else [result.anchor])]
        meant = [known.bearers.get(names[i], []) for i in ids]
        claimed = -1.0 if result.relation in ("left", "above", "in front", "closer") else 1.0
        right = all(meant)
        for a, b, *rest in itertools.product(*meant):
            right &= a != b and claimed * known.sign(axis, a, b, rest[0] if rest else None) > 0
        counts[axis, "claimed"] += 1
        counts[axis, "wrong"] += not right
        if right and all(len(found) == 1 for found in meant):
            a, b, *rest = (found[0] for found in meant)
            counts[axis, "claimed clear"] += known.clear(axis, a, b, rest[0] if rest else None)
    return counts


Counts = dict[tuple[str, float], Counter[tuple[str, str]]]


def measure_part(
    indices: Sequence[int],
    *,
    seed: int,
    size: tuple[int, int],
    kinds: Sequence[str],
    factors: Sequence[float],
) -> Counts:
    """Counts of some pictures for each kind of error and each factor of the margins."""
    # The world that the figures in docs/log/perception.md are of.
    toys = RenderConfig(world="toys")
    pictures = [render_picture(seed, index, Distribution.TRAIN, size, toys) for index in indices]
    known = [Known(picture) for picture in pictures]
    clear: Counter[tuple[str, str]] = Counter()
    for item in known:
        clear.update(item.count_clear())
    found: Counts = {}
    for kind in kinds:
        simulation = Simulation(pictures, KINDS[kind], seed)
        results = perceive(simulation.tasks, simulation.models())
        for factor in factors:
            total = Counter(clear)
            for item, result in zip(known, results, strict=True):
                total.update(count_claims(result.scene, item, factor))
            found[kind, factor] = total
    return found


def measure(
    pictures: int,
    *,
    seed: int = 0,
    size: tuple[int, int] = (320, 240),
    kinds: Sequence[str] = tuple(KINDS),
    factors: Sequence[float] = FACTORS,
    workers: int = 1,
) -> Counts:
    """Counts over many pictures."""
    parts = [range(start, min(start + 10, pictures)) for start in range(0, pictures, 10)]
    work = partial(measure_part, seed=seed, size=size, kinds=kinds, factors=factors)
    total: Counts = {}
    if workers <= 1:
        results = map(work, parts)
        for counts in results:
            _add(total, counts)
        return total
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for counts in pool.map(work, parts):
            _add(total, counts)
    return total


def _add(total: Counts, part: Counts) -> None:
    for key, counts in part.items():
        total.setdefault(key, Counter()).update(counts)


def rows(total: Counts) -> list[dict[str, object]]:
    """One row for each kind, factor and axis, and for all axes together."""
    made: list[dict[str, object]] = []
    for (kind, factor), counts in total.items():
        for axis in (*AXES, "all"):
            axes = AXES if axis == "all" else (axis,)
            sums = {
                what: int(sum(counts[a, what] for a in axes))
                for what in ("claimed", "wrong", "claimed clear", "clear")
            }
            made.append(
                {
                    "errors": kind,
                    "margins": factor,
                    "axis": axis,
                    "claims": sums["claimed"],
                    "wrong": sums["wrong"],
                    "wrong_percent": round(100 * sums["wrong"] / max(1, sums["claimed"]), 3),
                    "coverage_percent": round(100 * sums["claimed clear"] / max(1, sums["clear"]), 1),
                }
            )
    return made


def markdown(table: Sequence[dict[str, object]]) -> str:
    """The default margins with all axes, then precision and coverage for each margin setting."""
    by_key = {(row["errors"], row["margins"], row["axis"]): row for row in table}
    kinds = list(dict.fromkeys(str(row["errors"]) for row in table))
    factors = sorted({float(str(row["margins"])) for row in table})
    middle = 1.0 if 1.0 in factors else factors[0]
    lines = ["| errors | claims | wrong | wrong % | " + " | ".join(f"{a} %" for a in AXES) + " | coverage % |"]
    lines.append("|---" * (5 + len(AXES)) + "|")
    for kind in kinds:
        row = by_key[kind, middle, "all"]
        each = " | ".join(f"{by_key[kind, middle, axis]['wrong_percent']:.2f}" for axis in AXES)
        lines.append(
            f"| {kind} | {row['claims']} | {row['wrong']} | {row['wrong_percent']:.2f} | {each} | "
            f"{row['coverage_percent']:.0f} |"
        )
    lines += ["", "Wrong % (coverage %) by margins:", ""]
    lines.append("| errors | " + " | ".join(f"x {factor:g}" for factor in factors) + " |")
    lines.append("|---" * (1 + len(factors)) + "|")
    for kind in kinds:
        cells = [by_key[kind, factor, "all"] for factor in factors]
        shown = " | ".join(f"{c['wrong_percent']:.2f} ({c['coverage_percent']:.0f})" for c in cells)
        lines.append(f"| {kind} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument(
        "--kinds", nargs="*", default=list(KINDS), help="some of: " + "; ".join(KINDS).replace("%", "%%")
    )
    parser.add_argument("--factors", nargs="*", type=float, default=list(FACTORS))
    parser.add_argument("--output", type=Path, help="folder for results.json and table.md")
    args = parser.parse_args()
    start = time.monotonic()
    total = measure(
        args.pictures,
        seed=args.seed,
        size=(args.width, args.height),
        kinds=args.kinds,
        factors=args.factors,
        workers=args.workers,
    )
    table = rows(total)
    print(markdown(table))
    print(f"{args.pictures} pictures, {time.monotonic() - start:.0f} s")
    if args.output is not None:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / "results.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        (args.output / "table.md").write_text(markdown(table), encoding="utf-8")
        print(f"written to {args.output}")


if __name__ == "__main__":
    main()
