"""Read answers of models to a data set's questions from the ``results.jsonl`` that ``evaluate`` writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.reader import RowIndex
from reinforcesight.errors import InputError
from reinforcesight.jobs.files import json_line
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pages.question_cards import CardAnswer


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """Answers of one model by row index."""

    name: str
    answers: dict[int, CardAnswer]


def read_model_answers(path: Path, index: RowIndex) -> ModelAnswers:
    """Match the answers in a file to rows of this data set by id, or by picture, options and question.

    Raises:
        InputError: The file can't be read, or answers no question of the data set.
    """
    columns = index.columns
    by_id = {row_id: number for number, row_id in enumerate(columns["id"])}
    by_content: dict[tuple[Any, ...], list[int]] = {}
    for number, key in enumerate(zip(columns["source_id"], columns["choices"], columns["answer"], strict=True)):
        by_content.setdefault((key[0], tuple(key[1] or ()), str(key[2]).strip("()")), []).append(number)
    answers: dict[int, CardAnswer] = {}
    for line in _lines(path):
        if line.get("variant", "plain") != "plain":
            continue
        found = by_id.get(line.get("id", ""))
        if found is None:
            content = (line.get("cluster"), tuple(line.get("choices") or ()), line.get("gold"))
            asked = str(line.get("prompt"))
            fits = [number for number in by_content.get(content, ()) if str(columns["question"][number]) in asked]
            found = fits[0] if len(fits) == 1 else None
        if found is not None:
            blocks = split_completion(str(line.get("response")))
            text = blocks.answer or blocks.reasoning or "(no answer)"
            reasoning = blocks.reasoning if blocks.answer else ""
            answers[found] = CardAnswer(path.stem, line.get("correct") is True, text, reasoning)
    if not answers:
        raise InputError(
            "no answer to a question of this data set", where=str(path), fix="give the results.jsonl of this data set"
        )
    return ModelAnswers(path.stem, answers)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as stream:
            for number, text in enumerate(stream, start=1):
                line = json_line(text)
                if line is None:
                    fix = "give the results.jsonl that evaluate wrote"
                    raise InputError("expected a JSON object in each line", where=f"{path}, line {number}", fix=fix)
                yield line
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror or error}", where=str(path)) from error
