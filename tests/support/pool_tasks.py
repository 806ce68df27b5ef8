"""Work for the tests of the worker pool, in a module that a worker imports fast."""

from __future__ import annotations

import os
import signal
import sys

from reinforcesight.errors import InputError


def half(context: int, task: int) -> int:
    if task == 13:
        raise InputError("thirteen", fix="take another")
    if task == 14:
        raise KeyError("fourteen")
    if task == 15:
        os.kill(os.getpid(), signal.SIGKILL)
    return task // context


def same(context: object, task: int) -> int:
    return task


class Unloadable:
    def __reduce__(self):
        return (sys.exit, (3,))
