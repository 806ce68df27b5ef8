"""The warm process: it imports once, and its jobs are as if Python had started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from reinforcesight.jobs.warm import WarmProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere stages are started anew")

JOB = """
import os, signal, sys, time
import imported_once
what = sys.argv[1]
print(what, os.environ.get("PIPE"), flush=True)
if what == "fail":
    raise ValueError("nothing here")
if what == "exit":
    os.write(int(os.environ["PIPE"]), b"an event")
    sys.exit(7)
if what == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if what == "wait":
    sys.stdin.read()  # until the process that asked for this job ends
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "imported_once.py").write_text("import pathlib\npathlib.Path('imports').open('a').write('once ')\n")
    (tmp_path / "a_job.py").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return tmp_path


def test_jobs_share_imports_and_report_their_ends(place):
    reading, writing = os.pipe()
    ends = {}
    with (place / "out").open("ab") as out, WarmProcess(["imported_once", "no_such_module"], place / "log") as warm:
        for what in ("exit", "fail", "kill", "fine"):
            job = warm.run("a_job", [what], output=out.fileno(), errors=out.fileno(), keep={"PIPE": writing})
            ends[what] = job.wait(60)
            assert job.poll() == ends[what]
        waiting = warm.run("a_job", ["wait"], output=out.fileno(), errors=out.fileno(), keep={})
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.2)
        assert os.getpgid(waiting.pid) != os.getpgid(0)
        waiting.send_signal(signal.SIGTERM)
        assert waiting.wait(60) == -signal.SIGTERM
        last = warm.run("a_job", ["wait"], output=out.fileno(), errors=out.fileno(), keep={})
        last.stdin.close()
        assert last.wait(60) == 0
    assert ends == {"exit": 7, "fail": 1, "kill": -signal.SIGKILL, "fine": 0}
    assert os.read(reading, 100) == b"an event"
    assert (place / "imports").read_text() == "once "
    text = (place / "out").read_text()
    assert "ValueError: nothing here" in text
    assert text.startswith("exit ")


def test_a_job_ends_with_the_warm_process(place):
    with (place / "out").open("ab") as out, WarmProcess([], place / "log") as warm:
        job = warm.run("a_job", ["wait"], output=out.fileno(), errors=out.fileno(), keep={})
        assert warm._process is not None
        warm._process.kill()
        assert job.wait(60) == -signal.SIGKILL
        with pytest.raises(ChildProcessError):
            warm.run("a_job", ["fine"], output=out.fileno(), errors=out.fileno(), keep={})


def test_nothing_outlives_a_killed_parent(place):
    code = """
        import sys, time
        from pathlib import Path
        from reinforcesight.jobs.warm import WarmProcess

        with WarmProcess([], Path("log")) as warm:
            job = warm.run("a_job", ["wait"], output=2, errors=2, keep={})
            print(warm._process.pid, job.pid, flush=True)
            time.sleep(600)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    processes = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(processes) == 2
    parent.kill()
    parent.wait()
    until = time.monotonic() + 60
    while any(process.is_running() and process.status() != "zombie" for process in processes):
        assert time.monotonic() < until
        time.sleep(0.1)
