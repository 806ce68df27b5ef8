"""The record of one training run: settings, data, model, results, and metrics line by line.

``run_record.json`` is rewritten atomically; ``metrics.jsonl`` is appended to, so a kill loses at most one line. Both
are in the run's output folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import OutputError
from reinforcesight.jobs.environment import now
from reinforcesight.jobs.files import append_lines, json_line, json_value, unsealed, write_sealed_json, write_text

RECORD_NAME = "run_record.json"
METRICS_NAME = "metrics.jsonl"


@dataclass
class RunRecord:
    """A run's folder and the content of its record.

    ``content`` has the keys ``schema, command, status, config, recipe, data, model, seeds, source, hardware, sessions,
    results``. ``status`` is ``running, interrupted, failed`` or ``finished``. ``recipe`` has the settings that affect
    the result, which must be the same when a run is resumed. Each start of the command adds to ``sessions``.
    """

    folder: Path
    content: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> RunRecord | None:
        """Read the record in a folder; ``None`` if there is none.

        Raises:
            OutputError: The file exists but can't be read or is damaged.
        """
        path = folder / RECORD_NAME
        if not path.is_file():
            return None
        try:
            content = json_value(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(f"the run record can't be read: {error}", where=str(path)) from error
        content = unsealed(content) if isinstance(content, dict) else None
        if content is None:
            raise OutputError(
                "the run record is damaged",
                where=str(path),
                fix="restore it or give another --output; its checkpoints are models that can still be used",
            )
        return cls(folder, content)

    def save(self) -> None:
        write_sealed_json(self.folder / RECORD_NAME, self.content)

    def start_session(self, *, from_step: int) -> None:
        """Record a start of the command, and remove the metrics of lost steps."""
        self.content["status"] = "running"
        self.content.setdefault("sessions", []).append(
            {"started": now(), "from_step": from_step, "process": os.getpid()}
        )
        if (self.folder / METRICS_NAME).is_file():
            kept = [line for line in read_metrics(self.folder) if line.get("step", 0) <= from_step]
            write_text(self.folder / METRICS_NAME, "".join(json.dumps(line) + "\n" for line in kept))
        self.save()

    def end_session(self, status: str, **facts: Any) -> None:
        """Record the status of this session (``finished``, ``interrupted`` or ``failed``) and facts about it."""
        self.content["status"] = status
        self.content["sessions"][-1] |= {"ended": now(), **facts}
        self.save()

    def add_metrics(self, line: Mapping[str, Any]) -> None:
        """Append one line of metrics, which must have the key ``step``."""
        append_lines(self.folder / METRICS_NAME, [json.dumps(line)])


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Read ``metrics.jsonl``, without a last line that a kill left incomplete."""
    path = folder / METRICS_NAME
    if not path.is_file():
        return []
    lines = map(json_line, path.read_text(encoding="utf-8", errors="replace").splitlines())
    return [line for line in lines if line is not None]


def differences(old: Mapping[str, Any], new: Mapping[str, Any], *, also: Sequence[str] = ()) -> str:
    """Describe which settings (JSON values) differ, as dotted keys with both values. Empty if all are equal.

    The first three are named and the rest counted; ``also`` are other differences, listed after them.
    """
    found = [*_compare(old, new, ""), *also]
    shown = [text if len(text) <= 120 else text[:117] + "..." for text in found[:3]]
    return "; ".join(shown) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _compare(before, after, f"{prefix}{key}.")
        elif before != after and key.endswith("_digest"):
            yield f"the {key.removesuffix('_digest')} has changed"
        elif before != after:
            yield f"{prefix}{key} was {before!r}, now {after!r}"
