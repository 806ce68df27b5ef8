"""Memory on a CPU: keep what tensors have freed, for the next ones to use."""

from __future__ import annotations

import ctypes
import os
import sys

# Names of parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER_TRIM = 2**31 - 1  # the parameter is a C int
_GROW_BY = 256 << 20


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory instead of giving it back to the system.

    By default glibc asks the system for every tensor of more than some MiB and gives it back afterwards, and the system
    has to clear each page again: a tenth of the time of a training step of a small model on a CPU
    (``benchmarks/training_step.py``). The process then keeps its peak of memory to its end. Whoever has set glibc's own
    variables (``MALLOC_...``, ``GLIBC_TUNABLES``) has chosen otherwise and is left alone.

    Returns:
        Whether it was done; not on other systems or C libraries.
    """
    chosen = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if not sys.platform.startswith("linux") or chosen:
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # musl has mallopt's name alone  # noqa: B018
        settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER_TRIM), (_TOP_PAD, _GROW_BY))
        return all(library.mallopt(name, value) for name, value in settings)
    except (OSError, AttributeError):
        return False
