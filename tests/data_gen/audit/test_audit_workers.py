"""Several processes give the report of one, also if one of them dies."""

import os
import signal
from dataclasses import replace

import pytest
from small_dataset import make_rows, write_dataset

from reinforcesight.data_gen.audit import workers
from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.data_gen.audit.run import audit

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


@pytest.fixture(scope="module")
def flawed(tmp_path_factory):
    """A data set in which every 7th answer is exchanged, every 11th scene is broken and one row has no picture."""
    rows = make_rows(range(12), per_axis=4)
    for at in range(0, len(rows), 7):
        rows[at] = replace(rows[at], answer={"(A)": "(B)"}.get(rows[at].answer, "(A)"))
    for at in range(0, len(rows), 11):
        rows[at] = replace(rows[at], scene="{}")
    rows[5] = replace(rows[5], image=b"")
    root = tmp_path_factory.mktemp("flawed")
    write_dataset(root, {"train": rows})
    return root


def report(root, count):
    return audit(AuditConfig(dataset=root, quiet=True, max_texts=1, workers=count))


@pytest.fixture
def small_tasks(monkeypatch):
    monkeypatch.setattr(workers, "_TASK_ROWS", 9)


def test_the_report_is_the_same(flawed, small_tasks):
    one, two = report(flawed, 1), report(flawed, 2)
    assert {"wrong_answer", "bad_scene", "bad_row"} <= {finding.rule for finding in one.findings}
    assert two == one


def test_rows_of_a_killed_process_are_checked(flawed, small_tasks, monkeypatch, tmp_path):
    check, parent = workers.RowChecks.check, os.getpid()

    def killed_at_row_20(self, stored):
        if os.getpid() != parent and stored.where.endswith(" 20"):
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return check(self, stored)

    expected = report(flawed, 1)
    monkeypatch.setattr(workers.RowChecks, "check", killed_at_row_20)
    assert report(flawed, 2) == expected
    assert (tmp_path / "killed").exists()


def test_small_sets_start_no_processes():
    assert workers.row_processes(0, 3999) == 1
    assert workers.row_processes(0, 4000) == workers.default_workers()
    assert workers.row_processes(3, 10) == 3
