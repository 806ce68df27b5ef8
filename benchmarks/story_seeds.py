"""Accuracy of the quickstart over several seeds, and of variants of GRPO that start from the same models.

    python benchmarks/story_seeds.py --output DIR [--seeds 0 1 2]
        [--variant constraints grpo.rewards.mode=constraints] [--variant sum grpo.rewards.mode=sum]
        [--set evaluate.blind=false]

A seed decides the training pictures and questions, SFT and GRPO; the benchmarks stay the same. A variant runs in a copy
of the seed's folder with other settings, so only the stages that these change run again. A second call goes on
where the first one stopped.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from reinforcesight.eval.results import Results, read_results
from reinforcesight.jobs.table import table_lines
from reinforcesight.story.folder import MODEL_TITLES, RunFolder


def run(folder: Path, config: str, seed: int, overrides: list[str]) -> None:
    """Run the whole pipeline, or what is missing of it."""
    settings = [f"generate.seed={seed}", f"sft.seed={seed}", f"grpo.seed={seed}", *overrides]
    words = [word for text in settings for word in ("--set", text)]
    command = [sys.executable, "-m", "reinforcesight", "run", "--config", config, "--output", str(folder), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def spread(values: list[float]) -> str:
    """Mean and the values, in percent."""
    return f"{100 * statistics.mean(values):.1f} ({', '.join(f'{100 * value:.1f}' for value in values)})"


def table(folders: list[Path]) -> list[str]:
    """Lines with the accuracies of all models on all benchmarks."""
    rows = []
    for benchmark in sorted(path.name for path in RunFolder(folders[0]).benchmark_dataset("").iterdir()):
        for model in MODEL_TITLES:
            found = [results(folder, benchmark, model) for folder in folders]
            values = [spread([r.micro.accuracy or 0.0 for r in found])]
            values += [spread([r.per_task[task].accuracy or 0.0 for r in found]) for task in found[0].per_task]
            rows.append([benchmark, model, *values])
    return table_lines(["benchmark", "model", "accuracy", *found[0].per_task], rows)


def results(folder: Path, benchmark: str, model: str) -> Results:
    return read_results(RunFolder(folder).results(benchmark, model))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="quickstart", help="configuration of the runs")
    parser.add_argument("--output", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--variant", nargs="+", action="append", default=[], metavar="NAME KEY=VALUE", help="name, then settings"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="setting of all runs")
    args = parser.parse_args()
    for seed in args.seeds:
        run(args.output / f"seed{seed}", args.config, seed, args.set)
    print("\n".join(table([args.output / f"seed{seed}" for seed in args.seeds])), flush=True)
    for name, *overrides in args.variant:
        folders = [args.output / f"seed{seed}-{name}" for seed in args.seeds]
        for seed, folder in zip(args.seeds, folders, strict=True):
            if not folder.exists():
                shutil.copytree(args.output / f"seed{seed}", folder)
            run(folder, args.config, seed, [*args.set, *overrides])
        print("\n".join([f"\n{name}: {' '.join(overrides)}", *table(folders)]), flush=True)


if __name__ == "__main__":
    main()
