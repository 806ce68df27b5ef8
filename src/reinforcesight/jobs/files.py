"""Files and folders that are complete or absent after a kill, a crash or a full disk; locks; SHA-256 digests."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import click
import psutil

from reinforcesight.errors import InputError, OutputError

_PART_SUFFIX = ".part"
_DIGEST = "digest"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What libraries with writers of their own say: safetensors and tokenizers (Rust), torch.save.
_FULL_TEXTS = (
    "No space left on device",
    "File too large",
    "Disk quota exceeded",
    "PytorchStreamWriter failed writing",
    "basic_ios::clear: iostream error",
)


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
        sync_folder(path.parent)
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
        for file in part.rglob("*"):
            if file.is_file():
                sync_file(file)
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _part(path: Path) -> Path:
    # Host and process are in the name, because two processes may write the same file, with the same content.
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}{_PART_SUFFIX}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure, if the system can sync folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"can't write: {error.strerror or error}",
        where=str(path),
        fix="make room or choose another folder, then run the same command again; finished work is kept",
    )


def sync_file(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def full_disk(error: BaseException, place: Path) -> OutputError | None:
    """Return the error for a write of a library that failed for lack of room; ``None``: another cause.

    ``place``: file or folder to name if the exception names none.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in _FULL:
            return cannot_write(Path(found.filename) if isinstance(found.filename, str) else place, found)
        if any(text in str(found) for text in _FULL_TEXTS):
            return cannot_write(place, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        found = found.__cause__ or found.__context__
    return None


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically; raises :class:`OutputError`. Lone surrogates are escaped, as in JSON."""
    with atomic_file(path) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append lines to a text file and wait until they are on the disk; raises :class:`OutputError`."""
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically; raises :class:`OutputError`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_sealed_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object with a digest of its content; raises :class:`OutputError`."""
    write_json(path, sealed(value))


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    return {**value, _DIGEST: json_hash(value)}


def unsealed(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a sealed object's content; ``None`` if it does not have its digest."""
    content = {name: inner for name, inner in value.items() if name != _DIGEST}
    return content if value.get(_DIGEST) == json_hash(content) else None


def read_sealed_json(path: Path) -> dict[str, Any] | None:
    """Return what :func:`write_sealed_json` wrote; ``None`` if the file is absent or damaged."""
    value = read_json_object(path)
    return None if value is None else unsealed(value)


def json_value(text: str | bytes) -> Any:
    """Parse JSON; raises ``ValueError`` also if it is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_line(text: str | bytes) -> dict[str, Any] | None:
    """Return the JSON object in a line; ``None`` if it is anything else, or has a digest that it does not fit."""
    try:
        loaded = json_value(text)
    except ValueError:
        return None
    if not isinstance(loaded, dict):
        return None
    return unsealed(loaded) if _DIGEST in loaded else loaded


def read_json_object(path: Path) -> dict[str, Any] | None:
    """Return a JSON object; ``None`` if the file is absent or holds anything else."""
    try:
        loaded = json_value(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None


def required_json_object(path: Path, *, fix: str | None = None) -> dict[str, Any]:
    """Return a JSON object; raises :class:`InputError` if the file can't be read or holds anything else."""
    try:
        content = json_value(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the file can't be read as JSON: {error}", where=str(path), fix=fix) from error
    if not isinstance(content, dict):
        raise InputError(f"expected a JSON object, got {type(content).__name__}", where=str(path), fix=fix)
    return content


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

    handle = _opened(path)
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
                if os.fstat(handle).st_nlink:
                    break
                os.close(handle)  # its holder has ended and removed it meanwhile
                handle = _opened(path)
                continue
            if not waiting:
                on_wait()
                waiting = True
            time.sleep(0.5)
        yield handle
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


@contextlib.contextmanager
def only_writer(output: Path, lock: str = ".lock", *, wait: float = 0.0, waiting: str = "") -> Iterator[int]:
    """Create an output folder if needed, and hold its lock; yields the lock's descriptor.

    Args:
        lock: Name of the lock file in it, which is removed at the end.
        wait: Seconds to wait for another process.
        waiting: What to print before waiting.

    Raises:
        OutputError: Another process writes here, or the folder can't be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            output.mkdir(parents=True, exist_ok=True)
            said = locked(output / lock, wait=wait, on_wait=lambda: click.echo(waiting, err=True))
            handle = stack.enter_context(said)
        except OSError as error:
            raise cannot_write(output, error) from error
        if handle is None:
            raise OutputError(
                "another process is writing here",
                where=str(output),
                fix="wait for it, stop it, or give another output",
            )
        try:
            yield handle
        finally:
            with contextlib.suppress(OSError):
                (output / lock).unlink()


@contextlib.contextmanager
def only_writer_of(output: Path) -> Iterator[None]:
    """Hold a lock next to an output file or folder that is written atomically."""
    with only_writer(output.absolute().parent, f".{output.name}.lock"):
        yield


def file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_hash(files: Iterable[Path]) -> str:
    """Return the SHA-256 of names, sizes and contents of files, in the given order."""
    return json_hash([[file.name, file.stat().st_size, file_hash(file)] for file in files])


def json_hash(value: object) -> str:
    """Return the SHA-256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
