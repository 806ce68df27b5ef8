"""Pictures of a benchmark: located once, and read again when a model needs them, to save memory."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from reinforcesight.eval.benchmarks.rows import RowProblem

_IN_MEMORY = 256 << 20  # bytes of embedded pictures in memory; beyond that, all of them are in a temporary file
_BASE64_STARTS = ("iVBORw0KGgo", "/9j/", "UklGR")  # of PNG, JPEG and WebP
# VLMEvalKit's tables replace a repeated picture by the index of the row that has it: a text of at most 64 characters.
_LONGEST_INDEX = 64

ReadPicture = Callable[[], bytes]


class BenchmarkPictures:
    """Finds the picture of each row: bytes, base64 text, the file that a row names, or the picture of another row."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (open as long as its items)
        self._lock = threading.Lock()
        self._end = 0
        self._known: dict[str, ReadPicture] = {}  # by SHA-256
        self._of_row: dict[str, tuple[str, ReadPicture]] = {}  # by index, in VLMEvalKit's tables

    def find(self, value: object, names: Sequence[object], base: Path, index: str = "") -> tuple[str, ReadPicture]:
        """Return the SHA-256 of a row's picture and a function that reads it.

        Args:
            value: Contents of the picture column: bytes, base64, a struct with bytes and path, a list of one, a name.
            names: File names to try if ``value`` is none, relative to ``base`` or the benchmark's folder.
            base: Folder of the file with the row.
            index: The row's index, to which later rows may refer.

        Raises:
            RowProblem: The row has no picture, several, or one that can't be read.
        """
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            if len(value) > 1:
                raise RowProblem("several pictures", f"{len(value)} pictures; only questions about one are asked")
            value = value[0] if value else None
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, bytes) and value:
            found = self._keep(value)
        elif isinstance(value, str) and value.startswith(_BASE64_STARTS):
            found = self._keep(base64.b64decode(value, validate=True))
        elif isinstance(value, str) and len(value) <= _LONGEST_INDEX and value in self._of_row:
            found = self._of_row[value]
        else:
            found = self._file([value] if isinstance(value, str) and value else names, base)
        if index:
            self._of_row[index] = found
        return found

    def _keep(self, data: bytes) -> tuple[str, ReadPicture]:
        sha = hashlib.sha256(data).hexdigest()
        if sha not in self._known:
            with self._lock:
                self._spool.seek(self._end)
                self._spool.write(data)
                self._known[sha] = partial(self._read, self._end, len(data))
                self._end += len(data)
        return sha, self._known[sha]

    def _read(self, start: int, length: int) -> bytes:
        with self._lock:
            self._spool.seek(start)
            return self._spool.read(length)

    def _file(self, names: Sequence[object], base: Path) -> tuple[str, ReadPicture]:
        given = [name for name in names if isinstance(name, str) and name]
        if not given:
            raise RowProblem("no picture", "the row has neither picture bytes nor a file name")
        tried = [self._inside(folder, name) for name in given for folder in dict.fromkeys((base, self._root))]
        path = next((path for path in tried if path.exists()), tried[0])
        if path.exists() and not path.is_file():  # reading a pipe would never end
            raise RowProblem("picture file missing", f"{given[0]}: not a file")
        try:
            sha = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise RowProblem("picture file missing", f"{given[0]}: {error.strerror}") from error
        return sha, self._known.setdefault(sha, partial(_read_file, path))

    def _inside(self, folder: Path, name: str) -> Path:
        """Return the path of a name that stays in the benchmark's folder; links in that folder are followed."""
        path = Path(os.path.normpath(folder.absolute() / name))
        if not path.is_relative_to(self._root):
            raise RowProblem("picture outside the data folder", f"file name {name!r}")
        return path


def _read_file(path: Path) -> bytes:
    """Read a picture file; return nothing if it no longer exists, which engines report as an unreadable picture."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
