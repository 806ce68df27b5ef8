"""The Hugging Face hub: which names are looked up there, and downloads of repositories."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from reinforcesight.errors import InputError, require_module

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# Folders that our commands write by default, and usual names of others: no owner on the hub has such a name.
_FOLDERS = {"checkpoints", "configs", "data", "datasets", "models", "output", "outputs", "reports", "results", "runs"}


def is_hub_id(name: str) -> bool:
    """Whether a name that is no file or folder here may be ``owner/name`` on the hub, rather than a mistyped path."""
    owner = name.partition("/")[0]
    return _ID.fullmatch(name) is not None and owner.lower() not in _FOLDERS and not Path(owner).exists()


def download_snapshot(
    repository: str, revision: str | None, patterns: Sequence[str], *, what: str, kind: str = "model"
) -> Path:
    """The local folder of a hub repository, whose matching files are downloaded if they are not in the cache.

    Args:
        repository: ``owner/name``.
        revision: Commit, tag or branch.
        patterns: Which files.
        what: Names the repository's content in error messages, such as "benchmark".
        kind: ``model`` or ``dataset``.

    Raises:
        InputError: It can't be downloaded.
    """
    hub = require_module("huggingface_hub", extra="train")
    try:
        return Path(
            hub.snapshot_download(repository, repo_type=kind, revision=revision, allow_patterns=list(patterns))
        )
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(
            f"the {what} can't be downloaded: {reason[:200]}",
            where=f"{repository}@{revision or 'main'}",
            fix="check the name and the network, or download it on another machine and give its folder",
        ) from error
