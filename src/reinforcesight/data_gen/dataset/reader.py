"""Read Parquet files with questions, file by file and row group by row group, in constant memory."""

from __future__ import annotations

import contextlib
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinforcesight.data_gen.dataset.rows import COLUMNS, SPLITS, Row
from reinforcesight.errors import InputError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_FILE_NAME = re.compile(rf"({'|'.join(SPLITS)})-(\d{{5}})-of-(\d{{5}})\.parquet")
_BATCH_ROWS = 64
_DAMAGED = "fetch this file again, or run the generate command that made it again: it makes damaged files anew"


@dataclass(frozen=True, slots=True)
class SplitFile:
    """Parquet file of a data set: file ``number`` of the ``total`` files of its split."""

    path: Path
    split: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class StoredRow:
    """Row, its split, and its location (file name and row index) for messages."""

    row: Row
    split: str
    where: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """Row that can't be read as a question, with the reason."""

    where: str
    problem: str


def find_files(dataset: Path) -> list[SplitFile]:
    """Return the Parquet files of a data set, in its folder ``data`` or the folder itself, train first.

    Raises:
        InputError: The folder is absent or contains no such file.
    """
    fix = "give the folder made by generate"
    if not dataset.is_dir():
        raise InputError("no such data set folder", where=str(dataset), fix=fix)
    files = []
    for path in sorted((dataset / "data" if (dataset / "data").is_dir() else dataset).glob("*.parquet")):
        name = _FILE_NAME.fullmatch(path.name)
        if name is not None:
            files.append(SplitFile(path, name[1], int(name[2]), int(name[3])))
    if not files:
        what = "no Parquet file such as train-00000-of-00001.parquet in data/"
        raise InputError(what, where=str(dataset), fix=fix)
    return sorted(files, key=lambda file: (SPLITS.index(file.split), file.number))


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; only its footer is read immediately.

    Raises:
        InputError: The file is not Parquet, or a part that the ``with`` block reads is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Opened here, since pyarrow takes no path that is not UTF-8.
        with path.open("rb") as stream, pq.ParquetFile(stream) as file:
            yield file
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        what = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"the Parquet file can't be read: {what[:200]}", where=str(path), fix=_DAMAGED) from error


def column_names(path: Path) -> list[str]:
    """Return the names of a file's columns; raises :class:`InputError`."""
    with open_file(path) as parquet:
        return list(parquet.schema_arrow.names)


def parquet_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of any Parquet file in order, with all or some columns, a few in memory at a time.

    Raises:
        InputError: The file is damaged.
    """
    with open_file(path) as parquet:
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=columns and list(columns)):
            yield from batch.to_pylist()


def iterate_rows(
    files: Iterable[SplitFile], *, on_broken: Callable[[SplitFile, InputError], None]
) -> Iterator[StoredRow | BadRow]:
    """Yield every row of every file in order; report a damaged file and continue with the next one."""
    for file in files:
        try:
            for number, values in enumerate(parquet_rows(file.path, COLUMNS)):
                yield _to_row(values, file, number)
        except InputError as error:
            on_broken(file, error)


class RowIndex:
    """Selected columns of all rows of a data set in memory; complete rows with their pictures are read on demand.

    Attributes:
        files: Parquet files of the data set.
        columns: Name to the values of all rows, in order; also ``split``.
        problems: Files that are damaged or lack a column; their rows from there on are left out.
    """

    def __init__(self, dataset: Path, columns: Sequence[str]) -> None:
        self.files = find_files(dataset)
        self.columns: dict[str, list[Any]] = {name: [] for name in (*columns, "split")}
        self.problems: list[str] = []
        self._places = array("l")  # file, row group and row in the group, for each row
        for number, file in enumerate(self.files):
            try:
                for group, values in _groups(file, columns):
                    for row, row_values in enumerate(zip(*values, strict=True)):
                        self._places.extend((number, group, row))
                        for name, value in zip(self.columns, (*row_values, file.split), strict=True):
                            self.columns[name].append(sys.intern(value) if isinstance(value, str) else value)
            except InputError as error:
                self.problems.append(str(error))

    def __len__(self) -> int:
        return len(self._places) // 3

    def file_of(self, number: int) -> SplitFile:
        return self.files[self._places[3 * number]]

    def column(self, name: str) -> list[Any]:
        """Return another column of all rows, with ``None`` for values that can't be read."""
        values: list[Any] = []
        for number, file in enumerate(self.files):
            rows = self._places[::3].count(number)
            found: list[Any] = []
            with contextlib.suppress(InputError):
                for _, columns in _groups(file, [name]):
                    found += columns[0]
            values += (found + [None] * rows)[:rows]
        return values

    def read(self, indices: Sequence[int], problems: list[str]) -> dict[int, StoredRow]:
        """Read rows by their indices; only their row groups are read. What can't be read is added to ``problems``."""
        wanted: dict[int, dict[int, list[int]]] = {}
        for index in sorted(set(indices)):
            number, group = self._places[3 * index : 3 * index + 2]
            wanted.setdefault(number, {}).setdefault(group, []).append(index)
        found: dict[int, StoredRow] = {}
        for number, groups in wanted.items():
            file = self.files[number]
            try:
                with open_file(file.path) as parquet:
                    for group, members in groups.items():
                        first = sum(parquet.metadata.row_group(g).num_rows for g in range(group))
                        table = parquet.read_row_group(group, columns=list(COLUMNS))
                        for index in members:
                            row = self._places[3 * index + 2]
                            stored = _to_row(table.slice(row, 1).to_pylist()[0], file, first + row)
                            if isinstance(stored, StoredRow):
                                found[index] = stored
                            else:
                                problems.append(f"{stored.where}: {stored.problem}")
            except InputError as error:
                if str(error) not in problems:
                    problems.append(str(error))
        return {index: found[index] for index in indices if index in found}


def _groups(file: SplitFile, columns: Sequence[str]) -> Iterator[tuple[int, list[list[Any]]]]:
    """Yield the index of each row group, and the values of each column in it; other columns are not read."""
    with open_file(file.path) as parquet:
        missing = [name for name in columns if name not in parquet.schema_arrow.names]
        if missing:
            raise InputError(f"the column {missing[0]!r} is missing", where=file.path.name, fix="see docs/data.md")
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=list(columns))
            yield group, [table[name].to_pylist() for name in columns]


def _to_row(values: dict[str, Any], file: SplitFile, number: int) -> StoredRow | BadRow:
    where = f"{file.path.name}, row {number}"
    empty = [name for name in COLUMNS if values.get(name) is None]
    if empty:
        return BadRow(where, f"the column {empty[0]!r} is empty")
    image, choices = values["image"], values["choices"]
    if not isinstance(image, dict) or not image.get("bytes"):
        return BadRow(where, "the picture's bytes are not in the file")
    plain: dict[str, Any] = {}
    for column, role in (("prompt", "user"), ("completion", "assistant")):
        match values[column]:
            case [{"role": found, "content": str(content)}] if found == role:
                plain[column] = content
            case _:
                return BadRow(where, f"{column}: expected one message of the role {role!r}")
    if not isinstance(choices, list) or None in choices:
        return BadRow(where, "an option is empty")
    plain |= {name: values[name] for name in COLUMNS if name not in ("image", "prompt", "completion", "choices")}
    wrong = [name for name, value in plain.items() if not isinstance(value, float if name == "margin" else str)]
    if wrong:
        return BadRow(where, f"the column {wrong[0]!r} is of another type")
    row = Row(image=image["bytes"], image_name=image.get("path") or "", choices=tuple(choices), **plain)
    return StoredRow(row, file.split, where)
