"""Pictures that fail and workers that die: named, counted, and without harm to the others."""

from __future__ import annotations

import json
import shutil

import pytest
from pipeline_support import TroubledSource
from pool_tasks import Unloadable, half, same

from reinforcesight.data_gen.dataset.manifest import write_rejections
from reinforcesight.data_gen.dataset.writer import WriteContext
from reinforcesight.data_gen.pipeline import TaskContext, do_task
from reinforcesight.data_gen.scanning.local import Shard, missing_chunks, read_reports, scan_pictures
from reinforcesight.data_gen.scanning.work_files import ScanContext, chunk_path, read_scanned_picture, read_summaries
from reinforcesight.errors import InputError, OutputError, ReinforceSightError
from reinforcesight.jobs.pool import WorkerError, WorkerPool
from reinforcesight.relations.kinds import RelationRules


def scan(folder, source, *, workers=1, shard=None):
    context = ScanContext(source, RelationRules(), 0, folder, "job")
    tasks = TaskContext(context, WriteContext(folder, folder, 0, None, "job"))
    with WorkerPool(do_task, tasks, workers=workers) as pool:
        scan_pictures(context, source.pictures, pool=pool, shard=shard or Shard())
    return context


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """Twenty scanned pictures, of which two are rejected and one fails."""
    source = TroubledSource(20, rejected=frozenset({3, 17}), failing=frozenset({6}))
    return scan(tmp_path_factory.mktemp("scanned"), source)


def test_a_bad_picture_costs_nothing_but_itself(scanned):
    assert missing_chunks(scanned, 20) == []
    read = {summary.index for summary in read_summaries(scanned.folder, range(2))}
    assert read == set(range(20)) - {3, 6, 17}
    rejected = [entry for report in read_reports(scanned, 20) for entry in report.rejected]
    assert [(entry.source_id, entry.reason) for entry in rejected] == [
        ("p3.png", "unreadable_picture"),
        ("picture 6", "failed"),
        ("p17.png", "unreadable_picture"),
    ]
    assert rejected[1].detail == "ZeroDivisionError: a defect"


def test_a_worker_killed_once_is_tried_again(tmp_path, capfd):
    notes = tmp_path / "notes"
    notes.mkdir()
    context = scan(tmp_path, TroubledSource(20, killing=frozenset({6}), once=notes))
    assert len(list(read_summaries(tmp_path, range(2)))) == 20
    assert not any(report.rejected for report in read_reports(context, 20))
    assert "killed by SIGKILL" in capfd.readouterr().err


def test_a_picture_that_kills_its_worker_is_left_out_by_name(tmp_path):
    context = scan(tmp_path, TroubledSource(18, killing=frozenset({2, 17})), workers=2)
    read = {summary.index for summary in read_summaries(tmp_path, range(2))}
    assert read == set(range(18)) - {2, 17}
    rejected = [entry for report in read_reports(context, 18) for entry in report.rejected]
    assert [(e.source_id, e.reason, e.detail) for e in rejected] == [
        ("picture 2", "worker_crashed", "killed by SIGKILL"),
        ("picture 17", "worker_crashed", "killed by SIGKILL"),
    ]


def test_work_files_do_not_depend_on_who_made_them(tmp_path):
    one, many = tmp_path / "one", tmp_path / "many"
    scan(one, TroubledSource(40))
    for index in (2, 0, 1):
        scan(many, TroubledSource(40), workers=2, shard=Shard(index, 3))
    for chunk in range(3):
        assert chunk_path(one, chunk).read_bytes() == chunk_path(many, chunk).read_bytes()


def test_a_damaged_or_foreign_work_file_is_made_again(tmp_path):
    source = TroubledSource(33)
    context = scan(tmp_path, source)
    good = [chunk_path(tmp_path, chunk).read_bytes() for chunk in range(3)]
    chunk_path(tmp_path, 0).write_bytes(good[0][:-40])
    other = ScanContext(source, context.rules, 0, tmp_path, "another job")
    assert missing_chunks(other, 33) == [0, 1, 2]
    assert missing_chunks(context, 33) == [0]
    scan(tmp_path, source)
    assert [chunk_path(tmp_path, chunk).read_bytes() for chunk in range(3)] == good
    for name in ("chunk-000001.parquet", "chunk-000001.json"):
        whole = (tmp_path / name).read_bytes()
        for at in range(0, len(whole), len(whole) // 40):
            (tmp_path / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert missing_chunks(context, 33) == [1], f"{name}, byte {at}"
        (tmp_path / name).write_bytes(whole)
    assert missing_chunks(context, 33) == []


def test_a_work_file_that_changes_during_the_run_is_noticed(scanned, tmp_path):
    folder = shutil.copytree(scanned.folder, tmp_path / "changed")
    path = chunk_path(folder, 0)
    read_scanned_picture(folder, 0, 0)
    whole = path.read_bytes()
    at = whole.index(b"IDAT") + 20  # in a picture, which is not compressed
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(OutputError, match="run the command again, which makes damaged work files again"):
        read_scanned_picture(folder, 0, 0)


def test_a_scanned_picture_comes_back_whole(scanned):
    stored, original = read_scanned_picture(scanned.folder, 0, 2), scanned.source.load(2)
    assert (stored.source_id, stored.image, stored.scene) == (
        original.source_id,
        original.image,
        original.scene,
    )
    summary = list(read_summaries(scanned.folder, [0]))[2]
    assert len(summary.candidates) == len(stored.candidates) > 8
    for kept, candidate in zip(summary.candidates, stored.candidates, strict=True):
        assert kept.axis is candidate.axis
        near = candidate.subject if candidate.relation is candidate.axis.relations[0] else candidate.reference
        assert kept.first == stored.scene[near].noun


def test_rejections_are_counted_and_named(scanned, tmp_path):
    write_rejections(tmp_path, read_reports(scanned, 20), scanned.source)
    found = json.loads((tmp_path / "rejections.json").read_text())
    assert found["pictures_read"] == 20
    assert found["pictures"]["unreadable_picture"]["count"] == 2
    named = [sample["source_id"] for sample in found["pictures"]["unreadable_picture"]["samples"]]
    assert named == ["p3.png", "p17.png"]
    assert found["annotations"]["empty_box"]["count"] == 4
    assert all(entry["count"] >= len(entry["samples"]) >= 1 for entry in found["pairs"].values())


def test_the_pool_gives_every_result():
    with WorkerPool(half, 2, workers=2) as pool:
        assert sorted(outcome.result for outcome in pool.run(range(0, 12, 2))) == [0, 1, 2, 3, 4, 5]
        assert [outcome.result for outcome in pool.run([100])] == [50]


def test_the_pool_tells_errors_defects_and_deaths_apart():
    with WorkerPool(half, 2, workers=1) as pool, pytest.raises(InputError, match="thirteen"):
        list(pool.run([13]))
    with WorkerPool(half, 2, workers=1) as pool, pytest.raises(WorkerError, match="fourteen"):
        list(pool.run([14]))
    with WorkerPool(half, 2, workers=1) as pool:
        outcomes = list(pool.run([15, 4]))
    assert [(o.task, o.result, o.crash) for o in outcomes] == [(15, None, "killed by SIGKILL"), (4, 2, None)]


def test_a_worker_that_can_not_start_is_no_endless_loop():
    with (
        WorkerPool(same, Unloadable(), workers=1) as pool,
        pytest.raises(ReinforceSightError, match="could not start"),
    ):
        list(pool.run([1]))
