"""The one reader of Parquet files with questions: file by file and group by group, in constant memory."""

from __future__ import annotations

import re
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


@dataclass(frozen=True, slots=True)
class SplitFile:
    """One Parquet file of a data set; ``number`` of ``total`` files of its split."""

    path: Path
    split: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A row's place in its file: row group, and row within the group."""

    group: int
    row: int


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row with its place.

    Attributes:
        row: The question.
        split: Its split.
        where: File name and row number within the file, for messages.
    """

    row: Row
    split: str
    where: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be read as a question, with the reason."""

    where: str
    problem: str


def find_files(dataset: Path) -> list[SplitFile]:
    """The Parquet files of a data set, in its folder ``data`` or the folder itself, train first.

    Raises:
        InputError: The folder is absent or holds no such file.
    """
    if not dataset.is_dir():
        raise InputError("no such data set folder", where=str(dataset), fix="give the folder made by generate")
    files = []
    folder = dataset / "data" if (dataset / "data").is_dir() else dataset
    for path in sorted(folder.glob("*.parquet")):
        name = _FILE_NAME.fullmatch(path.name)
        if name is not None:
            files.append(SplitFile(path, name[1], int(name[2]), int(name[3])))
    if not files:
        raise InputError(
            "no Parquet file such as train-00000-of-00001.parquet in data/",
            where=str(dataset),
            fix="give the folder made by generate",
        )
    return sorted(files, key=lambda file: (SPLITS.index(file.split), file.number))


def files_by_split(dataset: Path) -> dict[str, list[Path]]:
    """Paths of the Parquet files of each split that has any, train first.

    Raises:
        InputError: As :func:`find_files`.
    """
    found: dict[str, list[Path]] = {}
    for file in find_files(dataset):
        found.setdefault(file.split, []).append(file.path)
    return found


def open_file(path: Path) -> pq.ParquetFile:
    """Open a Parquet file, reading no more than its footer.

    Raises:
        InputError: It is truncated, or not Parquet at all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise broken(path, error) from error


def count_rows(file: SplitFile) -> int:
    """Number of rows, from the footer alone.

    Raises:
        InputError: The file is damaged.
    """
    with open_file(file.path) as parquet:
        return int(parquet.metadata.num_rows)


def column_names(path: Path) -> list[str]:
    """Names of a file's columns.

    Raises:
        InputError: The file is damaged.
    """
    with open_file(path) as parquet:
        return list(parquet.schema_arrow.names)


def parquet_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of any Parquet file in order, with some of its columns or all, a few in memory at a time.

    Raises:
        InputError: The file is damaged.
    """
    import pyarrow as pa

    with open_file(path) as parquet:
        try:
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=columns and list(columns)):
                yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise broken(path, error) from error


def broken(path: Path, error: Exception) -> InputError:
    what = " ".join(str(error).split()).rstrip(".")
    return InputError(
        f"the Parquet file can't be read: {what[:200]}",
        where=str(path),
        fix="make or fetch this file again",
    )


def read_columns(file: SplitFile, columns: Sequence[str]) -> Iterator[tuple[RowPlace, tuple[Any, ...]]]:
    """Some columns of every row; other columns, such as pictures, are not read.

    Raises:
        InputError: The file is damaged or lacks a column.
    """
    import pyarrow as pa

    with open_file(file.path) as parquet:
        missing = [name for name in columns if name not in parquet.schema_arrow.names]
        if missing:
            raise InputError(f"the column {missing[0]!r} is missing", where=file.path.name, fix="see docs/data.md")
        for group in range(parquet.num_row_groups):
            try:
                table = parquet.read_row_group(group, columns=list(columns))
                values = [table[name].to_pylist() for name in columns]
            except (OSError, pa.ArrowException) as error:
                raise broken(file.path, error) from error
            for row, row_values in enumerate(zip(*values, strict=True)):
                yield RowPlace(group, row), row_values


def iterate_rows(
    files: Iterable[SplitFile], *, on_broken: Callable[[SplitFile, InputError], None]
) -> Iterator[StoredRow | BadRow]:
    """Every row of every file in order; a damaged file is reported and the next one is read."""
    for file in files:
        try:
            for number, values in enumerate(parquet_rows(file.path, COLUMNS)):
                yield to_row(values, file, number)
        except InputError as error:
            on_broken(file, error)


def read_rows(file: SplitFile, places: Sequence[RowPlace]) -> list[StoredRow | BadRow]:
    """Some rows of a file with their pictures, in the order of the places; only their row groups are read.

    Raises:
        InputError: The file is damaged.
    """
    import pyarrow as pa

    found: dict[RowPlace, StoredRow | BadRow] = {}
    with open_file(file.path) as parquet:
        for group in sorted({place.group for place in places}):
            first = sum(parquet.metadata.row_group(g).num_rows for g in range(group))
            try:
                table = parquet.read_row_group(group, columns=list(COLUMNS))
                for place in places:
                    if place.group == group and place not in found:
                        values = table.slice(place.row, 1).to_pylist()[0]
                        found[place] = to_row(values, file, first + place.row)
            except (OSError, pa.ArrowException) as error:
                raise broken(file.path, error) from error
    return [found[place] for place in places]


def to_row(values: dict[str, Any], file: SplitFile, number: int) -> StoredRow | BadRow:
    """A row of Parquet values as a question; ``BadRow`` where a value is absent or of another shape."""
    where = f"{file.path.name}, row {number}"
    empty = [name for name in COLUMNS if values.get(name) is None]
    if empty:
        return BadRow(where, f"the column {empty[0]!r} is empty")
    image = values["image"]
    if not image.get("bytes"):
        return BadRow(where, "the picture's bytes are not in the file")
    texts: dict[str, str] = {}
    for column, role in (("prompt", "user"), ("completion", "assistant")):
        messages = values[column]
        if len(messages) != 1 or messages[0]["role"] != role or not isinstance(messages[0]["content"], str):
            return BadRow(where, f"{column}: expected one message of the role {role!r}")
        texts[column] = messages[0]["content"]
    if any(choice is None for choice in values["choices"]):
        return BadRow(where, "an option is empty")
    plain = {name: values[name] for name in COLUMNS if name not in ("image", "prompt", "completion", "choices")}
    row = Row(
        image=image["bytes"],
        image_name=image.get("path") or "",
        choices=tuple(values["choices"]),
        prompt=texts["prompt"],
        completion=texts["completion"],
        **plain,
    )
    return StoredRow(row, file.split, where)
