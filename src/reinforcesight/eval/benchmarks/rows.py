"""Rows of a benchmark's files: Parquet, Arrow, JSON, JSON lines, CSV and TSV, a few in memory at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.reader import column_names, parquet_rows
from reinforcesight.errors import InputError

BenchmarkRow = dict[str, Any]
ColumnCheck = Callable[[Path, Sequence[str]], None]  # raises InputError if the file lacks a column

ROW_FORMATS = (".parquet", ".arrow", ".jsonl", ".json", ".tsv", ".csv")
_LONGEST_FIELD = 1 << 28  # characters; VLMEvalKit's tables hold whole pictures in a field
_BATCH_ROWS = 64


class RowProblem(Exception):  # noqa: N818  (not an error: it carries a reason to the caller)
    """A row can't be scored: the problem in a few words, and the detail."""

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(problem)
        self.problem, self.detail = problem, detail


def read_rows(
    file: Path, check: ColumnCheck, wanted: Sequence[str] | None = None
) -> Iterator[BenchmarkRow | RowProblem]:
    """Yield the rows of a file in order, and a problem for each line that is no row.

    Args:
        file: A file with one of ``ROW_FORMATS``.
        check: Called with the file's columns before the first row.
        wanted: Columns to read from Parquet and Arrow files, which may hold others with large contents; None for all.

    Raises:
        InputError: The file is damaged, or ``check`` raises it.
    """
    read = {".parquet": _parquet, ".arrow": _arrow, ".jsonl": _json_lines, ".json": _json}.get(file.suffix, _table)
    yield from read(file, check, wanted)


def _parquet(file: Path, check: ColumnCheck, wanted: Sequence[str] | None) -> Iterator[BenchmarkRow | RowProblem]:
    names = column_names(file)
    check(file, names)
    yield from parquet_rows(file, [name for name in names if wanted is None or name in wanted])


def _arrow(file: Path, check: ColumnCheck, wanted: Sequence[str] | None) -> Iterator[BenchmarkRow | RowProblem]:
    """Read a file of ``datasets.save_to_disk``, which is an Arrow stream."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
            check(file, stream.schema.names)
            names = [name for name in stream.schema.names if wanted is None or name in wanted]
            for batch in stream:
                for start in range(0, batch.num_rows, _BATCH_ROWS):
                    yield from batch.slice(start, _BATCH_ROWS).select(names).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"the Arrow file can't be read: {str(error)[:200]}", where=str(file), fix="save the data set again"
        ) from error


def _json_lines(file: Path, check: ColumnCheck, _: Sequence[str] | None) -> Iterator[BenchmarkRow | RowProblem]:
    def lines() -> Iterator[tuple[str, object]]:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    where = f"line {number}"
                    try:
                        yield where, json.loads(line)
                    except (ValueError, RecursionError) as error:
                        yield where, RowProblem("not valid JSON", f"{where}: {str(error)[:100]}")

    yield from _objects(file, lines(), check)


def _json(file: Path, check: ColumnCheck, _: Sequence[str] | None) -> Iterator[BenchmarkRow | RowProblem]:
    """Read a list of objects, or objects one after the other; one object at a time is in memory besides the text."""

    def values() -> Iterator[tuple[str, object]]:
        text, decoder, number = file.read_text(encoding="utf-8-sig", errors="replace"), json.JSONDecoder(), 0
        at = _skip(text, 0)
        is_list = text[at : at + 1] == "["
        at = _skip(text, at + is_list)
        while at < len(text) and text[at] != "]":
            where, number = f"entry {number}", number + 1
            try:
                value, at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                yield where, RowProblem("not valid JSON", f"{where}, the rest is not read: {str(error)[:100]}")
                return
            # A list is a row with the columns 0, 1, ...
            yield where, {str(at): part for at, part in enumerate(value)} if isinstance(value, list) else value
            at = _skip(text, at)
        if is_list and at >= len(text):
            yield "end", RowProblem("not valid JSON", "the list is cut off")

    yield from _objects(file, values(), check)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _objects(
    file: Path, values: Iterator[tuple[str, object]], check: ColumnCheck
) -> Iterator[BenchmarkRow | RowProblem]:
    known = False
    for where, value in values:
        if isinstance(value, RowProblem):
            yield value
        elif not isinstance(value, dict):
            yield RowProblem("not a JSON object", f"{where}: {type(value).__name__}")
        else:
            if not known:
                check(file, list(value))
            known = True
            yield value


def _table(file: Path, check: ColumnCheck, _: Sequence[str] | None) -> Iterator[BenchmarkRow | RowProblem]:
    csv.field_size_limit(_LONGEST_FIELD)
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t" if file.suffix == ".tsv" else ",")
        try:
            check(file, reader.fieldnames or [])
            yield from reader
        except csv.Error as error:
            yield RowProblem("not a line of the table", f"line {reader.line_num}: {error}")
