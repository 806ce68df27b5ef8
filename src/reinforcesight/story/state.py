"""``run.json``: the state of each stage, its inputs, time and memory.

A stage is up to date if its products are unchanged and its key matches the current configuration. The key is a hash of
the settings that affect the result, the fingerprints of the stages that it reads, and the package version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from reinforcesight.errors import OutputError
from reinforcesight.jobs.environment import now
from reinforcesight.jobs.file_list import first_changed
from reinforcesight.jobs.files import file_hash, json_hash, write_json
from reinforcesight.jobs.record import RECORD_NAME, differences

_SCHEMA = 1
_RECORDS = {RECORD_NAME, "manifest.json"}

Status = Literal["running", "finished", "failed", "killed", "interrupted"]


class Product(BaseModel):
    """A file that a stage made."""

    model_config = ConfigDict(frozen=True)

    size: int  # bytes
    sha256: str


class StageRecord(BaseModel):
    """State of a stage."""

    status: Status
    key: str  # hash of the inputs
    inputs: dict[str, Any]  # everything that affects the result: settings, fingerprints, version
    products: dict[str, Product] = {}  # by path, relative to the run folder
    fingerprint: str | None = None  # hash of the products' names and contents
    started: str
    ended: str | None = None
    seconds: float = 0.0  # total wall-clock time of all sessions
    processor_seconds: float = 0.0  # the same, of its processes on all cores
    peak_memory_bytes: int = 0  # total resident memory of its processes, sampled
    sessions: int = 0  # number of starts with this key
    problem: str | None = None  # why it failed or was killed


class RunState(BaseModel):
    """Content of ``run.json``."""

    schema_version: int = _SCHEMA
    version: str
    stages: dict[str, StageRecord] = {}

    def save(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    def begin(self, stage: str, key: str, inputs: dict[str, Any]) -> StageRecord:
        """Return the record of a stage: a new one, or an unfinished one with the same key."""
        old = self.stages.get(stage)
        if old is not None and old.key == key and old.status != "finished":
            record = old.model_copy(update={"status": "running", "problem": None})
        else:
            record = StageRecord(status="running", key=key, inputs=inputs, started=now())
        record.sessions += 1
        self.stages[stage] = record
        return record


def read_state(path: Path, version: str) -> RunState:
    """Read the state of a run folder; empty if there is none yet."""
    try:
        return RunState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return RunState(version=version)
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise OutputError(
            f"the state of the run can't be read: {reason}",
            where=str(path),
            fix="choose another --output, or remove this file to check every stage again",
        ) from error


def take_products(root: Path, patterns: Sequence[str]) -> dict[str, Product]:
    """Return the matching files in a run folder, with hashes of their contents.

    Raises:
        OutputError: A pattern matches nothing, so the stage ended without a result.
    """
    found: dict[str, Product] = {}
    for pattern in patterns:
        files = [path for path in sorted(root.glob(pattern)) if path.is_file()]
        if not files:
            raise OutputError("the stage ended without its product", where=str(root / pattern))
        for path in files:
            found[path.relative_to(root).as_posix()] = Product(size=path.stat().st_size, sha256=file_hash(path))
    return found


def fingerprint_of(products: Mapping[str, Product]) -> str:
    """Hash names and contents of products, without run records."""
    return json_hash({name: product.sha256 for name, product in products.items() if Path(name).name not in _RECORDS})


def missing_product(root: Path, products: Mapping[str, Product]) -> str | None:
    """Return the first product that is missing or was changed; ``None`` if all are unchanged. Reads all files."""
    return first_changed(root, {name: (product.size, product.sha256) for name, product in products.items()})


def what_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Say in a few words why a stage's key has changed."""
    before, after = old.get("from") or {}, new.get("from") or {}
    also = [f"{name} is new" for name in sorted(after) if before.get(name) != after[name]]
    if old.get("version") != new.get("version"):
        also.append(f"version was {old.get('version')}, now {new.get('version')}")
    return differences(old.get("settings") or {}, new.get("settings") or {}, also=also)
