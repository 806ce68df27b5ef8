"""Time per picture from depth and masks to finished questions, on one core.

    python benchmarks/picture_speed.py --pictures 60

Pictures of 518x392 pixels with five objects are rendered first. The time covers the scene (robust depth, positions,
floor), all relations, and eight questions with reasoning, but not drawing, encoding or rendering.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

from reinforcesight.data_gen.questions.compose import compose, find_candidates
from reinforcesight.data_gen.questions.forms import QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.data_gen.rendering import Distribution, RenderConfig, render_picture
from reinforcesight.data_gen.sources.rendered import scene_of
from reinforcesight.relations import DEFAULT_RULES


def main() -> None:
    """Print median and 95th percentile of each part, milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--questions", type=int, default=8)
    args = parser.parse_args()
    options = RenderConfig(objects_min=5, objects_max=5)
    rendered = [render_picture(3, i, Distribution.TRAIN, (518, 392), options) for i in range(args.pictures)]
    templates = load_templates(None)
    parts: dict[str, list[float]] = {"scene": [], "relations": [], "questions": [], "total": []}
    for index, picture in enumerate(rendered):
        start = time.perf_counter()
        scene = scene_of(picture)
        built = time.perf_counter()
        candidates, _ = find_candidates(scene, DEFAULT_RULES)
        related = time.perf_counter()
        rng = random.Random(index)
        for candidate in rng.sample(candidates, min(args.questions, len(candidates))):
            form = rng.choice(sorted(candidate.forms))
            kind = QuestionKind(candidate.relation, form, rng.randrange(2))
            compose(scene, candidate, kind, templates=templates, rng=rng)
        done = time.perf_counter()
        for name, seconds in (
            ("scene", built - start),
            ("relations", related - built),
            ("questions", done - related),
            ("total", done - start),
        ):
            parts[name].append(1000 * seconds)
    print("| part | median ms | 95th percentile ms |")
    print("|---|---|---|")
    for name, values in parts.items():
        values.sort()
        print(f"| {name} | {statistics.median(values):.1f} | {values[int(0.95 * len(values))]:.1f} |")


if __name__ == "__main__":
    main()
