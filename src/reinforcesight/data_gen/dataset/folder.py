"""What a folder holds: nothing yet, a job begun, a finished data set, or something that is not ours.

A job's identity is every setting that decides its result, and the fingerprint of its input. Work files and the
manifest carry it, so that a folder is only ever continued by the command that began it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import OutputError
from reinforcesight.jobs.files import cannot_write, json_hash, locked, remove_parts, write_json
from reinforcesight.jobs.record import differences

WORK_FOLDER = ".work"
DATA_FOLDER = "data"
MANIFEST = "manifest.json"
REJECTIONS = "rejections.json"
CARD = "README.md"
GALLERY = "gallery.html"
_FILES = (MANIFEST, REJECTIONS, CARD, GALLERY)


@dataclass(frozen=True, slots=True)
class Job:
    """An output folder with the identity of the job that it belongs to.

    Attributes:
        folder: The data set's folder.
        identity: Setting to value, JSON-able.
    """

    folder: Path
    identity: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Short digest of the identity."""
        return json_hash(self.identity)[:32]

    @property
    def work(self) -> Path:
        """Folder of work files."""
        return self.folder / WORK_FOLDER

    @property
    def data(self) -> Path:
        """Folder of the Parquet files."""
        return self.folder / DATA_FOLDER

    def open(self, *, overwrite: bool) -> bool:
        """Prepare the folder for this job; ``True`` where the data set is finished already.

        Raises:
            OutputError: The folder holds another job's data or files that are not ours, or can't be written to.
        """
        found = self._found()
        if overwrite and found is not None:
            self._clear()
            found = None
        if found is None:
            self._refuse_strangers()
        elif found != self._stored_identity():
            raise OutputError(
                f"the folder holds a data set of another job: {differences(found, self._stored_identity())}",
                where=str(self.folder),
                fix="choose another --output, or give --overwrite to replace it",
            )
        if self.finished():
            return True
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            for folder in (self.work, self.data):
                remove_parts(folder)
        except OSError as error:
            raise cannot_write(self.work, error) from error
        if not (self.work / "job.json").is_file():
            write_json(self.work / "job.json", self.identity)
        return False

    def finished(self) -> bool:
        """Whether the manifest is there and every Parquet file that it lists has its size."""
        manifest = _read_json(self.folder / MANIFEST)
        if manifest is None or manifest.get("job") != self._stored_identity():
            return False
        with contextlib.suppress(OSError, KeyError, TypeError):
            return all((self.data / f["name"]).stat().st_size == f["bytes"] for f in manifest["files"])
        return False

    def _stored_identity(self) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads(json.dumps(self.identity))
        return stored

    def _found(self) -> dict[str, Any] | None:
        """Identity of the job whose files lie in the folder; ``None`` where there are none."""
        manifest = _read_json(self.folder / MANIFEST)
        if manifest is not None and isinstance(manifest.get("job"), dict):
            return dict(manifest["job"])
        return _read_json(self.work / "job.json")

    def _refuse_strangers(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError("the output is a file", where=str(self.folder), fix="choose a folder")
        strangers = [name for name in _FILES if (self.folder / name).exists()]
        if self.data.is_dir() and any(self.data.iterdir()):
            strangers.append(DATA_FOLDER)
        if strangers:
            raise OutputError(
                f"the folder holds {', '.join(strangers)} of unknown origin, which would be overwritten",
                where=str(self.folder),
                fix="choose an empty folder, or remove them",
            )

    def _clear(self) -> None:
        """Remove what a job has written, and nothing else."""
        try:
            for name in _FILES:
                (self.folder / name).unlink(missing_ok=True)
            self.remove_data()
            self.remove_work()
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def remove_data(self) -> None:
        """Remove the Parquet files."""
        for path in self.data.glob("*.parquet"):
            path.unlink()

    def remove_work(self) -> None:
        """Remove the work files; one that a dying worker of an earlier run adds meanwhile does no harm."""
        shutil.rmtree(self.work, ignore_errors=True)

    @contextlib.contextmanager
    def finishing(self) -> Iterator[bool]:
        """Hold the right to write the data set; ``False`` where another process on this folder has it."""
        try:
            with locked(self.work / "lock") as lock:
                yield lock is not None and not self.finished()
        except FileNotFoundError:
            yield False  # the other process has just finished and removed the work files


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None
