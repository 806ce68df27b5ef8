"""``export --to lmms-eval``: lmms-eval tasks and their functions, with the prompts and scoring of ``evaluate``.

lmms-eval resolves ``!function module.name`` by import if there is no such file next to the task
(``lmms_eval/utils.py``, version 0.7.2). This module does not import lmms-eval.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from reinforcesight.eval.benchmarks.figures import OFFICIAL_WEIGHTS
from reinforcesight.eval.benchmarks.load import HUB_ID
from reinforcesight.eval.config import CV_BENCH_REVISION, EvaluateConfig
from reinforcesight.eval.statistics import stratified_accuracy
from reinforcesight.jobs.files import write_text
from reinforcesight.judge import judge_row
from reinforcesight.pictures.decode import to_rgb
from reinforcesight.protocol import Protocol, with_instruction

Doc = Mapping[str, Any]


def to_lmms_eval(output: Path, dataset: Path | None = None) -> list[Path]:
    """Write one lmms-eval task for each protocol, with the prompts and scoring of ``reinforcesight evaluate``.

    Args:
        output: Folder for ``--include_path``.
        dataset: A folder written by ``to_cv_bench``; by default CV-Bench itself, at the pinned revision.
    """
    name = "cv_bench" if dataset is None else re.sub(r"\W+", "_", dataset.resolve().name.lower())
    files = []
    for protocol in Protocol:
        task = f"reinforcesight_{name}_{protocol.value}"
        path = output / f"{task}.yaml"
        write_text(path, _task_text(task, protocol, dataset))
        files.append(path)
    return files


def _task_text(task: str, protocol: Protocol, dataset: Path | None) -> str:
    limit = EvaluateConfig(model_path="-", protocol=protocol).token_limit
    settings: dict[str, Any] = {
        "task": task,
        "dataset_path": HUB_ID if dataset is None else str(dataset.resolve()),
        "dataset_name": "default",
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_target": "answer",
        "generation_kwargs": {"max_new_tokens": limit, "temperature": 0.0, "do_sample": False},
    }
    if dataset is None:
        settings["dataset_kwargs"] = {"revision": CV_BENCH_REVISION}
    functions = [
        f"doc_to_visual: !function {__name__}.doc_to_visual",
        f"doc_to_text: !function {__name__}.doc_to_text_{protocol.value}",
        f"process_results: !function {__name__}.process_results",
        "metric_list:",
    ]
    for metric in ("accuracy", "macro", "cv_bench", "parse_rate"):
        functions += [
            f"  - metric: {metric}",
            f"    aggregation: !function {__name__}.{metric}",
            "    higher_is_better: true",
        ]
    return yaml.safe_dump(settings, sort_keys=False) + "\n".join(functions) + "\n"


def doc_to_visual(doc: Doc) -> list[Image.Image]:
    return [to_rgb(doc["image"])]


def doc_to_text_direct(doc: Doc, specific: Mapping[str, Any] | None = None) -> str:
    return with_instruction(doc["prompt"], Protocol.DIRECT)


def doc_to_text_reason(doc: Doc, specific: Mapping[str, Any] | None = None) -> str:
    return with_instruction(doc["prompt"], Protocol.REASON)


def process_results(doc: Doc, results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Judge one answer; every metric gets the same record."""
    verdict = judge_row(results[0], doc)
    record = {"id": doc["idx"], "task": doc["task"], "source": doc["source"]}
    record |= {"correct": verdict.correct, "letter": verdict.letter, "status": str(verdict.status)}
    return dict.fromkeys(("accuracy", "macro", "cv_bench", "parse_rate"), record)


def accuracy(records: Sequence[Mapping[str, Any]]) -> float:
    return stratified_accuracy([r["correct"] for r in records], ["all"] * len(records))


def macro(records: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean accuracy over the tasks."""
    return stratified_accuracy([r["correct"] for r in records], [r["task"] for r in records])


def cv_bench(records: Sequence[Mapping[str, Any]]) -> float:
    """Return CV-Bench's official aggregate; NaN if a source is missing."""
    if {r["source"] for r in records} != OFFICIAL_WEIGHTS.keys():
        return float("nan")
    return stratified_accuracy([r["correct"] for r in records], [r["source"] for r in records], OFFICIAL_WEIGHTS)


def parse_rate(records: Sequence[Mapping[str, Any]]) -> float:
    return sum(r["letter"] is not None for r in records) / max(1, len(records))
