"""Run a training job in several processes on the CPU of this machine, which exchange gradients through gloo.

``torchrun`` would start Python anew and import everything again; here the processes are forked. Before that, torch must
not have computed anything.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from reinforcesight.errors import ReinforceSightError
from reinforcesight.jobs.pool import SINGLE_THREADED, end_with, environment_variables
from reinforcesight.jobs.signals import signal_name

RankResultT = TypeVar("RankResultT")

_SECONDS_TO_END = 30.0
# Gloo notices at once that a connected process has died. One that dies before is missed only after this time.
_SECONDS_TO_CONNECT = 60.0


def run_in_ranks(job: Callable[[], RankResultT], count: int) -> RankResultT:
    """Run ``job`` in this process (rank 0) and in ``count - 1`` copies of it; return the result of rank 0.

    Raises:
        ReinforceSightError: Another process was killed, such as by a lack of memory, or ended with this error.
    """
    context = multiprocessing.get_context("fork")
    others: list[BaseProcess] = []
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
        meeting = (Path(folder) / "meeting", count)
        try:
            for rank in range(1, count):
                others.append(context.Process(target=_follow, args=(job, rank, *meeting), daemon=True))
                others[-1].start()
            result = _as_rank(job, 0, *meeting)
            for other in others:
                other.join(_SECONDS_TO_END)
            return result
        except RuntimeError as error:  # of torch: the connection was closed, or never made
            problem = _problem(others, meeting[0])
            if problem is None:
                raise
            raise ReinforceSightError(problem) from error
        finally:
            for other in others:
                other.kill()
                other.join()


def _follow(job: Callable[[], Any], rank: int, meeting: Path, count: int) -> None:
    threading.Thread(target=end_with, args=(os.getppid(),), name="end-with-parent", daemon=True).start()
    try:
        _as_rank(job, rank, meeting, count)
    except ReinforceSightError as error:
        meeting.with_name("problem").write_text(str(error), encoding="utf-8")
        sys.exit(1)


def _as_rank(job: Callable[[], RankResultT], rank: int, meeting: Path, count: int) -> RankResultT:
    import torch
    from accelerate import PartialState
    from torch.distributed.distributed_c10d import _set_pg_timeout, default_pg_timeout

    # Without the number that accelerate would give the CPU, with which torch can't load an optimizer's state.
    own = {
        "ACCELERATE_TORCH_DEVICE": "cpu",
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
    }
    # Only this machine's processes take part.
    network = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo")}
    with environment_variables({**{name: str(value) for name, value in own.items()}, **network, **SINGLE_THREADED}):
        torch.set_num_threads(1)
        patience = timedelta(seconds=_SECONDS_TO_CONNECT)
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=count, timeout=patience
        )
        # One process may work alone for longer, such as on a checkpoint.
        _set_pg_timeout(default_pg_timeout)
        try:
            PartialState(cpu=True)
            return job()
        finally:
            PartialState._reset_state()
            torch.distributed.destroy_process_group()


def _problem(processes: Sequence[BaseProcess], meeting: Path) -> str | None:
    """Return why another process has ended: the signal that killed it, or its error."""
    for process in processes:
        process.join(1.0)  # its connection may close before it ends
        if process.exitcode is not None and process.exitcode < 0:
            return f"a process of the training was killed by {signal_name(-process.exitcode)}"
    written = meeting.with_name("problem")
    return written.read_text(encoding="utf-8") if written.exists() else None
