"""``export --to cv-bench``: a generated data set as a benchmark in CV-Bench's columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reinforcesight.errors import InputError
from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.items import BrokenRow, Item
from reinforcesight.jobs.files import atomic_file, write_text
from reinforcesight.pictures.decode import opened

# Extra columns, with which our own evaluation checks reasoning against the scene.
_SCENE_COLUMNS = ("scene", "evidence")
_ROWS_PER_GROUP = 256


@dataclass(frozen=True)
class CvBenchExport:
    """Written files and left-out rows.

    Attributes:
        not_listed: Number of rows left out because their prompt lists no options, as every CV-Bench prompt does.
        broken: Rows left out because they can't be scored.
    """

    folder: Path
    rows: int
    not_listed: int
    broken: tuple[BrokenRow, ...]

    @property
    def exit_code(self) -> int:
        return 1 if self.broken else 0

    @property
    def lines(self) -> list[str]:
        left_out = f"left out {self.not_listed} without listed options"
        return [
            f"wrote {self.rows} questions to {self.folder}; {left_out}",
            *(f"can't be scored: {row}" for row in self.broken),
        ]


def to_cv_bench(dataset: Path, output: Path, *, split: str = "test", scenes: bool = False) -> CvBenchExport:
    """Write one of our data sets in CV-Bench's columns and its newer layout, ``test_2d`` and ``test_3d``.

    The same data set gives the same bytes. ``target_class``, ``target_size`` and ``bbox`` are null: they describe
    CV-Bench's own annotation.

    Args:
        scenes: Add the columns ``scene`` and ``evidence``, which evaluation reads to check the reasoning.

    Raises:
        InputError: The data set can't be read, or no row has CV-Bench's form.
    """
    benchmark = load_benchmark(str(dataset), tasks=["all"], split=split)
    listed, broken = [], list(benchmark.broken)
    for item in benchmark.items:
        try:
            encoding = _encoding(item)
        except InputError as error:
            broken.append(BrokenRow(item.id, item.row, item.task, "picture unreadable", error.what))
            continue
        if item.shows_options:
            listed.append((item, encoding))
    if not listed:
        raise InputError("no row lists its options, as CV-Bench does", where=str(dataset), fix="generate other forms")
    rows = [_row(number, item, encoding) for number, (item, encoding) in enumerate(listed)]
    if scenes:
        for row, (item, _) in zip(rows, listed, strict=True):
            row |= {name: getattr(item, name) for name in _SCENE_COLUMNS}
    for kind in ("2D", "3D"):
        _write(rows, kind, output / f"test_{kind.lower()}.parquet")
    write_text(output / "README.md", _card(benchmark.name, benchmark.fingerprint, rows))
    return CvBenchExport(output, len(rows), len(benchmark.items) - len(rows), tuple(broken))


def _encoding(item: Item) -> str:
    with opened(item.picture) as picture:
        picture.load()
        return (picture.format or "png").lower()


def _row(number: int, item: Item, encoding: str) -> dict[str, Any]:
    name = f"img/{item.type}/{item.task.lower()}/{number:06d}.{encoding}"
    return {
        "idx": number,
        "type": item.type,
        "task": item.task,
        "image": {"bytes": item.picture, "path": name.rpartition("/")[2]},
        "question": item.question,
        "choices": list(item.choices),
        "answer": f"({item.gold})",
        "prompt": item.prompt,
        "filename": name,
        "source": item.source,
        "source_dataset": item.source_dataset or item.source,
        "source_filename": item.cluster,
        "target_class": None,
        "target_size": None,
        "bbox": None,
    }


def _write(rows: list[dict[str, Any]], kind: str, path: Path) -> None:
    """Write the rows of one ``type``, with the same columns for every type."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Features, Image, List, Value

    text, number = Value("string"), Value("int64")
    special = {
        "idx": number,
        "image": Image(),
        "choices": List(text),
        "target_size": number,
        "bbox": List(List(Value("float64"))),
    }
    schema = Features({name: special.get(name, text) for name in rows[0]}).arrow_schema
    table = pa.Table.from_pylist([row for row in rows if row["type"] == kind], schema=schema)
    with atomic_file(path) as stream:
        pq.write_table(table, stream, row_group_size=_ROWS_PER_GROUP)


def _card(name: str, fingerprint: str, rows: list[dict[str, Any]]) -> str:
    files = {
        "default": ["test_2d.parquet", "test_3d.parquet"],
        "2D": ["test_2d.parquet"],
        "3D": ["test_3d.parquet"],
    }
    header = {
        "configs": [
            {"config_name": config, "data_files": [{"split": "test", "path": paths}]}
            for config, paths in files.items()
        ]
    }
    counts = "\n".join(
        f"| {task} | {sum(row['task'] == task for row in rows)} |" for task in sorted({row["task"] for row in rows})
    )
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n# {name} in CV-Bench's columns\n\n"
        f"Fingerprint of the source rows: `{fingerprint}`\n\n| task | rows |\n|---|---|\n{counts}\n"
    )
