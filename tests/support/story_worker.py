"""Stands in for the stages' work in tests of the order of things: the real worker process, with quick stages.

Each stage appends a line to ``calls.txt`` beside the run folder and writes its products. What else it does is said by
environment variables: ``STORY_FAIL`` names a stage that fails, ``STORY_HANG`` one that waits until it is stopped.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from types import FrameType

from reinforcesight.errors import InputError
from reinforcesight.story import worker
from reinforcesight.story.config import RunConfig, StageName
from reinforcesight.story.stages import STAGES


def quick(config: RunConfig, stage: StageName) -> int:
    """Write each product once; a later session adds to it, as a resumed training does."""
    calls = config.output.parent / "calls.txt"
    with calls.open("a", encoding="utf-8") as stream:
        stream.write(f"{stage.value}\n")
    print(f"questions: 1 of 2 in {stage.value}", flush=True)
    spec = next(s for s in STAGES if s.name is stage)
    begun = config.output / (spec.folders[0] if spec.folders else stage.value) / "begun.txt"
    begun.parent.mkdir(parents=True, exist_ok=True)
    sessions = begun.read_text(encoding="utf-8") if begun.exists() else ""
    begun.write_text(f"{sessions}session\n", encoding="utf-8")
    if os.environ.get("STORY_FAIL") == stage.value:
        raise InputError("the picture is broken", where="row 7", fix="mend it")
    if os.environ.get("STORY_HANG") == stage.value:
        return _hang(begun)
    for pattern in spec.products(config):
        path = config.output / pattern.replace("*", "file")
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a stage makes depends on its settings alone, as with the real ones.
        path.write_text(json.dumps([pattern, spec.settings(config)], sort_keys=True), encoding="utf-8")
    return 0


def _hang(begun: object) -> int:
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
    for name in StageName:
        worker._WORK[name] = lambda config, stage=name: quick(config, stage)
    sys.exit(worker.main(sys.argv[1:]))
