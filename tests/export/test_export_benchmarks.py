"""Exports: what is written in CV-Bench's columns loads back, and the lmms-eval task asks and judges the same."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from eval_samples import PARTS, bench_rows, replay, write_answers, write_parquet, write_published

from reinforcesight.errors import InputError
from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.export.cv_bench import to_cv_bench
from reinforcesight.export.lmms_eval import to_lmms_eval
from reinforcesight.protocol import Protocol, with_instruction

CV_BENCH_COLUMNS = [
    *("idx", "type", "task", "image", "question", "choices", "answer", "prompt", "filename", "source"),
    *("source_dataset", "source_filename", "target_class", "target_size", "bbox"),
]


def own_data_set(folder: Path) -> list[dict[str, Any]]:
    """A data set in our own columns, with one open question and one broken picture at the end."""
    rows = []
    for row in bench_rows():
        if row["task"] == "Count":
            continue
        prompt = with_instruction(row["prompt"], Protocol.REASON)
        rows.append(
            {
                **{k: row[k] for k in ("image", "question", "choices", "answer", "task")},
                "id": f"r-{len(rows)}",
                "prompt": [{"role": "user", "content": prompt}],
                "form": "cvbench",
                "relation": "left",
                "source": "rendered",
                "source_id": f"scene-{len(rows) // 2}",
            }
        )
    hidden = [{"role": "user", "content": with_instruction("Where is it?", Protocol.REASON)}]
    rows.append({**rows[0], "id": "open", "form": "open", "prompt": hidden})
    rows.append({**rows[1], "id": "broken", "image": {"bytes": b"no picture", "path": None}})
    write_parquet(folder / "data" / "test-00000-of-00001.parquet", rows)
    return rows


def test_exported_rows_load_back(tmp_path: Path) -> None:
    own_data_set(tmp_path / "own")
    export = to_cv_bench(tmp_path / "own", tmp_path / "out")
    assert [b.id for b in export.broken] == ["broken"]
    assert export.exit_code == 1
    assert export.not_listed == 2
    for kind in ("2d", "3d"):
        assert pq.read_schema(tmp_path / "out" / f"test_{kind}.parquet").names == CV_BENCH_COLUMNS
    source = [item for item in load_benchmark(str(tmp_path / "own")).items if item.id not in ("open", "broken")]
    back = load_benchmark(str(tmp_path / "out")).items
    assert len(back) == export.rows == len(source)
    assert {i.item_key for i in back} == {i.item_key for i in source}
    assert {i.cluster for i in back} == {i.cluster for i in source}
    first = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    to_cv_bench(tmp_path / "own", tmp_path / "again")
    assert {file.name: file.read_bytes() for file in (tmp_path / "again").iterdir()} == first


def test_datasets_opens_the_export_as_it_is(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    own_data_set(tmp_path / "own")
    to_cv_bench(tmp_path / "own", tmp_path / "out")
    whole = datasets.load_dataset(str(tmp_path / "out"), split="test", cache_dir=str(tmp_path / "cache"))
    assert whole[0]["image"].size == (56, 56)
    flat = datasets.load_dataset(str(tmp_path / "out"), "2D", split="test", cache_dir=str(tmp_path / "cache"))
    assert set(flat["type"]) == {"2D"}


def test_nothing_to_export(tmp_path: Path) -> None:
    rows = own_data_set(tmp_path / "own")
    write_parquet(tmp_path / "own" / "data" / "test-00000-of-00001.parquet", rows[-2:-1])
    with pytest.raises(InputError, match="no row lists its options"):
        to_cv_bench(tmp_path / "own", tmp_path / "out")


class Loader(yaml.SafeLoader):
    """Resolves ``!function`` as lmms-eval does where no file lies beside the task: by import."""


def _import(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    module, _, name = loader.construct_scalar(node).rpartition(".")
    return getattr(importlib.import_module(module), name)


Loader.add_constructor("!function", _import)


def test_lmms_eval_asks_and_scores_the_same(tmp_path: Path) -> None:
    rows = bench_rows(8, 8)
    logged = write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    folder = write_published(tmp_path / "bench", rows, "split")
    config = replay(folder, logged, tmp_path / "r.json", tasks="all")
    results = evaluate(config)
    asked = {a["id"]: a["prompt"] for a in map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())}
    given = {a["id"]: a["response"] for a in map(json.loads, logged.read_text().splitlines())}

    files = to_lmms_eval(tmp_path / "tasks")
    assert [re.sub(r".*_", "", file.stem) for file in files] == ["direct", "reason"]
    task = yaml.load(files[1].read_text(), Loader)
    assert task["dataset_path"] == "nyu-visionx/CV-Bench"
    assert len(task["dataset_kwargs"]["revision"]) == 40
    assert task["generation_kwargs"]["max_new_tokens"] == config.token_limit
    records = []
    for row in rows:
        assert task["doc_to_text"](row, {}) == asked[str(row["idx"])]
        records.append(task["process_results"](row, [given[str(row["idx"])]]))
    scores = {m["metric"]: m["aggregation"]([r[m["metric"]] for r in records]) for m in task["metric_list"]}
    assert scores["accuracy"] == results.micro.accuracy
    assert scores["macro"] == results.macro.accuracy
    assert scores["parse_rate"] == results.parse_rate.accuracy
    assert results.official.cv_bench is not None
    assert scores["cv_bench"] == pytest.approx(results.official.cv_bench.accuracy, abs=1e-12)
    assert {source for _, _, source in PARTS} == {"ADE20K", "COCO", "Omni3D"}
