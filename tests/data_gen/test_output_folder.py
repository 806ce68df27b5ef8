"""The lock of a data set's folder while it is written."""

from __future__ import annotations

import pytest

from reinforcesight.data_gen.dataset.folder import Job


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
