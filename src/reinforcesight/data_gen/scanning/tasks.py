"""The two kinds of work that the same worker processes do: scan a chunk of pictures, write a file of questions."""

from __future__ import annotations

from dataclasses import dataclass

from reinforcesight.data_gen.dataset.writer import WriteContext, WriteTask, WrittenFile, write_file
from reinforcesight.data_gen.scanning.work_files import ScanContext, ScanTask, scan_chunk
from reinforcesight.jobs.pool import WorkerPool


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a worker needs for either kind of task."""

    scan: ScanContext
    write: WriteContext


Task = ScanTask | WriteTask
TaskPool = WorkerPool[TaskContext, Task, int | WrittenFile]


def do_task(context: TaskContext, task: Task) -> int | WrittenFile:
    """Do one task in a worker."""
    if isinstance(task, ScanTask):
        return scan_chunk(context.scan, task)
    return write_file(context.write, task)
