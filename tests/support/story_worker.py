"""Stands in for the stages' work in tests of ``run``: the real worker process, with quick stages.

Each stage appends a line to ``calls.txt`` next to the run folder, sends events and writes its products. Environment
variables say what else it does: ``STORY_FAIL`` names a stage that fails, ``STORY_HANG`` one that waits until it is
stopped, ``STORY_CRASH`` one that raises an unexpected error, and ``STORY_KILL=STAGE:NUMBER`` sends itself a signal.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
from types import FrameType

from reinforcesight.errors import InputError
from reinforcesight.jobs.progress import Progress, announce
from reinforcesight.story import stages, worker
from reinforcesight.story.config import RunConfig


def quick(config: RunConfig, stage: str) -> int:
    """Write each product once; a later session adds to it, as a resumed training does."""
    calls = config.output.parent / "calls.txt"
    with calls.open("a", encoding="utf-8") as stream:
        stream.write(f"{stage}\n")
    announce(f"working on {stage}")
    print("pictures: 99 of 99, which is text and no event", flush=True)
    spec = stages.stage_named(stage)
    begun = config.output / (spec.folder or stage) / "begun.txt"
    begun.parent.mkdir(parents=True, exist_ok=True)
    sessions = begun.read_text(encoding="utf-8") if begun.exists() else ""
    begun.write_text(f"{sessions}session\n", encoding="utf-8")
    with Progress("questions", 2) as progress:
        progress.advance()
        if os.environ.get("STORY_FAIL") == stage:
            raise InputError("the picture is broken", where="row 7", fix="repair it")
        if os.environ.get("STORY_CRASH") == stage:
            raise RuntimeError("an unexpected error")
        if os.environ.get("STORY_HANG") == stage:
            return _hang()
        killed, _, number = os.environ.get("STORY_KILL", "").partition(":")
        if killed == stage:
            os.kill(os.getpid(), int(number))
        progress.advance()
        progress.figures({"accuracy": 0.75})
    for pattern in spec.products(config):
        path = config.output / pattern.replace("*", "file")
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a stage makes depends on its settings alone, as with the real ones.
        path.write_text(json.dumps([pattern, spec.settings(config)], sort_keys=True), encoding="utf-8")
    return 0


def _hang() -> int:
    stopped = threading.Event()
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    print("hanging", flush=True)
    while not stopped.wait(0.05):
        pass
    return 128 + received[0]


if __name__ == "__main__":
    stages.STAGES = tuple(
        dataclasses.replace(stage, work=lambda config, name=stage.name: quick(config, name)) for stage in stages.STAGES
    )
    sys.exit(worker.main(sys.argv[1:]))
