"""How the command line ends on a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import click
import pytest
from small_dataset import make_rows, write_dataset

from reinforcesight.cli import run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_one_line_and_its_exit_status(number, capsys):
    @click.command
    def work() -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    assert run([], work) == 128 + number
    assert capsys.readouterr().err == "interrupted; the same command continues where it stopped\n"


def test_ctrl_c_ends_the_browser_of_a_data_set_without_an_error(tmp_path):
    write_dataset(tmp_path / "data", {"train": make_rows(range(1), per_axis=1)})
    arguments = [sys.executable, "-m", "reinforcesight", "browse", str(tmp_path / "data"), "--port", "0"]
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert "stop with Ctrl-C" in server.stdout.readline()
    time.sleep(0.5)
    server.send_signal(signal.SIGINT)
    shown, errors = server.communicate(timeout=60)
    assert (server.returncode, shown, errors) == (0, "stopped\n", "")


def test_a_full_disk_is_one_line_whoever_writes(capsys):
    @click.command
    def work() -> None:
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    assert run([], work) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: can't write: No space left on device")
    assert shown.count("\n") == 1


def test_ctrl_c_while_the_program_is_loaded_is_one_line():
    code = (
        "import builtins, sys\nload = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'reinforcesight.cli': raise KeyboardInterrupt\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "from reinforcesight.__main__ import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_a_library_that_turns_the_stop_into_its_own_error_is_an_interruption(capsys):
    @click.command
    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        except BaseException as stop:
            raise ValueError("the schema can't be built") from stop

    assert run([], work) == 143
    assert capsys.readouterr().err == "interrupted; the same command continues where it stopped\n"
