"""Progress: plain lines off a terminal, a bar on one, events on a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

import pytest

from reinforcesight.jobs.events import EVENTS_VARIABLE, EventReader
from reinforcesight.jobs.progress import Progress, duration

WORK = """
from reinforcesight.jobs.progress import Progress, announce
announce("reading")
with Progress("pictures", 3, done=1) as progress:
    progress.say("a worker died")
    progress.advance()
    progress.figures({"loss": 0.25})
    progress.advance()
import os, subprocess, sys
print("REINFORCESIGHT_EVENTS" in os.environ)
subprocess.run([sys.executable, "-c", "import os; os.write(int(os.environ['PIPE']), b'no event')"], stderr=-3)
"""


def work(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WORK],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        pass_fds=[int(environment["PIPE"])] if "PIPE" in environment else [],
    )


def test_plain_lines_off_a_terminal(capsys):
    with Progress("pictures", 2) as progress:
        progress.advance()
        progress.advance()
    assert "pictures: 2 of 2" in capsys.readouterr().err
    with Progress("pictures", 2, shown=False) as progress:
        progress.reach(2)
        progress.figures({"loss": 1.0})
    assert capsys.readouterr().err == ""


def test_a_finished_part_of_earlier_runs_prints_nothing(capsys):
    with Progress("pictures", 2, done=2):
        pass
    assert capsys.readouterr().err == ""


def test_no_line_comes_twice(capsys):
    with Progress("steps", 2) as progress:
        progress.reach(2)
        progress.figures({"loss": 0.25})
        progress.reach(2)
        progress.figures({"loss": 0.25})
    lines = capsys.readouterr().err.splitlines()
    assert ["loss 0.25" in line for line in lines] == [False, True]


def test_a_bar_on_a_terminal():
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 100))
    done = subprocess.run([sys.executable, "-c", WORK], stderr=follower, stdout=subprocess.DEVNULL, check=True)
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert done.returncode == 0
    assert "3/3" in shown
    assert "loss=0.25" in shown
    assert "a worker died" in shown


def test_events_on_a_pipe():
    reading, writing = os.pipe()
    done = work(**{EVENTS_VARIABLE: str(writing), "PIPE": str(writing)})
    os.close(writing)
    reader = EventReader(reading)
    events = []
    while not reader.closed:
        events += reader.read(10)
    os.close(reading)
    assert events == [
        {"event": "stage", "text": "reading"},
        {"event": "progress", "what": "pictures", "done": 1, "total": 3},
        {"event": "message", "text": "a worker died"},
        {"event": "figures", "values": {"loss": 0.25}},
        {"event": "progress", "what": "pictures", "done": 3, "total": 3},
    ], "and nothing of a process that this one started"
    assert done.stdout.strip() == "False", "the variable is not passed on"


def test_the_reader_takes_events_in_pieces_and_skips_what_is_none():
    reading, writing = os.pipe()
    reader = EventReader(reading)
    os.write(writing, b'{"event": "stage", "te')
    assert reader.read(1) == []
    os.write(writing, b'xt": "x"}\nnot JSON\n[1]\n{"other": 1}\n')
    assert reader.read(1) == [{"event": "stage", "text": "x"}]
    assert reader.read(0) == []
    os.close(writing)
    assert reader.read(1) == []
    assert reader.closed
    os.close(reading)


def test_a_wrong_pipe_is_ignored():
    assert "pictures: 3 of 3" in work(**{EVENTS_VARIABLE: "987"}).stderr
    assert "pictures: 3 of 3" in work(**{EVENTS_VARIABLE: "x"}).stderr


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (59.7, "1 min 00 s")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words
