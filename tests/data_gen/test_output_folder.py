"""The lock of a data set's folder while it is written."""

from __future__ import annotations

import pytest
from pipeline_support import TroubledSource

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.dataset.folder import MANIFEST, Job, digest_problems, read_manifest, refuse_damaged
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.errors import InputError, OutputError
from reinforcesight.jobs.files import file_hash, only_writer, write_sealed_json


def test_one_process_writes_a_data_set(tmp_path):
    job = Job(tmp_path, {"seed": 1})
    assert not job.open(overwrite=False)
    with job.finishing() as mine, job.finishing() as second:
        assert (mine, second) == (True, False)
    with pytest.raises(FileNotFoundError, match="of the work itself"), job.finishing() as mine:
        raise FileNotFoundError("of the work itself" if mine else "")
    job.remove_work()
    with job.finishing() as mine:
        assert not mine, "another process has finished"


def test_a_second_run_in_the_folder_leaves_and_damaged_rejections_are_named(tmp_path):
    source = TroubledSource(20)
    config = GenerateConfig(output=tmp_path, num_samples=10, workers=1)
    with only_writer(tmp_path), pytest.raises(OutputError, match="another process is writing here"):
        generate(config, source)
    assert generate(config, source).state == "finished"
    rejections = tmp_path / "rejections.json"
    rejections.write_text(rejections.read_text().replace('"pictures_read": 2', '"pictures_read": 3'))
    with pytest.raises(OutputError, match=r"rejections\.json is damaged; the questions are not"):
        generate(config, source)
    with only_writer(tmp_path / "shards", ".lock-0-of-2"):
        config = GenerateConfig(output=tmp_path / "shards", num_samples=10, workers=1, shard="1/2")
        assert generate(config, source).state == "shard_done", "other shards may be written at the same time"


def test_a_damaged_manifest_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "train-00000-of-00001.parquet"
    file.write_bytes(b"rows")
    job = {"seed": 1}
    stated = {"name": file.name, "bytes": 4, "sha256": file_hash(file)}
    write_sealed_json(tmp_path / MANIFEST, {"job": job, "files": [stated]})
    assert Job(tmp_path, job).open(overwrite=False)
    refuse_damaged(tmp_path, [file])
    text = (tmp_path / MANIFEST).read_text()
    (tmp_path / MANIFEST).write_text(text.replace('"seed": 1', '"seed": 2'))
    assert read_manifest(tmp_path) == {}
    assert list(digest_problems(tmp_path, [file])) == ["manifest.json is damaged"]
    with pytest.raises(OutputError, match=r"manifest\.json is damaged"):
        Job(tmp_path, job).open(overwrite=True)
    (tmp_path / MANIFEST).write_text(text)
    file.write_bytes(b"r0ws")
    with pytest.raises(InputError, match=r"train-00000-of-00001\.parquet is not the file that was written"):
        refuse_damaged(tmp_path, [file])


def test_a_damaged_job_record_counts_as_absent(tmp_path):
    job = Job(tmp_path, {"seed": 1})
    job.open(overwrite=False)
    record = job.work / "job.json"
    whole = record.read_text()
    record.write_text(whole.replace('"seed": 1', '"seed": 7'))
    assert not job.open(overwrite=False)
    assert record.read_text() == whole
