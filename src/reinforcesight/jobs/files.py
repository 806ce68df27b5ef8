"""Writing files so that a kill, a crash or a full disk leaves either the whole file or none."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil

from reinforcesight.errors import OutputError

PART_SUFFIX = ".part"


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A new binary file, which appears under its name only once it is complete and on the disk.

    Raises:
        OutputError: The disk is full, a limit is reached, or the folder can't be written to.
    """
    # The name tells processes and machines apart: two of them may write the same file, with the same content.
    part = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}{PART_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system lets a folder be synchronised."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error of a failed write, with what to do about it."""
    return OutputError(
        f"can't write: {error.strerror or error}",
        where=str(path),
        fix="make room or choose another folder, then run the same command again; finished work is kept",
    )


def write_text(path: Path, text: str) -> None:
    """Write a text file, all or nothing.

    Raises:
        OutputError: The file can't be written.
    """
    with atomic_file(path) as stream:
        stream.write(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, all or nothing.

    Raises:
        OutputError: The file can't be written.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def remove_parts(folder: Path) -> None:
    """Remove what writes of killed processes of this machine left in a folder; other machines may be writing still."""
    for part in folder.glob(f".*.{socket.gethostname()}.*{PART_SUFFIX}"):
        process = part.name.removesuffix(PART_SUFFIX).rpartition(".")[2]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            part.unlink(missing_ok=True)
