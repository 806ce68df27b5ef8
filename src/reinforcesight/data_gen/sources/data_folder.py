"""Files that the data refer to: paths that stay inside the data folder, and digests for the fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from reinforcesight.data_gen.sources.json_values import short
from reinforcesight.errors import InputError

_EDGE_BYTES = 64 * 1024


def resolve_inside(root: Path, name: object) -> Path:
    """The absolute path of a file in the data folder, symbolic links resolved.

    Args:
        root: The data folder.
        name: A relative path, as found in the data.

    Raises:
        InputError: The name is not a relative path, or it leaves the folder (also through a link).
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
    """``path.is_file()``, but False for names that the file system can't represent, or may not show."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def digest_files(root: Path, names: Iterable[object]) -> str:
    """SHA-256 over names, sizes and the first and last 64 KiB of each file.

    Reading a hundred thousand whole pictures would take minutes. A change that keeps the size and both ends of a file
    goes unnoticed. Missing and refused files are digested as absent.
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
