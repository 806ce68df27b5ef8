"""Worker processes: if one dies, its task is reported and the others continue.

By default processes are spawned, so that no lock or thread of the parent is copied. Each worker has a pipe for tasks
and results, and ends when the parent's end of the pipe closes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, Self, TypeVar

from reinforcesight.errors import ReinforceSightError

_SECONDS_BETWEEN_LOOKS = 0.5

ContextT = TypeVar("ContextT")
TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# With one process per core, threads of numerical libraries would only slow each other down.
SINGLE_THREADED = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    with contextlib.suppress(AttributeError):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[TaskT, ResultT]):
    """The result of a task, or the reason why its worker died."""

    task: TaskT
    result: ResultT | None
    crash: str | None = None  # such as "killed by SIGKILL"


class WorkerError(RuntimeError):
    """An unexpected error in a worker; the message has its traceback."""


@dataclass(slots=True)
class _Worker(Generic[TaskT]):
    process: BaseProcess
    connection: Connection
    task: TaskT | None = None
    ready: bool = False


class WorkerPool(Generic[ContextT, TaskT, ResultT]):
    """Runs ``function(context, task)`` for many tasks in worker processes, which start when they are needed.

    Args:
        function: Top-level function, which workers import.
        context: First argument of all calls, sent once to each worker.
        fork: On Linux, copy this process instead of starting Python anew, so that imported packages need not be
            imported again. All workers start at once; before that, torch must not have computed anything here.
    """

    def __init__(
        self,
        function: Callable[[ContextT, TaskT], ResultT],
        context: ContextT,
        *,
        workers: int,
        fork: bool = False,
    ) -> None:
        self._function, self._context, self._size = function, context, max(1, workers)
        self._method: Any = "fork" if fork and sys.platform == "linux" else "spawn"
        self._workers: list[_Worker[TaskT]] = []
        self._again: deque[TaskT] = deque()
        if self._method == "fork":
            while len(self._workers) < self._size:
                self._start()

    def again(self, task: TaskT) -> None:
        """Add a task during :meth:`run`; it runs before the remaining tasks."""
        self._again.append(task)

    def run(self, tasks: Iterable[TaskT]) -> Iterator[Outcome[TaskT, ResultT]]:
        """Yield outcomes as tasks finish. The next task is taken when a worker is free.

        A ReinforceSightError of the function is raised here; any other error becomes a WorkerError.
        """
        waiting = iter(tasks)
        exhausted = False
        while True:
            while self._again or not exhausted:
                worker = self._idle_worker()
                if worker is None:
                    break
                if self._again:
                    task = self._again.popleft()
                else:
                    try:
                        task = next(waiting)
                    except StopIteration:
                        exhausted = True
                        continue
                worker.task = task
                with contextlib.suppress(BrokenPipeError):  # the worker died while idle; reported below as a crash
                    worker.connection.send(task)
            busy = [worker for worker in self._workers if worker.task is not None]
            if not busy:
                if exhausted and not self._again:
                    return
                continue
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection in ready:
                    outcome = self._receive(worker)
                    if outcome is not None:
                        yield outcome

    def _idle_worker(self) -> _Worker[TaskT] | None:
        for worker in self._workers:
            if worker.task is None:
                return worker
        return self._start() if len(self._workers) < self._size else None

    def _start(self) -> _Worker[TaskT]:
        context = multiprocessing.get_context(self._method)
        here, there = context.Pipe()
        arguments: tuple[Any, ...] = (there, self._function, self._context)
        if self._method == "fork":
            arguments += ([here, *(worker.connection for worker in self._workers)],)
        process = context.Process(target=_worker_main, args=arguments, daemon=True)
        with environment_variables(SINGLE_THREADED):
            process.start()
        there.close()
        worker: _Worker[TaskT] = _Worker(process, here)
        self._workers.append(worker)
        return worker

    def _receive(self, worker: _Worker[TaskT]) -> Outcome[TaskT, ResultT] | None:
        try:
            kind, value = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._bury(worker)
        if kind == "ready":
            worker.ready = True
            return None
        if kind == "user_error":
            raise value
        if kind == "defect":
            raise WorkerError(f"a worker process failed:\n{value}")
        task, worker.task = worker.task, None
        assert task is not None
        return Outcome(task, value)

    def _bury(self, worker: _Worker[TaskT]) -> Outcome[TaskT, ResultT]:
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"exit status {code}"
        if code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        if not worker.ready and code >= 0:
            raise ReinforceSightError(
                f"a worker process could not start: {how}",
                fix="see its message above; a script that calls generate() needs 'if __name__ == \"__main__\":'",
            )
        self._workers.remove(worker)
        self._method = "spawn"  # for its replacement: this process may have computed something since it started
        worker.connection.close()
        assert worker.task is not None
        return Outcome(worker.task, None, crash=how)

    def close(self) -> None:
        """Stop all workers immediately; unfinished tasks are lost."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(timeout=5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
        self._workers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def environment_variables(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for processes started inside the block; libraries read them when imported."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _worker_main(
    connection: Connection,
    function: Callable[[ContextT, TaskT], ResultT],
    context: ContextT,
    inherited: Sequence[Connection] = (),
) -> None:
    for other in inherited:  # the parent's ends of pipes, which a fork copies: open, they would hide that it has ended
        other.close()
    threading.Thread(target=end_with, args=(os.getppid(),), name="end-with-parent", daemon=True).start()
    # A terminal sends SIGINT to every process of the group, but only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError, EOFError, ConnectionResetError):
        connection.send(("ready", None))
        while True:
            task = connection.recv()
            try:
                answer: tuple[str, object] = ("result", function(context, task))
            except ReinforceSightError as error:
                answer = ("user_error", error)
            except Exception:  # noqa: BLE001 - the parent raises it
                answer = ("defect", traceback.format_exc())
            connection.send(answer)


def end_with(parent: int) -> None:
    """End this process during a task too when its parent has been killed."""
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)
