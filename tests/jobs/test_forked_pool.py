"""Forked workers: they need no imports, and end when their parent is killed, also during a task."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from reinforcesight.jobs.pool import WorkerPool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")

imported_here = []


def seen(context: object, task: int) -> tuple[int, int]:
    if task == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return task, len(imported_here)


def test_forked_workers_have_what_the_parent_has_and_are_replaced_when_they_die():
    imported_here.append("a package")
    try:
        with WorkerPool(seen, None, workers=2, fork=True) as pool:
            assert sorted(outcome.result for outcome in pool.run([1, 2, 3])) == [(1, 1), (2, 1), (3, 1)]
            outcomes = list(pool.run([13, *range(20, 26)]))
    finally:
        imported_here.clear()
    assert [o.task for o in outcomes if o.crash == "killed by SIGKILL"] == [13]
    assert sorted(o.task for o in outcomes if o.result) == list(range(20, 26))


def test_forked_workers_end_with_their_parent():
    code = """
        import os, time
        from reinforcesight.jobs.pool import WorkerPool

        def work(context, task):
            time.sleep(600)

        with WorkerPool(work, None, workers=2, fork=True) as pool:
            print(*(worker.process.pid for worker in pool._workers), flush=True)
            list(pool.run([1, 2]))
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    assert all(psutil.pid_exists(pid) for pid in workers)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
