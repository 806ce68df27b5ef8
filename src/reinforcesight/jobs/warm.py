"""A process that imports heavy packages once, and forks a child for each job (``python -m reinforcesight.jobs.warm``).

Imports take seconds in every process. The warm process computes nothing: a thread pool, such as OpenMP's, does not
survive a fork. One job runs at a time. The warm process ends when its socket closes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from reinforcesight.jobs.startup import settle_process

_LONGEST_MESSAGE = 1 << 20


def can_fork() -> bool:
    """Return whether forked children work: on Linux, without an NVIDIA driver, which may not be used before a fork."""
    return sys.platform == "linux" and not Path("/dev/nvidiactl").exists()


class ForkedJob:
    """A job in a child of the warm process, with the methods of ``subprocess.Popen`` that :mod:`jobs.child` uses."""

    def __init__(self, pid: int, channel: socket.socket, stdin: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.processor_seconds = 0.0  # this and the peak memory are known when it has ended
        self.peak_memory_bytes = 0
        self.stdin = os.fdopen(stdin, "wb", buffering=0)
        self._channel = channel

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status, -N after signal N; if the warm process has died, that of SIGKILL."""
        if self.returncode is None:
            if not select.select([self._channel], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("job", timeout or 0.0)
            answer = _receive(self._channel)
            if answer is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            self.returncode = -signal.SIGKILL if answer is None else int(answer["ended"])
            self.processor_seconds = 0.0 if answer is None else float(answer["seconds"])
            self.peak_memory_bytes = 0 if answer is None else int(answer["peak"])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class WarmProcess:
    """Starts the warm process when the first job needs it. Use as a context manager.

    Args:
        modules: Modules to import before the first fork; those that can't be imported are left to the jobs.
        log: File for what the imports print.
    """

    def __init__(self, modules: Sequence[str], log: Path) -> None:
        self._modules, self._log = list(modules), log
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def run(
        self, module: str, arguments: Sequence[str], *, output: int, errors: int, keep: Mapping[str, int]
    ) -> ForkedJob:
        """Run ``python -m module`` in a forked child, in a session of its own.

        Args:
            output, errors: Descriptors of standard output and standard error.
            keep: Descriptors to keep open in the job, by the environment variable that gets their number; a name with
                a leading dot sets no variable.

        Raises:
            ChildProcessError: The warm process has ended.
        """
        if self._channel is None:
            self._start()
        assert self._channel is not None
        reading, writing = os.pipe()
        try:
            message = {"module": module, "arguments": list(arguments), "keep": list(keep)}
            line = json.dumps(message).encode()
            socket.send_fds(self._channel, [line], [reading, output, errors, *keep.values()])
            answer = _receive(self._channel)
        except OSError:
            answer = None
        finally:
            os.close(reading)
        if answer is None:
            os.close(writing)
            raise ChildProcessError("the process that starts jobs has ended")
        return ForkedJob(int(answer["started"]), self._channel, writing)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", __name__, str(theirs.fileno()), *self._modules],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._channel = ours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._channel is not None and self._process is not None:
            self._channel.close()
            self._process.wait()


def _receive(channel: socket.socket) -> dict[str, Any] | None:
    """Return the next message; ``None`` if the other side has ended."""
    try:
        data = channel.recv(_LONGEST_MESSAGE)
    except ConnectionResetError:
        return None
    return json.loads(data) if data else None


def _serve(channel: socket.socket) -> None:
    """Fork a child for each message, and send its process id and later its exit status."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(channel, _LONGEST_MESSAGE, 64)
        if not data:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            _run_job(json.loads(data), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        channel.send(json.dumps({"started": pid}).encode())
        _, status, usage = os.wait4(pid, 0)
        ended = {
            "ended": os.waitstatus_to_exitcode(status),
            "seconds": usage.ru_utime + usage.ru_stime,
            "peak": 1024 * usage.ru_maxrss,
        }
        channel.send(json.dumps(ended).encode())


def _run_job(message: dict[str, Any], descriptors: list[int]) -> None:
    """Become the job, and end this process with its exit status."""
    status = 1
    try:
        os.setsid()
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
            os.close(descriptor)
        for name, descriptor in zip(message["keep"], descriptors[3:], strict=True):
            os.set_inheritable(descriptor, True)
            if not name.startswith("."):
                os.environ[name] = str(descriptor)
        sys.argv = [message["module"], *message["arguments"]]
        runpy.run_module(message["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the top level
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def main(arguments: list[str]) -> None:
    settle_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor, *modules = arguments
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Jobs need not look through what they share: training collects garbage several times.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(descriptor)) as channel, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        _serve(channel)


if __name__ == "__main__":
    main(sys.argv[1:])
