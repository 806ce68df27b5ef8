"""Time to compose and render one picture with depth, masks, shadows and visible fractions, on one core.

OMP_NUM_THREADS=1 python benchmarks/render_speed.py --pictures 100
"""

from __future__ import annotations

import argparse
import statistics
import time

from reinforcesight.data_gen.rendering import Distribution, render_picture


def main() -> None:
    """Print CPU and wall time per picture in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--height", type=int, default=336)
    parser.add_argument("--distribution", type=Distribution, choices=list(Distribution), default=Distribution.TRAIN)
    args = parser.parse_args()
    for index in range(10):  # the first pictures build the cached primitives
        render_picture(1, index, args.distribution, (args.width, args.height))
    wall, cpu = [], []
    for index in range(10, 10 + args.pictures):
        start, start_cpu = time.perf_counter(), time.process_time()
        render_picture(1, index, args.distribution, (args.width, args.height))
        wall.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.process_time() - start_cpu))
    print(f"{args.pictures} pictures of {args.width}x{args.height}, {args.distribution.value}")
    for name, values in (("cpu", cpu), ("wall", wall)):
        worst = sorted(values)[int(0.95 * len(values))]
        print(
            f"{name}: median {statistics.median(values):.1f} ms, mean {statistics.mean(values):.1f}, 95 % {worst:.1f}"
        )


if __name__ == "__main__":
    main()
