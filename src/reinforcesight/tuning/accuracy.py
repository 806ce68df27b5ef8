"""Accuracy of generated answers on a fixed set of questions, judged as in the final evaluation."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object

from reinforcesight.jobs.files import write_text
from reinforcesight.judge import judge_row
from reinforcesight.model.chat import generate_text
from reinforcesight.tuning.data import decode_picture
from reinforcesight.tuning.settings.config import EvaluationOptions


@dataclass(frozen=True)
class JudgedAnswer:
    """A generated answer to a question, and its verdict."""

    id: str
    task: str
    answer: str
    text: str
    letter: str | None
    status: str
    correct: bool
    finished: bool


def judge_generated(
    model: Any,
    processor: Any,
    rows: Any,
    options: EvaluationOptions,
    *,
    on_batch: Callable[[int], object] | None = None,
) -> list[JudgedAnswer]:
    """Generate and judge an answer to each row, split over all processes.

    Every process gets all answers, in the order of the rows.
    """
    processes = PartialState()
    count, world = len(rows), processes.num_processes
    # Every process needs the same number of rows, since gathering sharded weights involves all processes.
    own = [(i * world + processes.process_index) % count for i in range(-(-count // world))]
    answers = []
    for start in range(0, len(own), options.batch_size):
        batch = [rows[i] for i in own[start : start + options.batch_size]]
        generations = generate_text(
            model,
            processor,
            [row["prompt"][-1]["content"] for row in batch],
            [decode_picture(row) for row in batch],
            options.max_new_tokens,
            batch_size=options.batch_size,
            synced_gpus=world > 1,
        )
        for row, generation in zip(batch, generations, strict=True):
            verdict = judge_row(generation.text, row)
            answers.append(
                JudgedAnswer(
                    id=row["id"],
                    task=row["task"],
                    answer=row["answer"],
                    text=generation.text,
                    letter=verdict.letter,
                    status=str(verdict.status),
                    correct=bool(verdict.correct),
                    finished=generation.finished,
                )
            )
        if on_batch is not None:
            on_batch(len(answers))
    if world == 1:
        return answers
    gathered = gather_object(list(zip(own, answers, strict=True)))
    by_index = dict(gathered)
    return [by_index[i] for i in range(count)]


def accuracy_metrics(answers: Sequence[JudgedAnswer], prefix: str = "eval") -> dict[str, float]:
    """Return accuracy, in total and per task, and the fraction of readable answers; unreadable ones are wrong."""
    by_task: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        by_task[answer.task].append(answer.correct)
    metrics = {
        f"{prefix}_accuracy": sum(a.correct for a in answers) / len(answers),
        f"{prefix}_parse_rate": sum(a.letter is not None for a in answers) / len(answers),
    }
    for task, correct in sorted(by_task.items()):
        metrics[f"{prefix}_accuracy_{task}"] = sum(correct) / len(correct)
    return metrics


def answers_file(output: Path, step: int) -> Path:
    """Return the path of the validation answers of a step, one JSON object per line."""
    return output / "answers" / f"step-{step}.jsonl"


def write_step_answers(output: Path, step: int, answers: Iterable[Mapping[str, Any]]) -> None:
    lines = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers)
    write_text(answers_file(output, step), lines)


def read_step_answers(output: Path, step: int) -> list[dict[str, Any]]:
    path = answers_file(output, step)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
