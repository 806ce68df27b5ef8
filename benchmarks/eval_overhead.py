"""Overhead of ``reinforcesight evaluate`` over bare ``model.generate``.

    python benchmarks/eval_overhead.py [--model_path DIR]
    python benchmarks/eval_overhead.py --replay 10000

The same questions in the same batches are answered twice: by bare ``model.generate`` on prepared tensors, and by
``reinforcesight evaluate`` from the benchmark file to the report. The difference, minus the time to load the model, is
the overhead: decode and tokenise, judge and write answers, compute figures, write the report.

It prints wall time, which includes what a thread prepares in parallel, and processor time on one thread, which other
work on the machine does not affect. ``--replay N`` instead times the scoring of N logged answers, report included.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dev"))

from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.engines.base import Decoding
from reinforcesight.eval.engines.batches import TransformersEngine, _chunks, _length
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.items import Request, Variant, make_request
from reinforcesight.protocol import Protocol, with_options

TARGET = 0.05


def make_benchmark(path: Path, count: int, side: int) -> None:
    """Depth questions over smooth pictures of ``side`` x ``side`` pixels, as JPEG."""
    import io

    rng = random.Random(0)
    rows = []
    for index in range(count):
        picture = Image.new("RGB", (8, 8))
        picture.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(64)])
        buffer = io.BytesIO()
        picture.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        choices = ["chair", "table"]
        question = "Which object is closer to the camera taking this photo, the chair or the table?"
        rows.append(
            {
                "idx": index,
                "type": "3D",
                "task": "Depth",
                "image": {"bytes": buffer.getvalue(), "path": None},
                "question": question,
                "choices": choices,
                "answer": rng.choice(["(A)", "(B)"]),
                "prompt": with_options(question, choices),
                "source": "Omni3D",
            }
        )
    pq.write_table(pa.Table.from_pylist(rows), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model_path", help="default: a random Qwen2.5-VL of the embedded model's size")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--side", type=int, default=256, help="pixels along a picture")
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--max_new_tokens", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--replay", type=int, metavar="N", help="time the replay of N logged answers")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.replay:
        print(json.dumps(_replay(arguments.replay, arguments.side)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_benchmark(folder / "bench.parquet", arguments.count, arguments.side)
        model_path = arguments.model_path or str(_small_model(folder / "model", arguments.side))
        config = EvaluateConfig(
            model_path=model_path,
            benchmark=str(folder / "bench.parquet"),
            output=folder / "r.json",
            batch_size=arguments.batch_size,
            max_new_tokens=arguments.max_new_tokens,
        )
        engine = TransformersEngine(
            config.model.at(model_path), Decoding(arguments.max_new_tokens), arguments.batch_size
        )
        questions = [
            question
            for item in load_benchmark(config.benchmark).items
            if (question := make_request(item, Variant.PLAIN, Protocol.REASON)) is not None
        ]
        model = config.model.at(model_path)
        bare, whole, loading = [], [], []
        for _ in range(arguments.repeats):
            bare.append(_bare_generate(engine, questions, arguments.batch_size))
            config.output.with_suffix(".jsonl").unlink(missing_ok=True)
            whole.append(_timed(lambda: evaluate(config)))
            loading.append(_timed(lambda: TransformersEngine(model, Decoding(1), 1)))
    wall, processor = (
        (min(w[k] for w in whole) - min(x[k] for x in loading)) / min(x[k] for x in bare) - 1 for k in (0, 1)
    )
    print(
        json.dumps(
            {
                "questions": arguments.count,
                "tokens_each": arguments.max_new_tokens,
                "picture_side": arguments.side,
                "batch_size": arguments.batch_size,
                "seconds_generate_alone": round(min(b[0] for b in bare), 3),
                "overhead_wall": round(wall, 4),
                "overhead_processor": round(processor, 4),
                "target": TARGET,
            }
        )
    )


def _replay(count: int, side: int) -> dict[str, float]:
    """Seconds to score logged answers."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_benchmark(folder / "bench.parquet", count, side)
        text = "<think>It is nearer.</think><answer>({})</answer>"
        lines = [{"id": str(n), "response": text.format(rng.choice("AB"))} for n in range(count)]
        (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        config = EvaluateConfig(
            benchmark=str(folder / "bench.parquet"),
            engine="replay",
            answers=folder / "log.jsonl",
            output=folder / "r.json",
        )
        wall, processor = _timed(lambda: evaluate(config))
    return {"answers": count, "seconds_wall": round(wall, 1), "seconds_processor": round(processor, 1)}


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall time and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def _bare_generate(engine: TransformersEngine, questions: list[Request], batch_size: int) -> tuple[float, float]:
    """Seconds of ``model.generate`` alone, on prepared batches."""
    order = sorted(range(len(questions)), key=lambda i: (-_length(questions[i]), i))
    prepared = [engine._prepare(questions, chunk) for chunk in _chunks(order, batch_size)]
    return _timed(lambda: [engine._generate(batch) for batch in prepared])


def _small_model(path: Path, side: int) -> Path:
    from tiny_models import build_tiny

    return build_tiny(path, width=192, layers=6, heads=6, vision_layers=6, max_pixels=side * side)


if __name__ == "__main__":
    main()
