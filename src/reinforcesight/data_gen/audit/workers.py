"""Check the rows of a large data set in several processes, with the result of a single one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice

from reinforcesight.data_gen.audit.findings import Findings
from reinforcesight.data_gen.audit.rows import RowChecks, Understood
from reinforcesight.data_gen.dataset.reader import BadRow, StoredRow
from reinforcesight.jobs.pool import WorkerPool, default_workers
from reinforcesight.relations.kinds import RelationRules

# Rows of a task, and the number of rows for which it is worth starting processes.
_TASK_ROWS = 256
_MANY_ROWS = 4000


@dataclass(frozen=True, slots=True)
class _Task:
    number: int
    rows: tuple[StoredRow, ...]  # without their pictures, which these checks don't need


_Checked = tuple[StoredRow | BadRow, Understood | None]
_Result = tuple[list[Understood | None], Findings]


def row_processes(asked: int, rows: int) -> int:
    """Return the number of processes; 0 asks for one per core if there are many rows.

    Only on Linux, where a process can be forked: a spawned one would need a guarded main module.
    """
    if sys.platform != "linux":
        return 1
    return asked or (default_workers() if rows >= _MANY_ROWS else 1)


def checked_rows(
    stored: Iterable[StoredRow | BadRow], rules: RelationRules, findings: Findings, workers: int
) -> Iterator[_Checked]:
    """Yield each row with what :meth:`RowChecks.check` returns for it, in order, and add its findings."""
    if workers == 1:
        checks = RowChecks(findings, rules)
        for row in stored:
            yield row, None if isinstance(row, BadRow) else checks.check(row)
        return
    waiting: dict[int, tuple[StoredRow | BadRow, ...]] = {}
    done: dict[int, _Result] = {}

    def tasks() -> Iterator[_Task]:
        following = iter(stored)
        for number in count():
            rows = waiting[number] = tuple(islice(following, _TASK_ROWS))
            if not rows:
                return
            good = (row for row in rows if isinstance(row, StoredRow))
            yield _Task(number, tuple(replace(row, row=replace(row.row, image=b"")) for row in good))

    with WorkerPool(_check, rules, workers=workers, fork=True) as pool:
        following = 0
        for outcome in pool.run(tasks()):
            # A worker that died is no finding: its rows are checked here.
            done[outcome.task.number] = outcome.result or _check(rules, outcome.task)
            while following in done:
                known, found = done.pop(following)
                findings.merge(found)
                results = iter(known)
                for row in waiting.pop(following):
                    yield row, None if isinstance(row, BadRow) else next(results)
                following += 1


def _check(rules: RelationRules, task: _Task) -> _Result:
    findings = Findings()
    checks = RowChecks(findings, rules)
    return [checks.check(row) for row in task.rows], findings
