"""Atomic files and folders, locks and hashes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reinforcesight.errors import OutputError
from reinforcesight.jobs.files import (
    atomic_file,
    atomic_folder,
    file_hash,
    full_disk,
    json_hash,
    locked,
    only_writer,
    read_sealed_json,
    remove_parts,
    write_json,
    write_sealed_json,
    write_text,
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


def test_a_sealed_object_is_read_as_written_or_not_at_all(tmp_path):
    path, value = tmp_path / "record.json", {"a": [1, 2.5, None], "name": "caf\udce9", "b": {"c": "é"}}
    assert read_sealed_json(path) is None
    write_sealed_json(path, value)
    assert read_sealed_json(path) == value
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert read_sealed_json(path) in (None, value), "a changed space changes nothing"
    write_json(path, value)
    assert read_sealed_json(path) is None


def test_files_are_on_the_disk_before_they_have_their_name(tmp_path, monkeypatch):
    synced: list[tuple[str, int]] = []

    def fsync(handle: int) -> None:
        named = sum((tmp_path / name).exists() for name in ("file", "model"))
        synced.append((Path(f"/proc/self/fd/{handle}").readlink().name, named))

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "file", "text")
    assert [named for _, named in synced] == [0, 1], "the content, then the folder with the name"
    assert synced[1][0] == tmp_path.name
    synced.clear()
    with atomic_folder(tmp_path / "model") as part:
        (part / "below").mkdir()
        for name in ("weights", "below/config"):
            (part / name).write_text(name)
    assert sorted(synced) == [("config", 1), (tmp_path.name, 2), ("weights", 1)]


def test_a_second_writer_leaves(tmp_path, capsys):
    second = only_writer(tmp_path / "new", wait=0.1, waiting="waiting")
    with only_writer(tmp_path / "new"), pytest.raises(OutputError, match="another process is writing here"), second:
        pass
    assert list((tmp_path / "new").iterdir()) == [], "the lock is removed at the end"
    assert capsys.readouterr().err == "waiting\n"
    with only_writer(tmp_path / "new"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't write"), only_writer(tmp_path / "file"):
        pass
    with pytest.raises(FileNotFoundError), only_writer(tmp_path):
        raise FileNotFoundError("of the work itself")


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/disk/file"), "/disk/file"),
        (RuntimeError("SafetensorError: I/O error: No space left on device (os error 28)"), "/place"),
        (
            RuntimeError("[enforce fail at inline_container.cc:659] PytorchStreamWriter failed writing file data/0"),
            "/place",
        ),
        (RuntimeError("basic_ios::clear: iostream error"), "/place"),
        (RuntimeError("unrelated"), None),
        (FileNotFoundError(errno.ENOENT, "No such file"), None),
    ],
)
def test_a_full_disk_is_known_from_what_libraries_raise(error, named):
    try:
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("outer") from cause
    except RuntimeError as outer:
        found = full_disk(outer, Path("/place"))
    assert (found and found.where) == named
