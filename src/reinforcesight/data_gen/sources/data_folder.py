"""Find files that the data name inside the data folder, and hash them for the source's fingerprint."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from reinforcesight.data_gen.sources.json_values import printable, short
from reinforcesight.errors import InputError

_EDGE_BYTES = 64 * 1024


def resolve_inside(root: Path, name: object) -> Path:
    """Return the absolute path of a file that the data name, with symbolic links resolved.

    Raises:
        InputError: The name is not a relative path, or the path leaves the folder (also through a link).
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise InputError(f"expected a relative path, got {short(name)}", fix="give a path below the data folder")
    given = Path(name)
    folder = root.resolve()
    try:
        path = (folder / given).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{short(name, 120)} is not a usable path: {error}", fix="correct the path") from error
    if given.is_absolute() or ".." in given.parts or not path.is_relative_to(folder):
        raise InputError(
            f"{short(name, 120)} leaves the data folder",
            where=str(root),
            fix="put the file below the data folder",
        )
    return path


def is_file(path: Path) -> bool:
    """Return ``path.is_file()``; False for names that the file system can't represent, or that may not be read."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


class MissingFileError(Exception):
    """No file below the folder matches a name; the message says where the search looked."""


class FileFinder:
    r"""Finds the files that annotations name, for any folder layout of the exporting tool.

    A name is looked up unchanged, then in ``images``, and then by its last path components in the whole folder, with
    ``\`` read as ``/``, percent signs decoded, and accents in either Unicode form. The last search needs a single
    match. Files outside ``root`` are not found.
    """

    def __init__(self, root: Path, names: Iterable[object]) -> None:
        self.root = root
        given = {name for name in names if isinstance(name, str)}
        # For both "a/1.jpg" and "b/1.jpg", the last component alone would find the same file.
        last = Counter(parts[-1] for name in given for parts in [next(_readings(name), ())] if parts)
        self._shared = frozenset(part for part, count in last.items() if count > 1)
        self._files: dict[str, list[str]] | None = None

    def find(self, name: object) -> Path:
        """Return the file with this name.

        Raises:
            MissingFileError: There is no such file, or several match.
        """
        refused: InputError | None = None
        try:
            for given in (name, f"images/{name}"):
                path = resolve_inside(self.root, given)
                if is_file(path):
                    return path
        except InputError as error:
            refused = error
        found = self._by_last_parts(name) if isinstance(name, str) and "\0" not in name else []
        if len(found) == 1:
            return resolve_inside(self.root, found[0])
        if refused is not None and not found:
            raise refused
        what = f"{len(found)} files end like {short(name)} ({', '.join(found[:2])})" if found else f"no {short(name)}"
        raise MissingFileError(printable(f"{what} in {self.root}, its folder images, or anywhere below it"))

    def _by_last_parts(self, name: str) -> list[str]:
        """Return the paths below the root that share the most trailing components with a name."""
        if self._files is None:
            self._files = {}
            for parent, folders, files in os.walk(self.root):
                folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
                for file in files:
                    relative = (Path(parent) / file).relative_to(self.root).as_posix()
                    self._files.setdefault(_plain(file).casefold(), []).append(relative)
        for same in (_plain, lambda text: _plain(text).casefold()):  # Windows tells no cases apart
            for parts in _readings(name):
                found = self._files.get(parts[-1].casefold(), ())
                shared = {path: _common_end(parts, path, same) for path in found}
                most = max(shared.values(), default=0)
                if most and (parts[-1] not in self._shared or most == len(parts)):
                    return sorted(path for path, count in shared.items() if count == most)
        return []


def _readings(name: str) -> Iterator[tuple[str, ...]]:
    """Yield possible path components of a name: as written, percent-decoded, or from a Label Studio URL."""
    decoded = unquote(name)
    for text in dict.fromkeys((name, decoded, decoded.rpartition("?d=")[2], decoded.partition("?")[0])):
        path = _plain(text).replace("\\", "/")
        parts = tuple(part for part in path.split("/") if part not in ("", ".", ".."))
        if parts:
            yield parts


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _common_end(parts: tuple[str, ...], path: str, same: Callable[[str], str]) -> int:
    """Return the number of equal trailing components of two paths."""
    pairs = list(zip(reversed(parts), reversed(path.split("/")), strict=False))
    return next((count for count, (one, two) in enumerate(pairs) if same(one) != same(two)), len(pairs))


def digest_files(root: Path, names: Iterable[object]) -> str:
    """Return SHA-256 over names, sizes, and the first and last 64 KiB of each file.

    Reading a hundred thousand whole pictures would take minutes. A change that keeps the size and both ends of a file
    is not noticed. Missing and refused files count as absent.
    """
    digest = hashlib.sha256()
    for name in names:
        digest.update(repr(name).encode("utf-8", "backslashreplace"))
        try:
            path = resolve_inside(root, name)
            if not is_file(path):
                raise FileNotFoundError(path)
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(0)
                digest.update(f"|{size}|".encode())
                digest.update(file.read(_EDGE_BYTES))
                file.seek(max(_EDGE_BYTES, size - _EDGE_BYTES))
                digest.update(file.read(_EDGE_BYTES))
        except (InputError, OSError):
            digest.update(b"|absent|")
    return digest.hexdigest()
