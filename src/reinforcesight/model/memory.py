"""Memory: whether it ran out; on a CPU, keep that of freed tensors, and how many copies of a model fit."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable

import psutil

from reinforcesight.devices import pick_device
from reinforcesight.jobs.pool import default_workers
from reinforcesight.jobs.warm import can_fork
from reinforcesight.model.options import ModelConfig

# Parameters of mallopt in glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER_TRIM = 2**31 - 1  # the parameter is a C int
_GROW_BY = 256 << 20

_SMALL = 64 << 20  # bytes of weights; a larger model keeps two threads of one process busy
_PER_PROCESS = 1 << 30  # bytes that generation needs besides the weights, for a small model


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the error means out of memory, on the GPU or the host."""
    import torch

    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory instead of returning it to the system. Return whether it was possible.

    By default glibc maps memory for every tensor of more than a few MiB and unmaps it afterwards. The system then
    clears each page again, which takes a tenth of a training step of a small model on a CPU
    (``benchmarks/training_step.py``). Here the process keeps its peak memory until it ends. Nothing is changed if
    glibc's own variables (``MALLOC_...``, ``GLIBC_TUNABLES``) are set, or with another C library.
    """
    chosen = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if not sys.platform.startswith("linux") or chosen:
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # musl has a mallopt that does nothing  # noqa: B018
        settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER_TRIM), (_TOP_PAD, _GROW_BY))
        return all(library.mallopt(name, value) for name, value in settings)
    except (OSError, AttributeError):
        return False


def processes_that_fit(models: Iterable[ModelConfig]) -> int:
    """Return how many processes of one thread can load all these models at once; 1 if any is not local or not on a CPU.

    A batch of a small model gains little from a second thread: two processes answer almost twice as many questions
    (``docs/log/speed.md``).
    """
    from reinforcesight.model.load import find_source, weights_bytes

    each = _PER_PROCESS
    for model in models:
        size = weights_bytes(find_source(model)) if pick_device(model.device) == "cpu" else None
        if size is None:
            return 1
        each += 2 * size  # float32 from files of bfloat16
    return max(1, min(default_workers(), psutil.virtual_memory().available // each))


def training_processes(model: ModelConfig, batch_size: int, together: int = 1) -> int:
    """Return in how many processes of one thread to train a model: 2 for a small one on a CPU, otherwise 1.

    Args:
        model: Model to train.
        batch_size: Rows of a step, half of which each process takes.
        together: Rows that have to be in one process, such as the answers to one question.
    """
    from reinforcesight.model.load import find_source, weights_bytes

    if not can_fork() or "WORLD_SIZE" in os.environ or batch_size % (2 * together) or processes_that_fit([model]) < 2:
        return 1
    return 2 if (weights_bytes(find_source(model)) or _SMALL + 1) <= _SMALL else 1
