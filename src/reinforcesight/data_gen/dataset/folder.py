"""Output folder of ``generate``: empty, with an unfinished job, or with a finished data set.

A job's identity contains every setting that decides its result, and the fingerprint of its input. Work files and the
manifest store the identity, so that only a command with the same settings resumes a folder.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reinforcesight.errors import InputError, OutputError
from reinforcesight.jobs.files import (
    cannot_write,
    file_hash,
    json_hash,
    locked,
    read_json_object,
    read_sealed_json,
    remove_parts,
    unsealed,
    write_sealed_json,
)
from reinforcesight.jobs.record import differences

WORK_FOLDER = ".work"
DATA_FOLDER = "data"
MANIFEST = "manifest.json"
REJECTIONS = "rejections.json"
CARD = "README.md"
GALLERY = "gallery.html"
REMOVED = "removed.jsonl"
_FILES = (MANIFEST, REJECTIONS, CARD, GALLERY, REMOVED)
PUBLIC_FILES = (f"{DATA_FOLDER}/*.parquet", *_FILES)  # files that are uploaded to a hub


@dataclass(frozen=True, slots=True)
class Job:
    """Output folder and the settings that its data set is made with."""

    folder: Path
    identity: Mapping[str, Any]  # setting to JSON value; a run resumes only if the stored identity is equal

    @property
    def digest(self) -> str:
        return json_hash(self.identity)[:32]

    @property
    def work(self) -> Path:
        return self.folder / WORK_FOLDER

    @property
    def data(self) -> Path:
        return self.folder / DATA_FOLDER

    def check_folder(self, *, overwrite: bool) -> None:
        """Raise :class:`OutputError` if the folder has another job's data or files that are not ours."""
        found = self._found()
        if found is None:
            self._refuse_strangers()
        elif found != self._stored_identity() and not overwrite:
            raise OutputError(
                f"the folder holds a data set of another job: {differences(found, self._stored_identity())}",
                where=str(self.folder),
                fix="choose another --output, or give --overwrite to replace it",
            )

    def open(self, *, overwrite: bool) -> bool:
        """Prepare the folder for this job; return ``True`` if the data set is already finished.

        Raises:
            OutputError: The folder contains another job's data or files that are not ours, or can't be written to.
        """
        self.check_folder(overwrite=overwrite)
        if overwrite and self._found() is not None:
            self._clear()
            self._refuse_strangers()
        damaged = self.damaged_files()
        if damaged == []:
            return True
        if damaged:
            self._announce_repair(damaged)
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            for folder in (self.work, self.data):
                remove_parts(folder)
        except OSError as error:
            raise cannot_write(self.work, error) from error
        if read_sealed_json(self.work / "job.json") is None:
            write_sealed_json(self.work / "job.json", self.identity)
        return False

    def finished(self) -> bool:
        """Return whether there is a manifest of this job, and every Parquet file has the digest that it states."""
        return self.damaged_files() == []

    def damaged_files(self) -> list[str] | None:
        """Return the names of Parquet files that are not as the manifest states; ``None``: the job is not finished."""
        manifest = read_manifest(self.folder)
        if manifest.get("job") != self._stored_identity():
            return None
        try:
            return [f["name"] for f in manifest["files"] if not is_file_of(self.data / f["name"], f)]
        except (KeyError, TypeError):
            return None

    def _announce_repair(self, damaged: list[str]) -> None:
        names = ", ".join(damaged[:3]) + (", ..." if len(damaged) > 3 else "")
        if (self.folder / REMOVED).exists():
            raise OutputError(
                f"{names}: damaged or missing, or a removal of rows was interrupted; making the data set again would "
                "bring back the removed rows",
                where=str(self.folder),
                fix="complete the removal with 'reinforcesight browse DIR --remove_excluded', fetch the files again, "
                "or give --overwrite to make the whole data set again",
            )
        click.echo(f"{self.folder}: {names}: damaged or missing; the data set is made again, with the same bytes")

    def _stored_identity(self) -> dict[str, Any]:
        return dict(json.loads(json.dumps(self.identity)))

    def _found(self) -> dict[str, Any] | None:
        """Return the identity of the job whose files are in the folder, or ``None``."""
        manifest = read_manifest(self.folder)
        if isinstance(manifest.get("job"), dict):
            return dict(manifest["job"])
        return read_sealed_json(self.work / "job.json")

    def _refuse_strangers(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError("the output is a file", where=str(self.folder), fix="choose a folder")
        if (self.folder / MANIFEST).is_file() and not read_manifest(self.folder):
            raise OutputError(
                f"{MANIFEST} is damaged",
                where=str(self.folder),
                fix=f"restore it, or remove {MANIFEST}, {REJECTIONS}, {CARD}, {GALLERY} and {DATA_FOLDER}/ to make the "
                "data set again",
            )
        strangers = [name for name in _FILES if (self.folder / name).exists()]
        if REJECTIONS in strangers and "pictures_read" in (read_json_object(self.folder / REJECTIONS) or {}):
            strangers.remove(REJECTIONS)  # of a job without any question
        if self.data.is_dir() and any(self.data.iterdir()):
            strangers.append(DATA_FOLDER)
        if strangers:
            raise OutputError(
                f"the folder holds {', '.join(strangers)} of unknown origin, which would be overwritten",
                where=str(self.folder),
                fix="choose an empty folder, or remove them",
            )

    def _clear(self) -> None:
        try:
            for name in _FILES:
                (self.folder / name).unlink(missing_ok=True)
            for path in self.data.glob("*.parquet"):
                path.unlink()
            self.remove_work()
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def abandon(self) -> None:
        """Remove a job without any question, so that the folder accepts corrected input; keep cached model results."""
        for path in (self.work / "job.json", *self.work.glob("chunk-*")):
            path.unlink(missing_ok=True)

    def remove_work(self) -> None:
        """Remove the work files; a file that a dying worker adds now does no harm."""
        shutil.rmtree(self.work, ignore_errors=True)

    @contextlib.contextmanager
    def finishing(self) -> Iterator[bool]:
        """Lock the folder to write the data set; yield ``False`` if another process writes or has written it."""
        with contextlib.ExitStack() as stack:
            lock = None
            # No file: the other process has just finished and removed the work files.
            with contextlib.suppress(FileNotFoundError):
                lock = stack.enter_context(locked(self.work / "lock"))
            yield lock is not None and not self.finished()


def read_manifest(dataset: Path) -> dict[str, Any]:
    """Return the contents of ``manifest.json``; empty if the file is absent or damaged."""
    found = read_json_object(dataset / MANIFEST) or {}
    # Manifests of earlier versions have no digest.
    return (unsealed(found) or {}) if "digest" in found else found


def digest_problems(dataset: Path, files: Iterable[Path], *, all_files: bool = False) -> Iterator[str]:
    """Yield a problem for each Parquet file that differs from ``manifest.json``; none if there is no manifest.

    ``all_files``: also report files of the manifest that are missing.
    """
    manifest = read_manifest(dataset)
    if not manifest and (dataset / MANIFEST).is_file():
        yield f"{MANIFEST} is damaged"
    listed = manifest.get("files")
    stated = {
        str(entry["name"]): entry["sha256"]
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and {"name", "sha256"} <= set(entry)
    }
    present = {path.name: path for path in files}
    for name in sorted(set(stated) - set(present)) if all_files else ():
        yield f"{name} is in the manifest and not in data/"
    for name, path in present.items() if stated else ():
        with contextlib.suppress(OSError):  # reported when it is read
            if name not in stated:
                yield f"{name} is not in the manifest"
            elif file_hash(path) != stated[name]:
                yield f"{name} is not the file that was written"


def refuse_damaged(dataset: Path, files: Iterable[Path]) -> None:
    """Raise :class:`InputError` for the first problem that :func:`digest_problems` finds."""
    for problem in digest_problems(dataset, files):
        raise InputError(
            problem,
            where=str(dataset),
            fix=f"run its generate command again, or fetch it again; if you changed the files, remove {MANIFEST}",
        )


def is_file_of(path: Path, stated: Mapping[str, Any]) -> bool:
    """Return whether a file has the size and the SHA-256 that a manifest states."""
    try:
        return bool(path.stat().st_size == stated["bytes"] and file_hash(path) == stated["sha256"])
    except OSError:
        return False
