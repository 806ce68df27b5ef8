"""Find a model's files, and compute an identity for them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import InputError, require_module
from reinforcesight.jobs.files import file_hash

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
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
    if not _HUB_ID.fullmatch(name) or name.startswith((".", "~")):
        raise InputError("no such model folder", where=name, fix="give a folder or a hub id (owner/name)")
    require_module("huggingface_hub", extra="train")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        stored = Path(snapshot_download(name, revision=revision, allow_patterns=list(_PATTERNS)))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()
        raise InputError(
            f"the model can't be downloaded from the hub: {reason[0] if reason else type(error).__name__}",
            where=f"{name}@{revision}",
            fix="check name, revision and network, or give a local folder",
        ) from error
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
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"config.json can't be read: {error}", where=str(path)) from error
    if not isinstance(config, dict):
        raise InputError(f"expected a JSON object, got {type(config).__name__}", where=str(path))
    return config


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
