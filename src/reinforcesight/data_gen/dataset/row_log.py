"""Append-only JSON lines in the data set's folder for records about rows, written to disk immediately."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.reader import RowIndex
from reinforcesight.errors import InputError
from reinforcesight.jobs.environment import now
from reinforcesight.jobs.files import cannot_write, json_hash, json_line

# Columns that identify a question: a record does not apply to another question with the same id.
IDENTITY_COLUMNS = ("id", "question", "choices", "answer", "source_id")


def row_digest(values: Mapping[str, Any]) -> str:
    """Return a digest of a row's question, from its columns."""
    return json_hash([values[name] for name in IDENTITY_COLUMNS])[:16]


class RowLog:
    """Records of a file. Several processes may append to it; a line that a crash truncated damages no other line.

    Attributes:
        broken: Number of lines that can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken = 0
        self._records: list[dict[str, Any]] = []
        self._read_to = 0
        self._lock = threading.Lock()

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record with the current time; the record is on disk when this method returns.

        Raises:
            OutputError: The disk is full, or the folder can't be written to.
        """
        import fcntl

        line = (json.dumps({"time": now(), **record}, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        try:
            with self.path.open("a+b", buffering=0) as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                end = stream.seek(0, os.SEEK_END)
                if end:
                    stream.seek(end - 1)
                    if stream.read(1) != b"\n":
                        line = b"\n" + line
                if stream.write(line) != len(line):
                    os.truncate(self.path, end)
                    raise OSError("the disk is full")
                os.fsync(stream.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def records(self) -> Sequence[dict[str, Any]]:
        """Return all records in order, including records that other processes added meanwhile."""
        with self._lock:
            for line in self._new_lines():
                record = json_line(line)
                if record is not None and all(isinstance(record.get(name), str) for name in ("id", "row")):
                    self._records.append(record)
                elif line.strip():
                    self.broken += 1
            return list(self._records)

    def _new_lines(self) -> list[bytes]:
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._read_to)
                new = stream.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"can't be read: {error.strerror or error}", where=str(self.path)) from error
        whole = new[: new.rfind(b"\n") + 1]  # a line without an end is being written, or was truncated
        self._read_to += len(whole)
        return whole.split(b"\n")


class KnownRows:
    """Finds the rows of an index that log records refer to."""

    def __init__(self, index: RowIndex) -> None:
        self._columns = {name: index.columns[name] for name in IDENTITY_COLUMNS}
        self._numbers: dict[str, int] = {}
        for number, row_id in enumerate(index.columns["id"]):
            self._numbers.setdefault(row_id, number)

    def name(self, number: int) -> dict[str, str]:
        """Return the id of a row, and a digest of its question, for a record."""
        values = {name: column[number] for name, column in self._columns.items()}
        return {"id": values["id"], "row": row_digest(values)}

    def find(self, record: Mapping[str, Any]) -> int | None:
        """Return the index of a record's row; ``None`` if the row is gone or another question has its id."""
        number = self._numbers.get(record["id"])
        return number if number is not None and record["row"] == self.name(number)["row"] else None
