"""Damaged inputs for every reader, the judge and the reader of claims: no traceback, no hang, memory flat.

    python benchmarks/fuzz_readers.py [--inputs 100000]

The inputs are valid files and texts with bytes changed, cut out, repeated, or replaced by what readers dislike
(tests/data_gen/sources/test_readers_fuzz.py). A reader may return a result or raise an error that names the problem.
Time is processor time, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("tests/support", "tests/data_gen/sources", "dev")]

Reader = Callable[[Path, bytes], object]


def readers() -> dict[str, tuple[Reader, list[bytes]]]:
    """Each reader of bytes, with valid examples."""
    import pyarrow.parquet as pq
    from eval_samples import bench_rows, write_answers, write_published
    from reward_samples import random_row
    from small_dataset import make_rows, write_dataset
    from test_readers_fuzz import READERS

    from reinforcesight.data_gen.calibration.record import Calibration
    from reinforcesight.data_gen.dataset.manifest import load_manifest
    from reinforcesight.data_gen.dataset.reader import find_files, iterate_rows
    from reinforcesight.eval.answers import read_logged
    from reinforcesight.eval.benchmarks.load import load_benchmark
    from reinforcesight.eval.config import EvaluateConfig
    from reinforcesight.eval.engines.replay import ReplayEngine
    from reinforcesight.eval.evaluate import evaluate
    from reinforcesight.eval.results import read_results
    from reinforcesight.grpo.reward import score_completion
    from reinforcesight.jobs.file_list import changed_file
    from reinforcesight.jobs.record import RunRecord, read_metrics
    from reinforcesight.judge import judge, parse_answer
    from reinforcesight.model.options import ModelSource
    from reinforcesight.model.weights import check_weight_files
    from reinforcesight.scene import Scene

    made = Path(tempfile.mkdtemp(prefix="fuzz-"))
    rows = bench_rows(2, 2)
    bench = write_published(made / "bench", rows, "jsonl")
    answers = write_answers(made / "answers.jsonl", rows, right=0.5)
    evaluate(
        EvaluateConfig(benchmark=str(bench), engine="replay", answers=answers, output=made / "r.json", report=False)
    )
    stored = write_dataset(made / "set", {"train": make_rows(range(2), per_axis=1)}) / "data"
    parquet = next(stored.glob("*.parquet"))
    pq.read_table(parquet)
    row, question = random_row(3)
    completion = question.completion.encode()

    def dataset(folder: Path, data: bytes) -> None:
        (folder / parquet.name).write_bytes(data)
        for _ in iterate_rows(find_files(folder), on_broken=lambda file, error: None):
            pass
        (folder / parquet.name).unlink()

    def file(name: str, read: Callable[[Path], object], *, folder: bool = False) -> Reader:
        def write_and_read(place: Path, data: bytes) -> None:
            (place / name).write_bytes(data)
            read(place if folder else place / name)

        return write_and_read

    def text(read: Callable[[str], object]) -> Reader:
        return lambda folder, data: read(data.decode("utf-8", "surrogateescape"))

    def shown(text: str) -> Any:
        return parse_answer(text, row["choices"], row["question"]), judge(text, row["choices"], row["answer"])

    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}).encode()
    header = b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'
    weights = len(header).to_bytes(8, "little") + header + bytes(8)
    listed = b'{"model.safetensors": [81, "' + b"0" * 64 + b'"]}'
    record = b'{"status": "finished", "recipe": {"a": [1, 2.5]}, "sessions": []}'
    results = {
        "benchmark lines": (
            file("test.jsonl", lambda path: load_benchmark(str(path), tasks="all", limit=None), folder=True),
            [line + b"\n" for line in next(bench.glob("*.jsonl")).read_bytes().splitlines()],
        ),
        "logged answers": (file("a.jsonl", ReplayEngine), [answers.read_bytes()[:1500]]),
        "results.json": (file("r.json", read_results), [(made / "r.json").read_bytes()]),
        "results.jsonl": (file("r.jsonl", lambda path: read_logged([path])), [(made / "r.jsonl").read_bytes()[:4000]]),
        "parquet": (dataset, [parquet.read_bytes()]),
        "manifest": (file("manifest.json", load_manifest, folder=True), [b'{"job": {}, "files": [], "rows": {}}']),
        "calibration": (file("c.json", Calibration.load), [b'{"input": "x", "pictures": 3, "axes": {}}']),
        "run record": (file("run_record.json", RunRecord.load, folder=True), [record]),
        "metrics": (file("metrics.jsonl", read_metrics, folder=True), [b'{"step": 1, "loss": 0.5}\n' * 4]),
        "file list": (file("checkpoint_files.json", changed_file, folder=True), [listed]),
        "weights index": (
            file("model.safetensors.index.json", lambda p: check_weight_files(ModelSource(str(p), None)), folder=True),
            [index],
        ),
        "weights header": (
            file("model.safetensors", lambda p: check_weight_files(ModelSource(str(p), None)), folder=True),
            [weights],
        ),
        "scene": (text(Scene.from_json), [row["scene"].encode()]),
        "judge": (text(shown), [completion, b"The answer is (B) right.", b"<answer>(A)</answer>", b"\\boxed{A}"]),
        "claims": (text(lambda given: score_completion(given, row)), [completion]),
    }
    return {**{name: (read, [data]) for name, (read, data) in READERS.items()}, **results}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from test_readers_fuzz import mutated

    from reinforcesight.data_gen.sources.annotated.depth_files import DepthRefusedError
    from reinforcesight.errors import ReinforceSightError
    from reinforcesight.pictures.decode import PictureError

    warnings.simplefilter("ignore")
    named = (ReinforceSightError, PictureError, DepthRefusedError)
    found = readers()
    each = -(-options.inputs // len(found))
    process, failed, total = psutil.Process(), 0, 0
    print("| reader | inputs | named | slowest, s per kB | memory before, after (MB) |\n|---|---|---|---|---|")
    for name, (read, examples) in found.items():
        rng = random.Random(f"{options.seed} {name}")
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        refused, slowest, before = 0, 0.0, 0.0
        for number in range(each):
            if number == each // 10:  # what is loaded and cached at the beginning is there
                before = process.memory_info().rss / 1e6
            data = mutated(rng, rng.choice(examples))
            started = time.process_time()
            try:
                read(folder, data)
            except named as error:
                refused += 1
                failed += "\n" in str(error)
            except Exception as error:  # noqa: BLE001 - any other exception is what this looks for
                if name == "scene" and isinstance(error, ValueError | KeyError | TypeError):
                    refused += 1  # its callers expect these
                    continue
                failed += 1
                print(f"{name}, input {number}: {type(error).__name__}: {error}: {data[:200]!r}")
            slowest = max(slowest, (time.process_time() - started) / max(1.0, len(data) / 1000))
            total += 1
        after = process.memory_info().rss / 1e6
        failed += slowest > 1
        print(f"| {name} | {each:,} | {refused:,} | {slowest:.3f} | {before:.0f}, {after:.0f} |", flush=True)
        shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"\n{total:,} inputs, {failed} failures, largest memory {peak:.0f} MB")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
