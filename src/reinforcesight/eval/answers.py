"""Scored answers on disk: JSON lines, written as they come and found again by a hash of their content."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from reinforcesight.errors import InputError
from reinforcesight.eval.items import Request, Variant
from reinforcesight.jobs.files import cannot_write, json_hash, write_text
from reinforcesight.judge import judge


@dataclass(frozen=True)
class Response:
    """What an engine returned for one request.

    Attributes:
        truncated: Whether generation stopped at the token limit; None if the engine does not know.
        tokens: Number of generated tokens, None if unknown.
    """

    text: str
    truncated: bool | None = None
    tokens: int | None = None


class ScoredAnswer(BaseModel):
    """One line of ``results.jsonl``. It holds no clock time, so equal runs write equal files.

    Attributes:
        key: Hash of model, protocol, decoding, prompt, picture, choices and variant.
        item: Hash of the item, the same for every model; pairs the answers of two runs.
        cluster: Key of the source picture.
        choices, gold: In the order shown in this variant.
        letter: Letter read from the response, None if none could be read.
        status, rule: Outcome of parsing, and the parser's rule that decided it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    item: str
    id: str
    variant: Variant
    task: str
    type: str
    source: str
    source_dataset: str
    relation: str | None
    form: str
    cluster: str
    picture: str
    choices: tuple[str, ...]
    gold: str
    prompt: str
    response: str
    truncated: bool | None
    tokens: int | None
    letter: str | None
    status: str
    rule: str
    correct: bool
    metrics: dict[str, float] = {}


def answer_key(request: Request, run_identity: str, *, by_id: bool = False) -> str:
    """Hash of everything that decides the answer to a request, but not of its position.

    Args:
        request: What was asked.
        run_identity: Hash of model, engine, protocol and decoding.
        by_id: Include the item's id: a log of answers may hold different answers to two equal items.
    """
    picture = None if request.picture is None else request.item.picture_sha
    name = request.item.id if by_id else None
    variant = request.variant.value
    return json_hash([run_identity, request.text, picture, list(request.choices), variant, name])


def score(request: Request, key: str, response: Response, metrics: Mapping[str, float] | None = None) -> ScoredAnswer:
    """Judge a response."""
    item = request.item
    verdict = judge(response.text, request.choices, request.gold, question=item.question)
    return ScoredAnswer(
        key=key,
        item=item.item_key,
        id=item.id,
        variant=request.variant,
        task=item.task,
        type=item.type,
        source=item.source,
        source_dataset=item.source_dataset,
        relation=item.relation,
        form=item.form,
        cluster=item.cluster,
        picture=item.picture_sha,
        choices=request.choices,
        gold=request.gold,
        prompt=request.text,
        response=response.text,
        truncated=response.truncated,
        tokens=response.tokens,
        letter=verdict.letter,
        status=str(verdict.status),
        rule=str(verdict.rule),
        correct=verdict.correct,
        metrics=dict(metrics or {}),
    )


# Every line is flushed, so a killed process loses nothing; a power failure loses at most this many seconds.
_SECONDS_BETWEEN_SYNCS = 2.0


class AnswerLog:
    """Appends answers to a file and flushes each one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _drop_incomplete_line(path)
            self._stream = path.open("a", encoding="utf-8")
            self._next_sync = time.monotonic() + _SECONDS_BETWEEN_SYNCS
        except OSError as error:
            raise cannot_write(path, error) from error

    def append(self, answer: ScoredAnswer) -> None:
        """Write one line.

        Raises:
            OutputError: The file can't be written. Earlier lines stay valid.
        """
        try:
            self._stream.write(_line(answer))
            self._stream.flush()
            if time.monotonic() >= self._next_sync:
                os.fsync(self._stream.fileno())
                self._next_sync = time.monotonic() + _SECONDS_BETWEEN_SYNCS
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # append has already reported a full disk
            self._stream.close()


def read_logged(paths: Iterable[Path]) -> dict[str, ScoredAnswer]:
    """All complete answers in these files, by key. Incomplete or foreign lines are skipped, so they are asked again."""
    found: dict[str, ScoredAnswer] = {}
    for path in paths:
        if path.is_file():
            for answer in _answers(path):
                found.setdefault(answer.key, answer)
    return found


def read_scored_answers(path: Path) -> list[ScoredAnswer]:
    """All answers of a finished run.

    Raises:
        InputError: The file is missing or holds no answer.
    """
    answers = list(_answers(path)) if path.is_file() else []
    if not answers:
        problem = "the file holds no answers" if path.is_file() else "the answers of this run are missing"
        raise InputError(
            problem,
            where=str(path),
            fix="keep results.jsonl next to results.json, or evaluate the model again",
        )
    return answers


def write_scored_answers(path: Path, answers: Sequence[ScoredAnswer]) -> None:
    """Replace a file by these answers, atomically."""
    write_text(path, "".join(_line(answer) for answer in answers))


def _answers(path: Path) -> Iterator[ScoredAnswer]:
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                with contextlib.suppress(ValidationError):
                    yield ScoredAnswer.model_validate_json(line)


def _line(answer: ScoredAnswer) -> str:
    values: dict[str, Any] = answer.model_dump(mode="json")
    return json.dumps(values, ensure_ascii=False) + "\n"


def _drop_incomplete_line(path: Path) -> None:
    """Truncate the file after its last line end."""
    if not path.is_file():
        return
    with path.open("r+b") as stream:
        content = stream.read()
        stream.truncate(content.rfind(b"\n") + 1)
