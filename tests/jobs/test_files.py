"""Atomic files and folders, locks and hashes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from reinforcesight.errors import OutputError
from reinforcesight.jobs.files import (
    atomic_file,
    atomic_folder,
    file_hash,
    json_hash,
    locked,
    remove_parts,
    write_json,
)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "file.bin"
    with pytest.raises(ZeroDivisionError), atomic_file(path) as stream:
        stream.write(b"half" * (1 // 0))
    assert list(path.parent.iterdir()) == []
    with atomic_file(path) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "model"
    with pytest.raises(ZeroDivisionError), atomic_folder(path) as part:
        (part / "weights").write_text("half" * (1 // 0))
    assert list(tmp_path.iterdir()) == []
    path.mkdir()
    with atomic_folder(path) as part:
        (part / "weights").write_text("whole")
        assert list(path.iterdir()) == []
    assert (path / "weights").read_text() == "whole"
    with pytest.raises(OutputError), atomic_folder(path) as part:
        (part / "weights").write_text("other")
    assert (path / "weights").read_text() == "whole", "a folder that holds something is never replaced"


def test_a_failed_write_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="make room or choose another folder") as error:
        write_json(tmp_path / "file" / "below.json", {})
    assert "below.json" in str(error.value)


def test_parts_of_a_killed_process_are_removed(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from reinforcesight.jobs.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as stream:\n"
        "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], check=False)
    assert done.returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_file(tmp_path / "other"):
        remove_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"], "this process's own part stays"


def test_a_lock_is_held_by_one_process(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from reinforcesight.jobs.files import locked\n"
        "with locked(Path(sys.argv[1]), on_wait=lambda: None) as lock: print(lock is not None)"
    )

    def other() -> str:
        return subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        ).stdout.strip()

    with locked(path) as lock:
        assert lock is not None
        assert other() == "False"
    assert other() == "True"


def test_hashes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert file_hash(path) == hashlib.sha256(b"content").hexdigest()
    assert json_hash({"b": 1, "a": [2]}) == hashlib.sha256(b'{"a":[2],"b":1}').hexdigest()
    assert json_hash((1, 2)) == json_hash(json.loads("[1, 2]"))
