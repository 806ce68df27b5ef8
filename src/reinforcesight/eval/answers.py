"""Scored answers on disk: JSON lines, appended as answers arrive and looked up by a hash of their content."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from reinforcesight.errors import InputError
from reinforcesight.eval.items import Request, Variant
from reinforcesight.jobs.files import cannot_write, json_hash, json_line, sealed, write_text
from reinforcesight.judge import judge


@dataclass(frozen=True)
class Response:
    """An engine's response to one request."""

    text: str
    truncated: bool | None = None  # whether generation stopped at the token limit
    tokens: int | None = None  # number of generated tokens


class ScoredAnswer(BaseModel):
    """One line of ``results.jsonl``. It has no clock time, so equal runs write equal files.

    Attributes:
        key: Hash of what affects the answer; see :func:`answer_key`.
        item: Hash of the item, the same for every model, by which the answers of two runs are paired.
        choices, gold: Choices and correct letter in the order of this variant.
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


# Fields that an answer copies from its item.
_FROM_ITEM = ("id", "task", "type", "source", "source_dataset", "relation", "form", "cluster")


def answer_key(request: Request, run_identity: str, *, by_id: bool = False) -> str:
    """Hash everything that affects the answer to a request, but not its position.

    ``run_identity`` is a hash of model, engine, protocol and decoding. ``by_id`` adds the item's id, since the answers
    to equal items in a log may differ.
    """
    # The variant decides how the picture is altered.
    picture = None if request.variant is Variant.BLIND else request.item.picture_sha
    name = request.item.id if by_id else None
    variant = request.variant.value
    return json_hash([run_identity, request.text, picture, list(request.choices), variant, name])


def score(request: Request, key: str, response: Response, metrics: Mapping[str, float] | None = None) -> ScoredAnswer:
    item = request.item
    verdict = judge(response.text, request.choices, request.gold, question=request.question)
    return ScoredAnswer(
        **{name: getattr(item, name) for name in _FROM_ITEM},
        key=key,
        item=item.item_key,
        variant=request.variant,
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


# Every line is flushed, so a killed process loses nothing; a power failure loses at most these seconds.
_SECONDS_BETWEEN_SYNCS = 2.0


class AnswerLog:
    """Appends answers to a file and flushes each one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _drop_incomplete_line(path)
            self._stream = path.open("a", encoding="utf-8", errors="backslashreplace")
            self._next_sync = time.monotonic() + _SECONDS_BETWEEN_SYNCS
        except OSError as error:
            raise cannot_write(path, error) from error

    def append(self, answer: ScoredAnswer) -> None:
        """Write one line; raises :class:`OutputError` if the file can't be written. Earlier lines stay valid."""
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

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # append has already reported a full disk
            self._stream.close()


def read_logged(paths: Iterable[Path]) -> dict[str, ScoredAnswer]:
    """Return the answers in these files, by key. Incomplete, damaged or foreign lines are skipped and asked again."""
    found: dict[str, ScoredAnswer] = {}
    for answer in chain.from_iterable(map(_answers, paths)):
        found.setdefault(answer.key, answer)
    return found


def read_scored_answers(path: Path) -> list[ScoredAnswer]:
    """Return all answers of a finished run; raises :class:`InputError` if the file is missing or has no answer."""
    answers = list(_answers(path))
    if not answers:
        problem = "the file holds no answers" if path.is_file() else "the answers of this run are missing"
        raise InputError(
            problem,
            where=str(path),
            fix="keep results.jsonl next to results.json, or evaluate the model again",
        )
    return answers


def holds_answers(path: Path) -> bool:
    return next(_answers(path), None) is not None


def write_scored_answers(path: Path, answers: Sequence[ScoredAnswer]) -> None:
    """Atomically replace the content of a file by these answers."""
    write_text(path, "".join(_line(answer) for answer in answers))


def _answers(path: Path) -> Iterator[ScoredAnswer]:
    if not path.is_file():
        return
    with path.open("rb") as lines:
        for line in lines:
            values = json_line(line) if line.endswith(b"\n") else None
            if values is not None:
                with contextlib.suppress(ValidationError):
                    yield ScoredAnswer.model_validate(values)


def _line(answer: ScoredAnswer) -> str:
    return json.dumps(sealed(answer.model_dump(mode="json")), ensure_ascii=False) + "\n"


def _drop_incomplete_line(path: Path) -> None:
    if not path.is_file():
        return
    with path.open("r+b") as stream:
        content = stream.read()
        stream.truncate(content.rfind(b"\n") + 1)
