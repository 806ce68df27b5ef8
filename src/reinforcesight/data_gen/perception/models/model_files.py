"""Where a model's files are, what identifies them, and on which device in which precision it runs."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reinforcesight.errors import InputError, require_module

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# No weights but safetensors, no code.
_PATTERNS = ("*.json", "*.txt", "*.safetensors", "*.model")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's folder.

    Attributes:
        folder: Holds configuration, preprocessing and weights.
        identity: Digest of local files, or hub id and commit.
    """

    folder: Path
    identity: str


def find_model(name: str, revision: str = "main") -> ModelFiles:
    """The files of a local folder or a hub model; the latter is downloaded where it is not in the local cache.

    Raises:
        InputError: There is no such model, or it has no safetensors weights.
        MissingDependencyError: huggingface_hub is absent.
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
            f"the model can't be had from the hub: {reason[0] if reason else type(error).__name__}",
            where=f"{name}@{revision}",
            fix="check name, revision and network, or give a local folder",
        ) from error
    _check(stored, [p.name for p in stored.iterdir()], name)
    # The folder of a snapshot is named after its commit.
    return ModelFiles(stored, f"hub:{name}@{stored.name}")


def read_config(name: str, revision: str = "main") -> dict[str, Any]:
    """config.json of a model, which tells its family.

    Raises:
        InputError: There is no such model, or the file is no JSON object.
    """
    folder = Path(name).expanduser()
    return config_in(folder if folder.is_dir() else find_model(name, revision).folder)


def config_in(folder: Path) -> dict[str, Any]:
    """config.json of a model's folder.

    Raises:
        InputError: It is absent, or no JSON object.
    """
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
    """SHA-256 over names and whole contents: what one layer changes must not be taken for the same model."""
    digest = hashlib.sha256()
    for name in files:
        with (folder / name).open("rb") as stream:
            digest.update(f"{name}\n{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _check(folder: Path, files: list[str], name: str) -> None:
    if "config.json" not in files or not any(file.endswith(".safetensors") for file in files):
        raise InputError(
            "expected config.json and *.safetensors", where=str(folder), fix=f"give another model than {name}"
        )


def pick_device(name: str) -> torch.device:
    """The device of a setting; "auto" takes the first GPU, or the CPU.

    Raises:
        InputError: There is no such device.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}", fix="use auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no CUDA device", where=f"device {name}", fix="use auto or cpu")
    return device


def pick_dtype(name: Precision, device: torch.device) -> torch.dtype:
    """The precision of a setting; "auto" takes bfloat16 where a GPU has it."""
    import torch

    if name == "auto":
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if half else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32
