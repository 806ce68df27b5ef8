"""Time and peak memory of loading a benchmark of many pictures.

    python benchmarks/eval_loading.py --items 10000

The memory is that of this process, with the libraries that it imports.
"""

from __future__ import annotations

import argparse
import io
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from reinforcesight.eval.benchmarks.load import load_benchmark

_ROWS_IN_GROUP = 500


def write_benchmark(path: Path, items: int) -> None:
    """Write a file in CV-Bench's columns with different JPEG pictures of about 60 kB."""
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    writer = None
    for start in range(0, items, _ROWS_IN_GROUP):
        rows = []
        for number in range(start, min(items, start + _ROWS_IN_GROUP)):
            noise[0, 0] = (number % 256, number // 256 % 256, 0)
            stream = io.BytesIO()
            Image.fromarray(noise).save(stream, "JPEG", quality=80)
            row = {"idx": number, "question": f"Which is closer, chair {number} or the table?", "source": "Omni3D"}
            row |= {"choices": ["chair", "table"], "answer": "(A)", "task": "Depth"}
            rows.append(row | {"image": {"bytes": stream.getvalue() + number.to_bytes(4, "big"), "path": None}})
        table = pa.Table.from_pylist(rows)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    items = parser.parse_args().items
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.parquet"
        write_benchmark(path, items)
        wall, used = time.perf_counter(), time.process_time()
        found = load_benchmark(str(path))
        wall, used = time.perf_counter() - wall, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{len(found.items):,} items, {path.stat().st_size / 1e6:.0f} MB: {wall:.1f} s, {used:.1f} s of "
            f"processor time, peak memory {peak:.0f} MB"
        )
        start = time.perf_counter()
        size = sum(len(item.picture) for item in found.items)
        print(f"all pictures read again, {size / 1e6:.0f} MB: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
