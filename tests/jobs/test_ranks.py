"""Forked processes of a training: they exchange tensors, and none outlives or waits for one that was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import forked
import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process trains")

START = """
    import os, signal, sys, time
    from pathlib import Path
    import torch
    from accelerate import PartialState
    from reinforcesight.errors import ReinforceSightError
    from reinforcesight.jobs.ranks import run_in_ranks

    def together(value):
        tensor = torch.tensor([value])
        torch.distributed.all_reduce(tensor)
        return int(tensor)

    def print_error(job):
        try:
            run_in_ranks(job, 2)
        except ReinforceSightError as error:
            print(error)
"""


def start(code: str, *arguments: str) -> forked.Process:
    return forked.start_code(textwrap.dedent(START) + textwrap.dedent(code), *arguments)


def python(code: str) -> subprocess.CompletedProcess[str]:
    process = start(code)
    out, err = process.communicate(timeout=120)
    assert process.returncode is not None
    return subprocess.CompletedProcess([], process.returncode, out, err)


def test_both_processes_take_part_and_the_first_returns():
    done = python("""
        def job():
            state = PartialState()
            os.write(1, f"rank {state.process_index} {torch.get_num_threads()}\\n".encode())
            return together(10 ** state.process_index), state.num_processes

        print(run_in_ranks(job, 2), "WORLD_SIZE" in os.environ, torch.distributed.is_initialized())
        print(PartialState().num_processes)
    """)
    assert done.returncode == 0, done.stderr
    *ranks, result, after = done.stdout.splitlines()
    assert sorted(ranks) == ["rank 0 1", "rank 1 1"]
    assert (result, after) == ("(11, 2) False False", "1")


def test_a_killed_process_ends_the_others_with_the_reason():
    done = python("""
        def job():
            if PartialState().process_index == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            while True:
                together(1)

        print_error(job)
    """)
    assert done.returncode == 0, done.stderr
    assert "a process of the training was killed by SIGKILL" in done.stdout


def test_a_process_killed_before_it_is_connected_ends_the_others():
    done = python("""
        from reinforcesight.jobs import ranks

        ranks._SECONDS_TO_CONNECT = 2.0
        ranks._follow = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        print_error(lambda: together(1))
    """)
    assert done.returncode == 0, done.stderr
    assert "a process of the training was killed by SIGKILL" in done.stdout


def test_the_error_of_another_process_is_reported():
    done = python("""
        def job():
            if PartialState().process_index == 1:
                raise ReinforceSightError("the picture is broken", where="row 7")
            return together(1)

        print_error(job)
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the picture is broken (row 7)"]
    assert "Traceback" not in done.stderr


def test_work_alone_may_take_longer_than_connecting():
    done = python("""
        from reinforcesight.jobs import ranks

        def job():
            if PartialState().process_index == 1:
                time.sleep(6)
            return together(1)

        ranks._SECONDS_TO_CONNECT = 4.0
        print(run_in_ranks(job, 2))
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2"


def test_the_other_process_ends_with_the_first(tmp_path):
    code = """
        def job():
            if PartialState().process_index == 1:
                Path(sys.argv[1], "part").write_text(str(os.getpid()))
                Path(sys.argv[1], "part").rename(Path(sys.argv[1], "pid"))
            together(1)
            time.sleep(600)

        run_in_ranks(job, 2)
    """
    first = start(code, str(tmp_path))
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        assert first.poll() is None, first.communicate(timeout=10)
        time.sleep(0.05)
    other = int((tmp_path / "pid").read_text())
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(other) and psutil.Process(other).status() != "zombie":
        assert time.monotonic() < deadline
        time.sleep(0.1)
