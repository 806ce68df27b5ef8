"""Let glibc keep the memory of freed CPU tensors."""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of mallopt in glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER_TRIM = 2**31 - 1  # the parameter is a C int
_GROW_BY = 256 << 20


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory instead of returning it to the system. Return whether it was possible.

    By default glibc maps memory for every tensor of more than a few MiB and unmaps it afterwards. The system then
    clears
    each page again, which takes a tenth of a training step of a small model on a CPU
    (``benchmarks/training_step.py``).
    Here the process keeps its peak memory until it ends. Nothing is changed if glibc's own variables (``MALLOC_...``,
    ``GLIBC_TUNABLES``) are set, or with another C library.
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
