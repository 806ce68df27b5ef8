"""Forked processes of a training: they exchange tensors, and none outlives or waits for one that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process trains")

START = """
    import os, signal, sys, time
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


def python(code: str) -> subprocess.CompletedProcess[str]:
    text = textwrap.dedent(START) + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=False)


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


def test_the_other_process_ends_with_the_first():
    code = """
        def job():
            if PartialState().process_index == 1:
                print(os.getpid(), flush=True)
            together(1)
            time.sleep(600)

        run_in_ranks(job, 2)
    """
    text = textwrap.dedent(START) + textwrap.dedent(code)
    first = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    other = int(first.stdout.readline())
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    deadline = time.monotonic() + 30
    while psutil.pid_exists(other) and psutil.Process(other).status() != "zombie":
        assert time.monotonic() < deadline
        time.sleep(0.1)
