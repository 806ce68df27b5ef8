"""Child processes: their end, their events, their memory, and signals."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from reinforcesight.jobs.child import ChildResult, run_child
from reinforcesight.jobs.environment import source_state, versions
from reinforcesight.jobs.record import differences
from reinforcesight.jobs.signals import NotedSignals, Stopped, stop_on_signals


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Runs Python code in a child; returns its result, its events and its log."""

    def run(code: str, signals: NotedSignals | None = None) -> tuple[ChildResult, list, str]:
        (tmp_path / "child_of_test.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
        events: list = []
        try:
            result = run_child(
                "child_of_test",
                [],
                log=tmp_path / "logs" / "log",
                lock=lock,
                signals=signals or NotedSignals(),
                on_event=events.append,
                on_tick=lambda seconds, memory: None,
            )
        finally:
            os.close(lock)
        return result, events, (tmp_path / "logs" / "log").read_text()

    return run


def test_a_child_that_ends_well(child):
    result, events, log = child(
        "from reinforcesight.jobs.events import send_event\n"
        "for at in range(5000): send_event('progress', what='x', done=at, total=5000)\n"
        "print('words')"
    )
    assert (result.exit_code, result.signal, result.problem) == (0, None, "words")
    assert [event["done"] for event in events] == list(range(5000)), "none is lost at the end"
    assert log == "words\n"
    assert result.peak_memory_bytes > 1e6


def test_an_error_sent_as_an_event_counts_before_the_output(child):
    result, _, _ = child(
        "import sys\nfrom reinforcesight.jobs.events import send_event\n"
        "send_event('error', text='the reason')\nprint('error: noise of a library')\nsys.exit(2)"
    )
    assert (result.exit_code, result.problem) == (2, "the reason")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_ended_by_a_signal(child, number):
    result, _, _ = child(f"import os; os.kill(os.getpid(), {int(number)})")
    assert (result.exit_code, result.signal) == (-number, None)


def test_the_end_does_not_wait_for_processes_that_a_child_leaves_behind(child):
    result, _, _ = child("import subprocess\nsubprocess.Popen(['sleep', '60'])\nprint('done')")
    assert result.exit_code == 0
    assert result.seconds < 50


def test_signals_are_passed_on(child):
    with NotedSignals(most=2) as signals:
        threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
        result, _, _ = child("import time\ntime.sleep(60)", signals)
    assert (result.exit_code, result.signal) == (-signal.SIGTERM, signal.SIGTERM)


def test_noted_signals_and_handlers_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with NotedSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "the next one has its default effect"
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(Stopped) as stopped, stop_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("noting", [NotedSignals, stop_on_signals])
def test_a_forked_process_ends_by_a_signal(noting, capfd):
    with noting():
        process = os.fork()
        if process == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGTERM
    assert capfd.readouterr().err == ""


def test_differences_of_settings():
    old = {"a": 1, "b": {"c": 2, "d": [3]}, "input_digest": "x"}
    assert differences(old, old) == ""
    assert differences(old, {"a": 1, "b": {"c": 4, "d": [3]}, "input_digest": "y"}) == (
        "b.c was 2, now 4; the input has changed"
    )
    many = differences({}, {str(at): at for at in range(5)}, also=["sft is new"])
    assert many == "0 was None, now 0; 1 was None, now 1; 2 was None, now 2; and 3 more"


def test_versions_and_commit():
    found = versions(["numpy", "no-such-distribution"])
    assert list(found) == ["python", "reinforcesight", "numpy"]
    assert set(source_state()) == {"commit", "uncommitted_changes"}
