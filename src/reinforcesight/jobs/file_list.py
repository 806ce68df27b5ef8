"""The list of files, sizes and digests that makes a checkpoint or a published model complete; it is written last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from reinforcesight.jobs.files import file_hash, json_value, sync_file, sync_folder, write_text

MARKER = "checkpoint_files.json"


def write_file_list(folder: Path, files: Iterable[Path]) -> None:
    """Write the list of these files once they and their names are on the disk; raises :class:`OutputError`."""
    listed = {}
    for file in files:
        sync_file(file)
        listed[str(file.relative_to(folder))] = (file.stat().st_size, file_hash(file))
    for inner in {folder.parent, *((folder / name).parent for name in listed)}:
        sync_folder(inner)
    write_text(folder / MARKER, json.dumps(listed, indent=1, sort_keys=True) + "\n")


def read_file_list(folder: Path) -> dict[str, tuple[int, str]]:
    """Return the size (bytes) and SHA-256 of each file that a folder's list names; empty without a readable list."""
    try:
        entries = json_value((folder / MARKER).read_text(encoding="utf-8"))
        return {name: (int(size), str(digest)) for name, (size, digest) in entries.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def changed_file(folder: Path) -> str | None:
    """Return the first listed file that is missing or changed, if any; without a list ``None``. Reads all files."""
    files = read_file_list(folder)
    return MARKER if not files and (folder / MARKER).is_file() else first_changed(folder, files)


def first_changed(folder: Path, files: Mapping[str, tuple[int, str]]) -> str | None:
    """Return the first file that is missing or has another size or SHA-256, if any; reads all files."""
    for name, (size, digest) in files.items():
        try:
            if (folder / name).stat().st_size != size or digest != file_hash(folder / name):
                return name
        except OSError:
            return name
    return None
