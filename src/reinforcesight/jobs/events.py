"""Events of a job as JSON lines on a pipe, for the process that started it and shows how the job is doing.

The environment variable ``REINFORCESIGHT_EVENTS`` holds the number of the pipe's file descriptor. An event is an object
with the key ``event``:

    {"event": "progress", "what": "pictures", "done": 16, "total": 100}
    {"event": "figures", "values": {"loss": 0.25}}
    {"event": "stage", "text": "evaluating SFT on held_out"}
    {"event": "message", "text": "a worker died (killed by SIGKILL) while scanning pictures 0 to 15"}
    {"event": "error", "text": "the picture is broken (row 7): repair it"}
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from multiprocessing.connection import wait
from typing import Any

EVENTS_VARIABLE = "REINFORCESIGHT_EVENTS"

Event = dict[str, Any]


@functools.cache
def events_pipe() -> int | None:
    """Return the pipe's descriptor, which child processes do not inherit; ``None`` if no process listens."""
    with contextlib.suppress(ValueError, OSError):
        pipe = int(os.environ.pop(EVENTS_VARIABLE, ""))
        os.set_inheritable(pipe, False)
        return pipe
    return None


def send_event(kind: str, **facts: Any) -> None:
    """Send an event to the listening process, if there is one."""
    pipe = events_pipe()
    if pipe is not None:
        with contextlib.suppress(OSError):  # the listener has ended
            os.write(pipe, (json.dumps({"event": kind, **facts}) + "\n").encode())


class EventReader:
    """Reads events from a pipe.

    Attributes:
        closed: Whether all writing processes have ended.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._rest = b""
        self.closed = False

    def read(self, timeout: float) -> list[Event]:
        """Return the events that are ready, or else those that arrive first within ``timeout`` seconds."""
        if self.closed or not wait([self._pipe], timeout):
            return []
        data = os.read(self._pipe, 1 << 16)
        self.closed = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for line in lines:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event:
                    events.append(event)
        return events
