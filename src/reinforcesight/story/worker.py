"""The process that runs one stage: ``python -m reinforcesight.story.worker CONFIG STAGE``.

A separate process frees its memory when it ends, can be measured, and keeps torch out of the watching process. It ends
when its parent does, because its standard input is then closed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import click

from reinforcesight.config import load_config
from reinforcesight.errors import ReinforceSightError
from reinforcesight.jobs.events import events_pipe, send_event
from reinforcesight.jobs.files import full_disk
from reinforcesight.jobs.signals import Stopped, stop_on_signals
from reinforcesight.jobs.startup import settle_process
from reinforcesight.story.config import RunConfig
from reinforcesight.story.stages import stage_named

# Seconds that a stage may take to save after its parent has ended.
_GRACE = 120.0


def _end_with_parent() -> None:
    """Stop as on SIGTERM when standard input closes, so that no stage outlives a killed parent."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_GRACE)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _write_page_so_far(config: RunConfig) -> None:
    from reinforcesight.story.report import write_page

    try:
        write_page(config)
    except Exception as error:  # noqa: BLE001 - an error of the page must not fail a finished stage
        click.echo(f"the page can't be written yet: {type(error).__name__}: {error}", err=True)


def main(arguments: list[str]) -> int:
    """Read the configuration and run the stage. The exit status is that of ``reinforcesight``."""
    path, name = arguments
    events_pipe()  # opened first, so that the stage's own processes do not inherit it
    _end_with_parent()
    settle_process()
    received: list[int] = []
    try:
        with stop_on_signals() as received:
            config = load_config(RunConfig, Path(path))
            status = stage_named(name).work(config)
            if status == 0 and name != "report":
                _write_page_so_far(config)
            return status
    except Stopped as stop:
        return stop.exit_code
    except Exception as failure:
        error = failure if isinstance(failure, ReinforceSightError) else None
        if error is None and received:
            return 128 + received[0]
        error = error or full_disk(failure, Path(path).parent)
        if error is None:
            raise
        send_event("error", text=str(error))
        click.echo(f"error: {error}", err=True)
        return error.exit_code


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
