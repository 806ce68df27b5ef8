"""Find a model's files, and compute an identity for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.hub import download_snapshot, is_hub_id
from reinforcesight.jobs.files import file_hash, required_json_object

# Only safetensors weights; no code.
_PATTERNS = ("*.json", "*.txt", "*.safetensors", "*.model")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Folder and identity of a model; the identity is a digest of local files, or hub id and commit."""

    folder: Path
    identity: str


def find_model(name: str, revision: str = "main") -> ModelFiles:
    """Find the files of a local folder or of a hub model, which is downloaded if it is not in the local cache.

    Raises:
        InputError: There is no such model, or it has no safetensors weights.
        MissingDependencyError: huggingface_hub is not installed.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        files = sorted(p.name for p in folder.iterdir() if any(p.match(pattern) for pattern in _PATTERNS))
        _check(folder, files, name)
        return ModelFiles(folder.resolve(), f"local:{_digest(folder, files)}")
    if not is_hub_id(name):
        raise InputError("no such model folder", where=name, fix="give a folder or a hub id (owner/name)")
    stored = download_snapshot(name, revision, _PATTERNS, what="model")
    _check(stored, [p.name for p in stored.iterdir()], name)
    # The name of a snapshot's folder is its commit.
    return ModelFiles(stored, f"hub:{name}@{stored.name}")


def read_config(name: str, revision: str = "main") -> dict[str, Any]:
    """Read config.json of a model. Raises the same errors as :func:`find_model` and :func:`config_in`."""
    folder = Path(name).expanduser()
    return config_in(folder if folder.is_dir() else find_model(name, revision).folder)


def config_in(folder: Path) -> dict[str, Any]:
    """Read config.json in a model's folder; raises :class:`InputError` if it is missing or no JSON object."""
    path = folder / "config.json"
    if not path.is_file():
        raise InputError("expected config.json", where=str(folder), fix="give another model folder")
    return required_json_object(path)


def _digest(folder: Path, files: list[str]) -> str:
    """Return SHA-256 over names and full contents: two models that differ in one layer must not share results."""
    digest = hashlib.sha256()
    for name in files:
        digest.update(f"{name}\n{file_hash(folder / name)}\n".encode())
    return digest.hexdigest()


def _check(folder: Path, files: list[str], name: str) -> None:
    if "config.json" not in files or not any(file.endswith(".safetensors") for file in files):
        raise InputError(
            "expected config.json and *.safetensors", where=str(folder), fix=f"give another model than {name}"
        )
