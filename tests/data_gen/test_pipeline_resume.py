"""Killed, interrupted, sharded or on a full disk: the Parquet bytes stay the same, and nothing finished is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path

import forked
import pytest
from pipeline_support import command, digests, run, run_until, write_annotated

from reinforcesight.errors import OutputError
from reinforcesight.jobs.files import read_sealed_json, write_json, write_sealed_json

pytestmark = pytest.mark.timeout(240)
PICTURES = 80
FLAGS = ("--num_samples", 160, "--rows_per_file", 20, "--set", "gallery.samples=4")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return write_annotated(tmp_path_factory.mktemp("annotated"), PICTURES)


@pytest.fixture(scope="module")
def finished(source, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("reference") / "data set"
    run(source, output, *FLAGS, "--workers", 1)
    return output


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_killed_at_every_stage_gives_the_same_bytes(workers, source, finished, tmp_path):
    output = tmp_path / "out"
    arguments = command(source, output, *FLAGS, "--workers", workers)
    work, data = output / ".work", output / "data"
    stages = {
        "started": lambda: (work / "job.json").exists(),
        "scanning": lambda: len(list(work.glob("chunk-*.parquet"))) >= 1,
        "writing": lambda: len(list(data.glob("*.parquet"))) >= 1,
        "finishing": lambda: (output / "README.md").exists(),
    }
    for stage, reached in stages.items():
        if workers != 2 and stage in ("started", "finishing"):
            continue
        done = run_until(reached, arguments)
        assert done.returncode == -signal.SIGKILL, f"{stage}: {done.stdout}{done.stderr}"
        assert not (output / "manifest.json").exists()
    run(source, output, *FLAGS, "--workers", workers)
    assert digests(output) == digests(finished)
    assert sorted(p.name for p in output.iterdir()) == sorted(p.name for p in finished.iterdir())


def test_finished_work_is_not_done_again(source, tmp_path):
    output = tmp_path / "out"
    arguments = command(source, output, *FLAGS, "--workers", 1)
    chunks = output / ".work"
    run_until(lambda: len(list(chunks.glob("chunk-*.parquet"))) >= 2, arguments)
    before = {path.name: path.stat().st_mtime_ns for path in chunks.glob("chunk-*.parquet")}
    run(source, output, *FLAGS, "--workers", 1, "--keep_work")
    after = {path.name: path.stat().st_mtime_ns for path in chunks.glob("chunk-*.parquet")}
    assert len(before) >= 2
    # The orphaned worker may still have finished a chunk after the kill, and the new one the same.
    same = [name for name in before if after[name] == before[name]]
    assert len(same) >= len(before) - 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly(number, code, source, tmp_path):
    output = tmp_path / "out"
    arguments = command(source, output, *FLAGS, "--workers", 2)
    done = run_until(lambda: len(list((output / ".work").glob("chunk-*.parquet"))) >= 1, arguments, number)
    assert done.returncode == code
    assert "run the same command to resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_finished_data_set_is_left_alone(source, finished, tmp_path):
    before = digests(finished)
    done = run(source, finished, *FLAGS, "--workers", 1)
    assert "already finished" in done.stdout
    assert digests(finished) == before


NO_REVIEW = {
    "reviewers": [], "reviewed": 0, "rows": 0, "upper": None, "by_relation": {}, "wrong": 0, "cannot_tell": 0,
    "upper_if_unclear_wrong": None, "removed_wrong": 0, "agreement": [], "confidence": 0.95,
}  # fmt: skip


@pytest.mark.parametrize("damage", ["cut off", "flipped"])
def test_a_damaged_data_set_is_made_again(source, finished, tmp_path, damage):
    output = tmp_path / "out"
    shutil.copytree(finished, output)
    manifest = read_sealed_json(output / "manifest.json")
    write_sealed_json(output / "manifest.json", {**manifest, "review": NO_REVIEW})
    victim = sorted((output / "data").iterdir())[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:1000] if damage == "cut off" else whole[:1000] + bytes(16) + whole[1016:])
    done = run(source, output, *FLAGS, "--workers", 2)
    assert f"{victim.name}: damaged or missing; the data set is made again" in done.stdout
    assert digests(output) == digests(finished)
    assert json.loads((output / "manifest.json").read_text())["review"] == NO_REVIEW  # what people found is kept


def test_a_missing_card_or_gallery_is_made_again(source, finished, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(finished, output)
    before = {name: (output / name).read_bytes() for name in ("README.md", "gallery.html")}
    for name in before:
        (output / name).unlink()
    done = run(source, output, *FLAGS, "--workers", 1)
    assert "README.md and gallery.html made again" in done.stdout
    assert (output / "README.md").read_bytes() == before["README.md"]
    assert b"gallery of a data set" in (output / "gallery.html").read_bytes()
    assert digests(output) == digests(finished)


def test_removed_rows_do_not_come_back(source, finished, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(finished, output)
    (output / "removed.jsonl").write_text('{"id": "x", "row": "y"}\n')
    victim = sorted((output / "data").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-8] + bytes(8))
    before = digests(output)
    done = run(source, output, *FLAGS, code=2)
    assert victim.name in done.stderr
    assert "--remove_excluded" in done.stderr
    assert digests(output) == before


def test_another_job_is_refused_and_says_what_differs(source, finished, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(finished, output)
    done = run(source, output, *FLAGS, "--seed", 3, code=2)
    assert done.stderr.count("\n") == 1
    assert "seed was 0, now 3" in done.stderr
    assert "--overwrite" in done.stderr
    done = run(source, output, *FLAGS, "--set", "rules.depth_gap=0.4", code=2)
    assert "rules.depth_gap" in done.stderr
    assert digests(output) == digests(finished)


def test_changed_input_is_refused(finished, tmp_path):
    other = write_annotated(tmp_path / "other", 12)
    done = run(other, finished, *FLAGS, code=2)
    assert "the input has changed" in done.stderr


def test_overwrite_replaces_the_data_set_and_nothing_else(source, finished, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(finished, output)
    (output / "notes.txt").write_text("mine")
    run(source, output, *FLAGS, "--seed", 3, "--overwrite", "--workers", 2)
    assert json.loads((output / "manifest.json").read_text())["job"]["seed"] == 3
    assert digests(output) != digests(finished)
    assert (output / "notes.txt").read_text() == "mine"


def test_files_of_unknown_origin_are_never_overwritten(source, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    done = run(source, tmp_path, *FLAGS, "--overwrite", code=2)
    assert "README.md" in done.stderr
    assert (tmp_path / "README.md").read_text() == "mine"


def test_shards_give_the_same_bytes(source, finished, tmp_path):
    """Three machines with a folder each, whose work is copied together; the last run finishes."""
    folders = [tmp_path / f"machine{i}" for i in range(3)]
    for index, folder in enumerate(folders):
        done = run(source, folder, *FLAGS, "--workers", 1, "--shard", f"{index}/3")
        assert "chunks are missing" in done.stdout
        assert not (folder / "data").exists()
    merged = tmp_path / "merged"
    for folder in folders:
        shutil.copytree(folder / ".work", merged / ".work", dirs_exist_ok=True)
    run(source, merged, *FLAGS, "--workers", 1)
    assert digests(merged) == digests(finished)


def test_the_last_shard_in_a_shared_folder_finishes(source, finished, tmp_path):
    run(source, tmp_path / "out", *FLAGS, "--workers", 1, "--shard", "1/2")
    run(source, tmp_path / "out", *FLAGS, "--workers", 1, "--shard", "0/2")
    assert digests(tmp_path / "out") == digests(finished)


SMALL_FILES = """
import os, resource, sys
from reinforcesight.__main__ import main
# The limit would cut off what Python compiles, here and in the worker.
sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))
main()
"""


def test_a_full_disk_is_named_and_loses_nothing(source, tmp_path):
    """A limit on file size stands for the full disk: the same write fails with the same kind of error."""
    output = tmp_path / "out"
    flags = (*FLAGS[:2], "--set", "gallery.samples=4", "--workers", 1)
    arguments = command(source, output, *flags)
    process = forked.start_code(SMALL_FILES, *arguments, imports=forked.GENERATE)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2, out + err
    message = err.strip().splitlines()[-1]
    assert message.startswith("error: can't write: File too large")
    assert "train-00000-of-00001.parquet" in message
    assert "finished work is kept" in message
    assert "Traceback" not in err
    assert not list(output.rglob(".*.part"))
    before = {path.name: path.stat().st_mtime_ns for path in (output / ".work").glob("chunk-*.parquet")}
    assert len(before) == PICTURES // 16
    run(source, output, *flags, "--keep_work")
    after = {path.name: path.stat().st_mtime_ns for path in (output / ".work").glob("chunk-*.parquet")}
    assert after == before


def test_enospc_is_named_and_leaves_no_half_file(tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device .*new.json") as caught:
        write_json(tmp_path / "new.json", {})
    assert "finished work is kept" in str(caught.value)
    assert not list(tmp_path.iterdir())
