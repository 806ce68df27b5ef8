"""Exports: one of our data sets as a benchmark in CV-Bench's columns, and a task for the lmms-eval harness."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from reinforcesight.errors import InputError, OutputError
from reinforcesight.eval.config import CV_BENCH_REVISION, EvaluateConfig
from reinforcesight.eval.cvbench import HUB_ID, load_benchmark
from reinforcesight.eval.items import BrokenRow, Item
from reinforcesight.jobs.files import atomic_file, write_text
from reinforcesight.pictures.decode import opened
from reinforcesight.protocol import Protocol

_COLUMNS: dict[str, pa.DataType] = {
    "idx": pa.int64(),
    "type": pa.string(),
    "task": pa.string(),
    "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    "question": pa.string(),
    "choices": pa.list_(pa.string()),
    "answer": pa.string(),
    "prompt": pa.string(),
    "filename": pa.string(),
    "source": pa.string(),
    "source_dataset": pa.string(),
    "source_filename": pa.string(),
    "target_class": pa.string(),
    "target_size": pa.int64(),
    "bbox": pa.list_(pa.list_(pa.float64())),
}
# What `datasets` reads from a Parquet file's metadata to decode the picture column by itself.
_FEATURES = {
    **{
        name: {"dtype": "int64" if kind == pa.int64() else "string", "_type": "Value"}
        for name, kind in _COLUMNS.items()
    },
    "image": {"_type": "Image"},
    "choices": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    "bbox": {
        "feature": {"feature": {"dtype": "float64", "_type": "Value"}, "_type": "List"},
        "_type": "List",
    },
}
# Columns beyond CV-Bench's, by which our own evaluation checks reasoning against the scene.
_SCENE_COLUMNS = ("scene", "evidence")
_ROWS_PER_GROUP = 256


@dataclass(frozen=True)
class CvBenchExport:
    """What was written.

    Attributes:
        rows: Rows written.
        not_listed: Rows left out because their prompt lists no options, as every CV-Bench prompt does.
        broken: Rows that can't be scored; none of them is written.
    """

    folder: Path
    rows: int
    not_listed: int
    broken: tuple[BrokenRow, ...]

    @property
    def exit_code(self) -> int:
        """1 when rows were broken."""
        return 1 if self.broken else 0


def to_cv_bench(dataset: Path, output: Path, *, split: str = "test", scenes: bool = False) -> CvBenchExport:
    """Write one of our data sets in CV-Bench's columns and its newer layout, ``test_2d`` and ``test_3d``.

    The same data set gives the same bytes. ``target_class``, ``target_size`` and ``bbox`` are null: they describe
    CV-Bench's own annotation.

    Args:
        dataset: The data set's folder.
        output: Folder to write.
        split: The split that becomes the benchmark.
        scenes: Add the columns ``scene`` and ``evidence``, which evaluation reads to check the reasoning.

    Raises:
        InputError: The data set can't be read, or no row has CV-Bench's form.
        OutputError: The folder can't be written.
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
        raise InputError(
            "no row lists its options, as CV-Bench does", where=str(dataset), fix="generate other forms"
        )
    rows = [_row(number, item, encoding) for number, (item, encoding) in enumerate(listed)]
    if scenes:
        for row, (item, _) in zip(rows, listed, strict=True):
            row |= {name: getattr(item, name) for name in _SCENE_COLUMNS}
    try:
        output.mkdir(parents=True, exist_ok=True)
        for kind in ("2D", "3D"):
            _write([row for row in rows if row["type"] == kind], output / f"test_{kind.lower()}.parquet")
    except OSError as error:
        raise OutputError(
            f"the export can't be written: {error.strerror}",
            where=str(output),
            fix="make room or change --output",
        ) from error
    write_text(output / "README.md", _card(benchmark.name, benchmark.fingerprint, rows))
    return CvBenchExport(output, len(rows), len(benchmark.items) - len(rows), tuple(broken))


def to_lmms_eval(output: Path, *, benchmark: Path | None = None) -> list[Path]:
    """Write lmms-eval tasks that ask and judge as ``reinforcesight evaluate`` does, one for each protocol.

    Args:
        output: Folder for ``--include_path``.
        benchmark: A folder that ``to_cv_bench`` wrote; CV-Bench itself by default, at the pinned revision.

    Returns:
        The task files.
    """
    name = "cv_bench" if benchmark is None else re.sub(r"\W+", "_", benchmark.resolve().name.lower())
    files = []
    for protocol in Protocol:
        task = f"reinforcesight_{name}_{protocol.value}"
        path = output / f"{task}.yaml"
        write_text(path, _task_text(task, protocol, benchmark))
        files.append(path)
    return files


def _task_text(task: str, protocol: Protocol, benchmark: Path | None) -> str:
    limit = EvaluateConfig(model_path="-", protocol=protocol).token_limit
    settings: dict[str, Any] = {
        "task": task,
        "dataset_path": HUB_ID if benchmark is None else str(benchmark.resolve()),
        "dataset_name": "default",
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_target": "answer",
        "generation_kwargs": {"max_new_tokens": limit, "temperature": 0.0, "do_sample": False},
    }
    if benchmark is None:
        settings["dataset_kwargs"] = {"revision": CV_BENCH_REVISION}
    here = "reinforcesight.export.lmms_eval"
    functions = [
        f"doc_to_visual: !function {here}.doc_to_visual",
        f"doc_to_text: !function {here}.doc_to_text_{protocol.value}",
        f"process_results: !function {here}.process_results",
        "metric_list:",
    ]
    for metric in ("accuracy", "macro", "cv_bench", "parse_rate"):
        functions += [
            f"  - metric: {metric}",
            f"    aggregation: !function {here}.{metric}",
            "    higher_is_better: true",
        ]
    return yaml.safe_dump(settings, sort_keys=False) + "\n".join(functions) + "\n"


def _encoding(item: Item) -> str:
    """File ending of a picture that decodes."""
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


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    extra = [name for name in _SCENE_COLUMNS if rows and name in rows[0]]
    features = {**_FEATURES, **{name: {"dtype": "string", "_type": "Value"} for name in extra}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    columns = [*_COLUMNS.items(), *((name, pa.string()) for name in extra)]
    schema = pa.schema(columns, metadata=metadata)
    with atomic_file(path) as stream:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), stream, row_group_size=_ROWS_PER_GROUP)


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
        f"| {task} | {sum(row['task'] == task for row in rows)} |"
        for task in sorted({row["task"] for row in rows})
    )
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n# {name} in CV-Bench's columns\n\n"
        f"Fingerprint of the source rows: `{fingerprint}`\n\n| task | rows |\n|---|---|\n{counts}\n"
    )
