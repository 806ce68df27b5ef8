"""Answers on disk: one JSON object a line, written as they come, found again by content and never by position."""

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

from reinforcesight.errors import InputError, OutputError
from reinforcesight.eval.items import Item, Question, Variant, content_hash
from reinforcesight.judge import judge


@dataclass(frozen=True)
class Reply:
    """What an engine returned for one question.

    Attributes:
        truncated: The token limit was reached before the end; None where the engine does not know.
        tokens: Generated tokens, None where unknown.
    """

    text: str
    truncated: bool | None = None
    tokens: int | None = None


class Answer(BaseModel):
    """One scored answer, as a line of ``results.jsonl``. Holds no clock time, so that equal runs give equal files.

    Attributes:
        key: Hash of model, protocol, decoding, prompt, picture, choices and variant.
        item: Hash of the item alone, the same for every model; pairs the answers of two runs.
        cluster: Key of the source picture.
        choices, gold: In the order shown in this variant.
        letter: Letter read from the response, None where there is none.
        status, rule: How the reading went, and the parser's rule that fired.
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


def question_key(question: Question, run_identity: str, *, by_id: bool = False) -> str:
    """Key under which the answer to a question is kept: all that decides it, never its position.

    Args:
        question: What was asked.
        run_identity: Hash of model, engine, protocol and decoding.
        by_id: The answer belongs to the item's id, as in a log; two equal items may then differ.
    """
    picture = None if question.picture is None else question.item.picture_sha
    name = question.item.id if by_id else None
    variant = question.variant.value
    return content_hash([run_identity, question.text, picture, list(question.choices), variant, name])


def score(question: Question, key: str, reply: Reply, metrics: Mapping[str, float] | None = None) -> Answer:
    """Judge a reply."""
    item: Item = question.item
    verdict = judge(reply.text, question.choices, question.gold, question=item.question)
    return Answer(
        key=key,
        item=item.item_key,
        id=item.id,
        variant=question.variant,
        task=item.task,
        type=item.type,
        source=item.source,
        source_dataset=item.source_dataset,
        relation=item.relation,
        form=item.form,
        cluster=item.cluster,
        picture=item.picture_sha,
        choices=question.choices,
        gold=question.gold,
        prompt=question.text,
        response=reply.text,
        truncated=reply.truncated,
        tokens=reply.tokens,
        letter=verdict.letter,
        status=str(verdict.status),
        rule=str(verdict.rule),
        correct=verdict.correct,
        metrics=dict(metrics or {}),
    )


# A killed process loses nothing that was flushed; a machine that loses power loses at most this long.
_SECONDS_BETWEEN_SYNCS = 2.0


class AnswerLog:
    """Appends answers to a file, each flushed at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _drop_torn_line(path)
            self._stream = path.open("a", encoding="utf-8")
            self._next_sync = time.monotonic() + _SECONDS_BETWEEN_SYNCS
        except OSError as error:
            raise _cannot_write(path, error) from error

    def append(self, answer: Answer) -> None:
        """Write one line.

        Raises:
            OutputError: The disk is full or the file can't be written; what was written before stays valid.
        """
        try:
            self._stream.write(_line(answer))
            self._stream.flush()
            if time.monotonic() >= self._next_sync:
                os.fsync(self._stream.fileno())
                self._next_sync = time.monotonic() + _SECONDS_BETWEEN_SYNCS
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk was already reported by append
            self._stream.close()


def read_logged(paths: Iterable[Path]) -> dict[str, Answer]:
    """All complete answers in some files, by key; torn or foreign lines are left out and so asked again."""
    found: dict[str, Answer] = {}
    for path in paths:
        if path.is_file():
            for answer in _answers(path):
                found.setdefault(answer.key, answer)
    return found


def read_answers(path: Path) -> list[Answer]:
    """All answers of a finished run.

    Raises:
        InputError: The file is absent or holds no answer.
    """
    if not path.is_file():
        raise InputError(
            "the answers of that run are not there", where=str(path), fix="keep results.jsonl beside it"
        )
    answers = list(_answers(path))
    if not answers:
        raise InputError("the file holds no answers", where=str(path), fix="evaluate that model again")
    return answers


def write_answers(path: Path, answers: Sequence[Answer]) -> None:
    """Replace a file by these answers, atomically."""
    write_atomically(path, "".join(_line(answer) for answer in answers))


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file so that a reader or a kill sees the old or the new one, never half of one.

    Raises:
        OutputError: It can't be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error


def _answers(path: Path) -> Iterator[Answer]:
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                with contextlib.suppress(ValidationError):
                    yield Answer.model_validate_json(line)


def _line(answer: Answer) -> str:
    values: dict[str, Any] = answer.model_dump(mode="json")
    return json.dumps(values, ensure_ascii=False) + "\n"


def _drop_torn_line(path: Path) -> None:
    """Cut off what a kill left after the last line end."""
    if not path.is_file():
        return
    with path.open("r+b") as stream:
        content = stream.read()
        stream.truncate(content.rfind(b"\n") + 1)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the answers can't be written: {error.strerror}",
        where=str(path),
        fix="make room or choose another --output; the same command continues where it stopped",
    )
