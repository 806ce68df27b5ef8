"""Read localized narratives: Google's JSON lines with a folder of pictures, or Parquet that contains the pictures.

Parquet may be local or on the Hugging Face hub; from the hub, only the row groups that are read are downloaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from reinforcesight.data_gen.source import PictureRejected, Skipped
from reinforcesight.data_gen.sources.data_folder import digest_files
from reinforcesight.data_gen.sources.json_values import parse_json, printable
from reinforcesight.data_gen.sources.photographs import (
    Photograph,
    list_photographs,
    photograph_of_cell,
    read_photograph,
)
from reinforcesight.errors import InputError, first_line, require_module
from reinforcesight.jobs.files import file_hash

HUB_PREFIX = "hub:"
# datasets 4 and later refuse the data set's loading script; the hub has a Parquet conversion in this revision.
HUB_REVISION = "refs/convert/parquet"
_DEFAULT_PARTS = ("OpenImages", "train")  # configuration and split
_TEXT_COLUMNS = ("image_id", "caption", "timed_caption", "traces")
_ID = re.compile(rb'"image_id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')
_COCO_DIGITS = 12  # COCO file names are the id, padded with zeros

NarrativeRecord = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NarratedPicture:
    """Picture and its narratives."""

    source_id: str  # id of the picture in the data
    photograph: Photograph
    records: tuple[NarrativeRecord, ...]  # as stored, one per annotator
    skipped: tuple[Skipped, ...] = ()  # narratives that can't be read


def open_narratives(given: str | Path) -> JsonLineNarratives | ParquetNarratives:
    """Open the narratives of ``--input``.

    Args:
        given: ``.jsonl`` file, or folder with such files and the pictures; ``.parquet`` file, or folder of such files;
            or ``hub:owner/name`` or ``hub:owner/name/config/split``.

    Raises:
        InputError: There are no narratives.
        MissingDependencyError: huggingface_hub is not installed (hub only).
    """
    text = str(given)
    if text.startswith(HUB_PREFIX):
        return _from_hub(text.removeprefix(HUB_PREFIX))
    path = Path(given)
    if path.is_dir():
        lines = sorted(p for p in path.rglob("*.jsonl") if p.is_file())
        tables = sorted(p for p in path.rglob("*.parquet") if p.is_file())
        if bool(lines) == bool(tables):
            what = "both .jsonl and .parquet files" if lines else "neither .jsonl nor .parquet files"
            raise InputError(f"the folder holds {what}", where=text, fix="give the file or a folder of one kind")
        return JsonLineNarratives(path, lines) if lines else _local_tables(path, tables)
    if path.is_file() and path.suffix == ".jsonl":
        return JsonLineNarratives(path.parent, [path])
    if path.is_file() and path.suffix == ".parquet":
        return _local_tables(path.parent, [path])
    raise InputError(
        "expected localized narratives",
        where=text,
        fix="give a .jsonl or .parquet file, a folder, or hub:owner/name",
    )


@dataclass(frozen=True, slots=True)
class _Line:
    file: int
    offset: int
    length: int


class JsonLineNarratives:
    """JSON lines, one per picture and annotator; the lines of a picture are read together.

    Only the position of each line is kept in memory. Pictures are found below the folder by their file name without
    suffix: the id, or the id padded with zeros to twelve digits.
    """

    def __init__(self, folder: Path, files: list[Path]) -> None:
        self.folder, self.files = folder, files
        self._pictures: dict[str, str] = {}
        for name in list_photographs(folder):
            self._pictures.setdefault(PurePosixPath(name).stem, name)
        self.problems: list[Skipped] = []
        by_id: dict[str, list[_Line]] = {}
        for number, path in enumerate(files):
            with path.open("rb") as stream:
                offset = 0
                for row, line in enumerate(stream, start=1):
                    if line.strip():
                        image_id = _image_id(line)
                        if image_id is None:
                            what = printable(f"{path.name} line {row}")
                            self.problems.append(Skipped("line_without_image_id", what))
                        else:
                            by_id.setdefault(image_id, []).append(_Line(number, offset, len(line)))
                    offset += len(line)
        if not by_id:
            raise InputError("no line has an image_id", where=str(files[0]), fix="give localized narratives")
        self.entries = list(by_id.items())

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(bytes.fromhex(file_hash(path)))
        names = [self._name_of(image_id) for image_id, _ in self.entries]
        digest.update(digest_files(self.folder, [name for name in names if name is not None]).encode())
        return digest.hexdigest()

    def _name_of(self, image_id: str) -> str | None:
        return self._pictures.get(image_id) or self._pictures.get(image_id.zfill(_COCO_DIGITS))

    def read(self, index: int) -> NarratedPicture:
        """Read a picture with the narratives of all annotators; raises ``PictureRejected`` if it can't be used."""
        image_id, lines = self.entries[index]
        name = self._name_of(image_id)
        if name is None:
            detail = f"no picture file {image_id[:80]}.jpg (.png, .webp) below {self.folder.name}"
            raise PictureRejected("missing_file", detail, source_id=image_id)
        records: list[NarrativeRecord] = []
        skipped: list[Skipped] = []
        for line in lines:
            with self.files[line.file].open("rb") as stream:
                stream.seek(line.offset)
                raw = stream.read(line.length)
            where = f"{self.files[line.file].name}, byte {line.offset}"
            try:
                record = parse_json(raw)
            except ValueError as error:
                skipped.append(Skipped("bad_narrative", f"{where}: {error}"))
                continue
            if isinstance(record, dict):
                records.append(record)
            else:
                skipped.append(Skipped("bad_narrative", f"{where}: expected a JSON object"))
        photograph = read_photograph(self.folder, name, image_id)
        return NarratedPicture(image_id, photograph, tuple(records), tuple(skipped))


def _image_id(line: bytes) -> str | None:
    """Return the id in a JSON line, without decoding its long lists of points."""
    found = _ID.search(line)
    with contextlib.suppress(ValueError):
        value = parse_json(found[1]) if found is not None else None
        if isinstance(value, int | str) and value != "":
            return printable(str(value))
    return None


@dataclass(frozen=True, slots=True)
class _Rows:
    file: int
    group: int
    rows: tuple[int, ...]
    source_id: str


@dataclass
class ParquetNarratives:
    """Parquet with narratives and pictures; the rows of a picture in one row group are read together.

    Args:
        opener: Function from a name to its ``pyarrow.parquet.ParquetFile``.
        folder: Folder of pictures that are stored as paths, if any.
    """

    files: list[str]
    opener: Callable[[str], Any]
    digest: str
    folder: Path | None = None
    entries: list[_Rows] = field(default_factory=list)
    problems: list[Skipped] = field(default_factory=list)
    _open: dict[int, Any] = field(default_factory=dict)
    _group: tuple[int, int, Any] | None = None

    def __post_init__(self) -> None:
        import pyarrow as pa

        seen: dict[str, int] = {}
        for number, name in enumerate(self.files):
            table = self._file(number)
            missing = {"image", *_TEXT_COLUMNS} - set(table.schema_arrow.names)
            if missing:
                raise InputError(
                    f"columns are missing: {', '.join(sorted(missing))}",
                    where=name,
                    fix="give localized narratives",
                )
            for group in range(table.num_row_groups):
                try:
                    ids = table.read_row_group(group, columns=["image_id"])["image_id"].to_pylist()
                except (OSError, pa.ArrowException, ValueError) as error:
                    self.problems.append(Skipped("unreadable_row_group", f"{name}, row group {group}: {error}"))
                    continue
                by_id: dict[str, list[int]] = {}
                for row, image_id in enumerate(ids):
                    by_id.setdefault(str(image_id), []).append(row)
                for image_id, rows in by_id.items():
                    seen[image_id] = seen.get(image_id, 0) + 1
                    again = f"#{seen[image_id]}" if seen[image_id] > 1 else ""
                    self.entries.append(_Rows(number, group, tuple(rows), image_id + again))
        self._open = {}
        if self.problems and not self.entries:
            raise InputError("no row can be read", where=self.problems[0].detail, fix="fetch the files again")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}, "_group": None}

    def _file(self, number: int) -> Any:
        if number not in self._open:
            import pyarrow as pa

            try:
                self._open = {number: self.opener(self.files[number])}
            except (OSError, pa.ArrowException) as error:
                raise InputError(
                    f"can't be read as Parquet: {error}", where=self.files[number], fix="fetch it again"
                ) from error
        return self._open[number]

    def fingerprint(self) -> str:
        return self.digest

    def read(self, index: int) -> NarratedPicture:
        import pyarrow as pa

        entry = self.entries[index]
        if self._group is None or self._group[:2] != (entry.file, entry.group):
            self._group = None
            try:
                columns = ["image", *_TEXT_COLUMNS]
                table = self._file(entry.file).read_row_group(entry.group, columns=columns)
            except (OSError, pa.ArrowException) as error:
                detail = f"{self.files[entry.file]}, row group {entry.group}: {error}"
                raise PictureRejected("unreadable_row_group", detail, source_id=entry.source_id) from error
            self._group = entry.file, entry.group, table
        table = self._group[2]
        records = [table.slice(row, 1).to_pylist()[0] for row in entry.rows]
        photograph = photograph_of_cell(records[0].get("image"), folder=self.folder, source_id=entry.source_id)
        return NarratedPicture(entry.source_id, photograph, tuple(records))


def _local_tables(folder: Path, paths: list[Path]) -> ParquetNarratives:
    names = [path.relative_to(folder).as_posix() for path in paths]
    return ParquetNarratives(names, partial(open_local, folder), digest_files(folder, names), folder)


def open_local(folder: Path, name: str) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(folder / name)


def open_on_hub(root: str, name: str) -> Any:
    """Open a ``ParquetFile`` of a data set on the hub; only the parts that are read are downloaded."""
    import pyarrow.parquet as pq
    from huggingface_hub import HfFileSystem

    return pq.ParquetFile(HfFileSystem().open(f"{root}/{name}", "rb"))


def _from_hub(name: str) -> ParquetNarratives:
    require_module("huggingface_hub", extra="train")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    parts = name.strip("/").split("/")
    if len(parts) not in (2, 3, 4):
        raise InputError("expected hub:owner/name", where=name, fix="or hub:owner/name/config/split")
    repository = "/".join(parts[:2])
    config, split = [*parts[2:], *_DEFAULT_PARTS[len(parts) - 2 :]]
    try:
        info = HfApi().dataset_info(repository, revision=HUB_REVISION)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise InputError(
            f"the data set can't be read from the hub: {first_line(error)}",
            where=f"{repository}@{HUB_REVISION}",
            fix="check name and network, or download its Parquet files and give their folder",
        ) from error
    held = sorted(sibling.rfilename for sibling in info.siblings or [])
    # "OpenImages/train/0000.parquet"; of long splits, only a part is converted ("partial-train").
    wanted = [
        file
        for file in held
        if file.endswith(".parquet") and file.startswith((f"{config}/{split}/", f"{config}/partial-{split}/"))
    ]
    if not wanted:
        folders = sorted({file.rpartition("/")[0] for file in held if file.endswith(".parquet")})
        raise InputError(
            f"no Parquet files of {config}/{split}",
            where=f"{repository}@{HUB_REVISION}",
            fix=f"available: {', '.join(folders[:8]) or 'none'}",
        )
    digest = hashlib.sha256("\n".join([repository, str(info.sha), *wanted]).encode()).hexdigest()
    return ParquetNarratives(wanted, partial(open_on_hub, f"datasets/{repository}@{info.sha}"), digest)
