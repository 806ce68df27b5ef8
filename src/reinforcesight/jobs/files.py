"""Files and folders that are complete or absent after a kill, a crash or a full disk; locks; SHA-256 hashes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import psutil

from reinforcesight.errors import OutputError

_PART_SUFFIX = ".part"


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a new binary file, which gets its name once it is completely on disk; raises :class:`OutputError`."""
    part = _part(path)
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


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a folder, which gets its name (free, or of an empty folder) if the block ends without an error."""
    part = _part(path)
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _part(path: Path) -> Path:
    # Host and process are in the name, because two processes may write the same file, with the same content.
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}{_PART_SUFFIX}")


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, if the system can sync folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error for a failed write, with a fix."""
    return OutputError(
        f"can't write: {error.strerror or error}",
        where=str(path),
        fix="make room or choose another folder, then run the same command again; finished work is kept",
    )


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically; raises :class:`OutputError`."""
    with atomic_file(path) as stream:
        stream.write(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically; raises :class:`OutputError`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def remove_parts(folder: Path) -> None:
    """Remove unfinished files of killed processes on this machine; other machines may still be writing."""
    for part in folder.glob(f".*.{socket.gethostname()}.*{_PART_SUFFIX}"):
        process = part.name.removesuffix(_PART_SUFFIX).rpartition(".")[2]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, wait: float = 0.0, on_wait: Callable[[], object] = lambda: None) -> Iterator[int | None]:
    """Hold an exclusive lock on a file and yield its descriptor; ``None`` if another process holds it.

    The file is created if needed. Without support for locks, the file system counts as unlocked. A child process that
    inherits the descriptor shares the lock. ``wait``: seconds to wait; ``on_wait``: called once before waiting.
    """
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    until = time.monotonic() + wait
    waiting = False
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield None
                    return
            except OSError:
                break
            else:
                break
            if not waiting:
                on_wait()
                waiting = True
            time.sleep(0.5)
        yield handle
    finally:
        os.close(handle)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_hash(files: Iterable[Path]) -> str:
    """Return the SHA-256 of names, sizes and contents of files, in the given order."""
    return json_hash([[file.name, file.stat().st_size, file_hash(file)] for file in files])


def json_hash(value: object) -> str:
    """Return the SHA-256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
