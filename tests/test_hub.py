"""Names on the hub, and failed downloads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reinforcesight.errors import InputError
from reinforcesight.hub import download_snapshot, is_hub_id


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-VL-3B-Instruct", "nyu-visionx/CV-Bench", "a/b"])
def test_names_on_the_hub(name: str) -> None:
    assert is_hub_id(name)


@pytest.mark.parametrize(
    "name", ["models/grpo_ckpt", "runs/quickstart", "./model", "../a", "/a/b", "~/a", "a", "a/b/c", "a/", "a\\b", ""]
)
def test_paths_that_do_not_exist_are_not_looked_up(name: str) -> None:
    assert not is_hub_id(name)


def test_a_name_in_a_folder_that_exists_here_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("mine/model")
    Path("mine").mkdir()
    assert not is_hub_id("mine/model")


class ForeignError(Exception):
    """As an HTTP library raises it that the hub's client uses today and may not use tomorrow."""


@pytest.mark.parametrize(
    "error", [ForeignError("timed out\nat 10 s"), OSError("no route"), ValueError("bad revision")]
)
def test_a_failed_download_is_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(InputError, match="the benchmark can't be downloaded") as caught:
        download_snapshot("a/b", "main", ["*.parquet"], what="benchmark", kind="dataset")
    assert "a/b@main" in str(caught.value)
    assert os.linesep not in str(caught.value)
