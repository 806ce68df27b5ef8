"""The functions that an exported lmms-eval task names, so that that harness asks and judges exactly as this one.

lmms-eval resolves ``!function package.module.name`` by import when no such file lies beside the task (read in its
``lmms_eval/utils.py``, version 0.7.2). Nothing of lmms-eval is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from reinforcesight.eval.statistics import stratified_accuracy
from reinforcesight.judge import judge_row
from reinforcesight.pictures.decode import to_rgb
from reinforcesight.protocol import Protocol, with_instruction

Doc = Mapping[str, Any]


def doc_to_visual(doc: Doc) -> list[Image.Image]:
    """The picture of a row."""
    return [to_rgb(doc["image"])]


def doc_to_text_direct(doc: Doc, specific: Mapping[str, Any] | None = None) -> str:
    """CV-Bench's prompt with its own closing line."""
    return with_instruction(doc["prompt"], Protocol.DIRECT)


def doc_to_text_reason(doc: Doc, specific: Mapping[str, Any] | None = None) -> str:
    """CV-Bench's prompt with the instruction to reason first."""
    return with_instruction(doc["prompt"], Protocol.REASON)


def process_results(doc: Doc, results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Judge one answer; every metric gets the same record."""
    verdict = judge_row(results[0], doc)
    record = {
        "id": doc["idx"],
        "task": doc["task"],
        "source": doc["source"],
        "correct": verdict.correct,
        "letter": verdict.letter,
        "status": str(verdict.status),
    }
    return dict.fromkeys(("accuracy", "macro", "cv_bench", "parse_rate"), record)


def accuracy(records: Sequence[Mapping[str, Any]]) -> float:
    """Share of right answers."""
    return stratified_accuracy([r["correct"] for r in records], ["all"] * len(records))


def macro(records: Sequence[Mapping[str, Any]]) -> float:
    """Mean over the tasks."""
    return stratified_accuracy([r["correct"] for r in records], [r["task"] for r in records])


def cv_bench(records: Sequence[Mapping[str, Any]]) -> float:
    """The official aggregate; NaN where a source is absent."""
    weights = {"ADE20K": 0.25, "COCO": 0.25, "Omni3D": 0.5}
    if {r["source"] for r in records} != weights.keys():
        return float("nan")
    return stratified_accuracy([r["correct"] for r in records], [r["source"] for r in records], weights)


def parse_rate(records: Sequence[Mapping[str, Any]]) -> float:
    """Share of the answers that could be read."""
    return sum(r["letter"] is not None for r in records) / max(1, len(records))
