"""Scan all pictures in worker processes, and recover from workers that die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reinforcesight.data_gen.config import Shard
from reinforcesight.data_gen.scanning.work_files import ChunkReport, ScanContext, ScanTask, chunk_path, read_report
from reinforcesight.errors import InputError
from reinforcesight.jobs.pool import WorkerPool
from reinforcesight.jobs.progress import Progress

# Small enough that a dead worker costs little and small jobs use all workers; large enough to keep the number of files
# low.
CHUNK_PICTURES = 16


def chunk_count(pictures: int) -> int:
    return -(-pictures // CHUNK_PICTURES)


def chunk_task(chunk: int, pictures: int) -> ScanTask:
    start = chunk * CHUNK_PICTURES
    return ScanTask(chunk, start, min(start + CHUNK_PICTURES, pictures))


def missing_chunks(context: ScanContext, pictures: int) -> list[int]:
    """Return the chunks without an intact work file of this job."""
    return [
        chunk
        for chunk in range(chunk_count(pictures))
        if read_report(chunk_path(context.folder, chunk), context.identity) is None
    ]


def read_reports(context: ScanContext, pictures: int) -> Iterator[ChunkReport]:
    """Yield the reports of all chunks, in order. Raises :class:`InputError` if a chunk is missing or damaged."""
    for chunk in range(chunk_count(pictures)):
        path = chunk_path(context.folder, chunk)
        report = read_report(path, context.identity, whole=False)
        if report is None:
            raise InputError("a work file is missing or damaged", where=str(path), fix="run the command again")
        yield report


def scan_pictures(context: ScanContext, pictures: int, *, pool: WorkerPool[Any, Any, Any], shard: Shard) -> None:
    """Scan this shard's chunks of the first ``pictures`` pictures that have no work file yet.

    If a worker dies (out of memory, a crash in a library), its chunk is retried once, and then picture by picture:
    pictures that kill their worker are left out and reported by name.

    Raises:
        OutputError: A work file can't be written.
    """
    tasks = [chunk_task(chunk, pictures) for chunk in missing_chunks(context, pictures) if shard.has(chunk)]
    if not tasks:
        return
    mine = sum(chunk_task(chunk, pictures).size for chunk in range(chunk_count(pictures)) if shard.has(chunk))
    done = mine - sum(task.size for task in tasks)
    probed: Counter[int] = Counter()
    crashed: dict[int, list[tuple[int, str]]] = {}
    with Progress("pictures", mine, done=done) as progress:
        for outcome in pool.run(tasks):
            task = outcome.task
            assert isinstance(task, ScanTask)
            whole = chunk_task(task.chunk, pictures)
            if outcome.crash is not None:
                where = f"pictures {task.start} to {task.stop - 1}"
                progress.say(f"a worker died ({outcome.crash}) while scanning {where}")
            if task.probe:
                probed[task.chunk] += 1
                if outcome.crash is not None:
                    crashed.setdefault(task.chunk, []).append((task.start, outcome.crash))
                if probed[task.chunk] == whole.size:
                    pool.again(replace(whole, attempt=2, crashed=tuple(sorted(crashed.get(task.chunk, [])))))
            elif outcome.crash is None:
                progress.advance(whole.size)
            elif task.attempt == 0:
                pool.again(replace(task, attempt=1))
            elif task.attempt == 1:
                for index in range(whole.start, whole.stop):
                    pool.again(ScanTask(task.chunk, index, index + 1, probe=True))
            else:
                raise InputError(
                    f"workers keep dying ({outcome.crash}) while scanning pictures {task.start} to {task.stop - 1}",
                    fix="use fewer --workers, or check for a lack of memory",
                )
