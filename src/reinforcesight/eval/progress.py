"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

_SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Counts finished pieces of work on standard error."""

    def __init__(self, what: str, total: int, *, shown: bool = True) -> None:
        self._what, self._total, self._shown = what, total, shown and total > 0
        self._done = 0
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
        self._bar: Any = None
        if self._shown and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=what, unit="", dynamic_ncols=True)

    def advance(self) -> None:
        """One piece is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.update()
        elif self._shown and (time.monotonic() >= self._next_line or self._done == self._total):
            sys.stderr.write(f"{self._what}: {self._done} of {self._total}\n")
            sys.stderr.flush()
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
