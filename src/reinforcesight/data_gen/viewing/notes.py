"""Tags, comments and exclusions of rows, stored in ``annotations.jsonl`` of the data set's folder."""

from __future__ import annotations

import csv
import io
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.reader import RowIndex
from reinforcesight.data_gen.dataset.row_log import IDENTITY_COLUMNS, KnownRows, RowLog

ANNOTATIONS = "annotations.jsonl"
NOTED_COLUMNS = (*IDENTITY_COLUMNS, "relation", "form")  # what an index needs for annotations
_LONGEST_COMMENT = 4000
_LONGEST_TAG = 60
_MOST_TAGS = 20


@dataclass(frozen=True, slots=True)
class Annotation:
    """Annotation of a row by a person; ``excluded``: the row is to be removed from the data set."""

    tags: tuple[str, ...] = ()
    comment: str = ""
    excluded: bool = False

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Annotation:
        """Read any JSON; values of another type count as empty, and long texts are cut."""
        tags = values.get("tags")
        texts = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        words = [" ".join(text.split())[:_LONGEST_TAG] for text in texts]
        return cls(
            tuple(dict.fromkeys(word for word in words if word))[:_MOST_TAGS],
            tidy_comment(values.get("comment")),
            values.get("excluded") is True,
        )


def tidy_comment(value: object) -> str:
    """Return a comment from a page, without what is beyond the maximum length; empty for another type."""
    return value.strip()[:_LONGEST_COMMENT] if isinstance(value, str) else ""


class Annotations:
    """Annotations of a data set; only the last record about a row counts.

    Attributes:
        lost: Number of records about rows that are gone or have become other questions.
    """

    def __init__(self, dataset: Path, index: RowIndex) -> None:
        self._log = RowLog(dataset / ANNOTATIONS)
        self._known = KnownRows(index)
        self._index = index
        self._done = 0
        self._by_row: dict[int, Annotation] = {}
        self._lock = threading.Lock()
        self.lost = 0

    def all(self) -> dict[int, Annotation]:
        with self._lock:
            records = self._log.records()
            for record in records[self._done :]:
                number, annotation = self._known.find(record), Annotation.from_values(record)
                if number is None:
                    self.lost += 1
                elif annotation == Annotation():
                    self._by_row.pop(number, None)
                else:
                    self._by_row[number] = annotation
            self._done = len(records)
            return dict(self._by_row)

    def save(self, number: int, annotation: Annotation) -> None:
        self._log.append({**self._known.name(number), **asdict(annotation)})

    def tags(self) -> list[str]:
        """Return the tags in use, the most frequent first."""
        used = Counter(tag for annotation in self.all().values() for tag in annotation.tags)
        return [tag for tag, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]

    def excluded(self) -> dict[str, str]:
        """Return the ids of excluded rows, with the comment as the reason."""
        ids = self._index.columns["id"]
        return {ids[n]: a.comment or "excluded by hand" for n, a in sorted(self.all().items()) if a.excluded}

    def to_csv(self) -> str:
        columns = self._index.columns
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("id", "split", "relation", "form", "question", "tags", "comment", "excluded"))
        for number, annotation in sorted(self.all().items()):
            row = [columns[name][number] for name in ("id", "split", "relation", "form", "question")]
            cells = [*row, "; ".join(annotation.tags), annotation.comment, "yes" if annotation.excluded else ""]
            # Quoted, so that a spreadsheet does not treat a cell as a formula.
            writer.writerow(f"'{cell}" if str(cell).startswith(("=", "+", "-", "@")) else cell for cell in cells)
        return out.getvalue()
