"""Whether twins invert the relation that they are meant to invert, against the renderer's geometry.

    python benchmarks/twin_truth.py --pictures 300 --workers 2

For each picture a twin is looked for, as ``generate --twins`` does. In both pictures every claimed relation is compared
with the truth of ``label_truth.py``, which is computed from the objects' meshes and shares no code with the relations.
``also`` counts other pairs whose truth is clear in both pictures and inverted, whether a relation is claimed or not
(for mirrored pictures: pairs that are not left and right).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from functools import partial

from label_truth import is_clear, sum_counts, triples, true_sign, truth_of

from reinforcesight.data_gen.rendering import Distribution, RenderConfig, RenderedPicture
from reinforcesight.data_gen.rendering.picture import layout_of, render_layout
from reinforcesight.data_gen.rendering.twin_search import claims_by_pair, find_twin, inverted
from reinforcesight.data_gen.rendering.twins import TwinKind
from reinforcesight.data_gen.sources.rendered import scene_of
from reinforcesight.relations.kinds import DEFAULT_RULES
from reinforcesight.scene import Scene

FIRST = ("left", "above", "in front", "closer")


def wrong_claims(picture: RenderedPicture, scene: Scene) -> tuple[int, int]:
    """Numbers of claimed relations of a scene, and of those that the geometry contradicts."""
    truth = dict(zip((item.id for item in picture.objects), truth_of(picture), strict=True))
    claims = claims_by_pair(scene, DEFAULT_RULES)
    wrong = 0
    for (axis, first, second, anchor), result in claims.items():
        sign = true_sign(axis.value, truth[first], truth[second], None if anchor is None else truth[anchor])
        wrong += (-1.0 if result.relation in FIRST else 1.0) * sign <= 0
    return len(claims), wrong


def also_inverted(
    base: RenderedPicture, twin: RenderedPicture, wanted: set[tuple[object, ...]], size: tuple[int, int]
) -> int:
    """Number of other pairs with a clear truth in both pictures, of opposite sign."""
    before, after = truth_of(base), truth_of(twin)
    count = 0
    for axis, places in triples([item.id for item in base.objects]):
        old, new = ((*(truth[i] for i in places), None)[:3] for truth in (before, after))
        clear = is_clear(axis, *old, size) and is_clear(axis, *new, size)
        if clear and true_sign(axis, *old) * true_sign(axis, *new) < 0:
            count += (axis, *places) not in wanted
    return count


def count_one(index: int, *, seed: int, size: tuple[int, int]) -> Counter[tuple[str, ...]]:
    """Counts of one picture: (kind, axis, what) to number."""
    config = RenderConfig()
    layout = layout_of(seed, index, Distribution.TRAIN, size, config)
    base = render_layout(layout, seed, index, Distribution.TRAIN, config)
    scene = scene_of(base)
    started = time.perf_counter()
    twin = find_twin(base, layout, scene, DEFAULT_RULES, config, scene_of)
    counts: Counter[tuple[str, ...]] = Counter({("all", "pictures"): 1})
    counts["all", "microseconds"] += round(1e6 * (time.perf_counter() - started))
    if twin is None:
        return counts
    found = inverted(claims_by_pair(scene, DEFAULT_RULES), twin.scene, DEFAULT_RULES)
    key = (twin.kind.value, found[0][0].value)
    counts[*key, "twins"] += 1
    counts[*key, "inverted"] += len(found)
    for picture, of in ((base, scene), (twin.picture, twin.scene)):
        claims, wrong = wrong_claims(picture, of)
        counts[*key, "claims"] += claims
        counts[*key, "wrong"] += wrong
    wanted = {(axis.value, *(i for i in ids if i is not None)) for axis, *ids in found}
    if twin.kind is TwinKind.MIRRORED:
        wanted = {(axis, *ids) for axis, ids in triples([item.id for item in base.objects]) if axis == "horizontal"}
    counts[*key, "also"] += also_inverted(base, twin.picture, wanted, size)
    return counts


def measure_twins(
    pictures: int, *, seed: int, size: tuple[int, int] = (448, 336), workers: int = 1
) -> Counter[tuple[str, ...]]:
    """Sum of :func:`count_one` over many pictures."""
    return sum_counts(partial(count_one, seed=seed, size=size), pictures, workers)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--height", type=int, default=336)
    args = parser.parse_args()
    total = measure_twins(args.pictures, seed=args.seed, size=(args.width, args.height), workers=args.workers)
    what = ("twins", "inverted", "also", "claims", "wrong")
    print("| twin | axis | " + " | ".join(what) + " |")
    print("|---|---|" + "---|" * len(what))
    keys = sorted({key[:2] for key in total if len(key) == 3})
    for key in keys:
        print("| " + " | ".join([*key, *(str(total[*key, name]) for name in what)]) + " |")
    print("| all | | " + " | ".join(str(sum(total[*key, name] for key in keys)) for name in what) + " |")
    seconds = total["all", "microseconds"] / 1e6 / total["all", "pictures"]
    print(f"{total['all', 'pictures']} pictures, {seconds:.2f} s each for the twin")


if __name__ == "__main__":
    main()
