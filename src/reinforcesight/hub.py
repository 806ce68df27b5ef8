"""The Hugging Face hub: recognising repository names, downloads and uploads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from reinforcesight.errors import InputError, OutputError, first_line, require_module

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# Default output folders of our commands and other usual folder names, which no owner on the hub has.
_FOLDERS = {"checkpoints", "configs", "data", "datasets", "models", "output", "outputs", "reports", "results", "runs"}


def is_hub_id(name: str) -> bool:
    """Return whether a name that is no local path may be ``owner/name`` on the hub, rather than a mistyped path."""
    owner = name.partition("/")[0]
    return _ID.fullmatch(name) is not None and owner.lower() not in _FOLDERS and not Path(owner).exists()


def download_snapshot(
    repository: str, revision: str | None, patterns: Sequence[str], *, what: str, kind: str = "model"
) -> Path:
    """Return the local folder of a hub repository; matching files that are not cached are downloaded.

    Args:
        what: Description of the content for error messages, such as "benchmark".
        kind: ``model`` or ``dataset``.

    Raises:
        InputError: The repository can't be downloaded.
    """
    hub = require_module("huggingface_hub", extra="train")
    try:
        return Path(
            hub.snapshot_download(repository, repo_type=kind, revision=revision, allow_patterns=list(patterns))
        )
    except Exception as error:
        raise InputError(
            f"the {what} can't be downloaded: {first_line(error)[:200]}",
            where=f"{repository}@{revision or 'main'}",
            fix="check the name and the network, or download it on another machine and give its folder",
        ) from error


def push_folder(
    folder: Path,
    repository: str,
    *,
    kind: Literal["model", "dataset"],
    private: bool = True,
    only: Sequence[str] | None = None,
) -> str:
    """Upload a folder as one commit; return the repository's address.

    Args:
        folder: Folder with a ``README.md``, whose header the hub checks first.
        repository: ``owner/name``; created if absent.
        private: Whether a new repository is private; an existing one is not changed.
        only: Glob patterns of the files to upload; all by default.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        OutputError: The card is not valid, or the upload fails. The folder is kept.
    """
    hub = require_module("huggingface_hub", extra="train")
    try:
        api = hub.HfApi()
        address = api.create_repo(repository, repo_type=kind, private=private, exist_ok=True)
        api.upload_folder(
            folder_path=str(folder),
            repo_id=repository,
            repo_type=kind,
            allow_patterns=None if only is None else list(only),
            commit_message=f"Upload the {kind} with ReinforceSight",
        )
    # Connection errors depend on the HTTP library of the installed huggingface_hub.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise OutputError(
            f"the upload failed, all files are in {folder}: {reason}",
            where=repository,
            fix="check the connection and log in with: hf auth login; then run the same command, or upload the folder",
        ) from error
    return str(address)
