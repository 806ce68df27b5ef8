"""Convert rows to items: check every row, find its picture, and list the rows that can't be scored."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.eval.benchmarks.formats import YES_NO, FileFormat
from reinforcesight.eval.benchmarks.pictures import BenchmarkPictures
from reinforcesight.eval.benchmarks.rows import BenchmarkRow, RowProblem, read_rows
from reinforcesight.eval.items import BrokenRow, Item, gold_letter, relation_of, strip_instruction, type_of
from reinforcesight.protocol import LETTERS, option_lines, with_options

REQUIRED_COLUMNS = ("question", "choices", "answer", "task")
OPTIONAL_COLUMNS = (
    *("id", "idx", "type", "prompt", "image", "filename", "source", "source_dataset", "source_filename"),
    *("source_id", "relation", "form", "scene", "evidence"),
)
_NOT_QUALITATIVE = "Count"
_LONGEST_DETAIL = 300


class BenchmarkReader:
    """Turns rows into items and collects broken rows.

    Attributes:
        available: Rows per (source, task), before tasks are selected.
        left_out: Number of rows that can't be asked, such as questions about several pictures.
    """

    def __init__(self, root: Path, tasks: Sequence[str] | None, columns: Mapping[str, str]) -> None:
        self._pictures = BenchmarkPictures(root)
        self._tasks = tasks
        self._columns = columns
        self._items: list[Item] = []
        self._broken: list[BrokenRow] = []
        self._row = 0
        self.available: Counter[tuple[str, str]] = Counter()
        self.left_out = 0
        self.notes: list[str] = []

    def read(self, file: Path) -> None:
        """Read a file in CV-Bench's columns, or in those that ``--columns`` names."""
        wanted = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, *chain.from_iterable(map(_parts, self._columns.values())))
        known = False
        for row in read_rows(file, self._check_columns, wanted):
            if not isinstance(row, RowProblem):
                row |= self._renamed(row)
                if not known and "source" not in row:
                    self.notes.append(
                        f"{file.name} has no column 'source': no figures per source and official figures"
                    )
                known = True
            self._take([row], file)

    def read_published(self, file: Path, kind: FileFormat) -> None:
        def check(path: Path, names: Sequence[str]) -> None:
            _refuse_missing(
                path,
                [need.replace("|", " or ") for need in kind.needs if not {*need.split("|")} & {*names}],
                names,
                "give the files as they are published (see docs/benchmarks.md), or name the columns with --columns",
            )

        for number, row in enumerate(read_rows(file, check, kind.columns)):
            if isinstance(row, RowProblem):
                self._take([row], file)
                continue
            rows: list[BenchmarkRow | RowProblem]
            try:
                rows = list(kind.read(row, number, file))
            except Exception as error:  # noqa: BLE001 - a bad row must not stop the other rows
                rows = [RowProblem("unusable row", f"{type(error).__name__}: {error}")]
            self.left_out += not rows
            self._take(rows, file, published=True)

    def finish(self) -> tuple[list[Item], list[BrokenRow]]:
        """Return items and broken rows; append a hash of the content to repeated ids."""
        if self._tasks and "all" not in self._tasks:
            unknown = set(self._tasks) - {task for _, task in self.available}
            if unknown:
                known = ", ".join(sorted({task for _, task in self.available}))
                raise InputError(
                    f"the benchmark has no task {', '.join(sorted(unknown))}",
                    where="--tasks",
                    fix=f"it has: {known}",
                )
        counts = Counter(item.id for item in self._items)
        if any(n > 1 for n in counts.values()):
            self.notes.append("some ids occur more than once; a hash of the content was appended to them")
        items = [
            item if counts[item.id] == 1 else dataclasses.replace(item, id=f"{item.id}-{item.item_key[:8]}")
            for item in self._items
        ]
        return items, self._broken

    def _take(self, rows: Iterable[BenchmarkRow | RowProblem], file: Path, *, published: bool = False) -> None:
        """Make an item of each question that one row of a file contains."""
        for row in rows:
            if isinstance(row, RowProblem):
                self._add_broken(f"row-{self._row}", "", row)
                continue
            task, source = _writable(_text(row.get("task"))), _writable(_text(row.get("source")))
            self.available[source, task] += 1
            if not self._selected(task):
                continue
            identifier = _writable(_text(row.get("id")) or _text(row.get("idx"))) or f"row-{self._row}"
            try:
                item = self._item(row, identifier, task, source, file, published)
                _ = item.item_key  # fails on text that is not Unicode
                self._items.append(item)
            except RowProblem as problem:
                self._add_broken(identifier, task, problem)
            except Exception as error:  # noqa: BLE001 - a bad row must not stop the other rows
                self._add_broken(identifier, task, RowProblem("unusable row", f"{type(error).__name__}: {error}"))
        self._row += 1

    def _selected(self, task: str) -> bool:
        if self._tasks is None:
            return task != _NOT_QUALITATIVE
        return "all" in self._tasks or task in self._tasks

    def _add_broken(self, identifier: str, task: str, found: RowProblem) -> None:
        detail = _writable(found.detail)[:_LONGEST_DETAIL]
        self._broken.append(BrokenRow(identifier, self._row, task, found.problem, detail))

    def _item(self, row: BenchmarkRow, identifier: str, task: str, source: str, file: Path, published: bool) -> Item:
        question = _text(row.get("question"))
        if not question:
            raise RowProblem("no question", "the question is empty")
        raw = row.get("choices")
        if raw is None and self._columns and str(row.get("answer")).strip().lower() in YES_NO:
            raw, row = YES_NO, {**row, "answer": str(row["answer"]).strip().lower()}
        choices = _choices(raw)
        if not choices or any(not choice.strip() for choice in choices):
            raise RowProblem("empty choice list", f"choices: {raw!r}")
        if len(choices) > len(LETTERS):
            raise RowProblem("too many choices", f"{len(choices)} choices, at most {len(LETTERS)}")
        free = self._columns or published  # CV-Bench's answers are letters
        gold = _gold(row.get("answer"), choices) if free else gold_letter(row.get("answer"), choices)
        if gold is None:
            raise RowProblem(
                "gold letter outside the choices", f"answer {row.get('answer')!r} with {len(choices)} choices"
            )
        names = [row.get("filename"), *(row.get("files") or ())]
        sha, read_picture = self._pictures.find(row.get("image"), names, file.parent, _text(row.get("index")))
        prompt = _prompt(row.get("prompt"), question, choices)
        text = choices[LETTERS.index(gold)]
        return Item(
            id=identifier,
            row=self._row,
            prompt=prompt,
            question=question,
            choices=choices,
            gold=gold,
            task=task,
            type=_text(row.get("type")) or type_of(task),
            source=source,
            source_dataset=_text(row.get("source_dataset")),
            relation=_text(row.get("relation")) or relation_of(task, text, question),
            form=_text(row.get("form")) or "cvbench",
            read_picture=read_picture,
            picture_sha=sha,
            cluster=_text(row.get("source_id")) or _text(row.get("source_filename")) or sha,
            shows_options=option_lines(choices) in prompt,
            scene=_text(row.get("scene")) or None,
            evidence=_text(row.get("evidence")) or None,
            group=_text(row.get("group")),
        )

    def _renamed(self, row: Mapping[str, Any]) -> BenchmarkRow:
        """Return the row under our column names, as ``--columns`` maps them, without empty options."""
        found: BenchmarkRow = {}
        for ours, theirs in self._columns.items():
            values = [row.get(part) for part in _parts(theirs)]
            several = len(values) > 1
            found[ours] = [v for v in values if v is not None and str(v).strip()] if several else values[0]
        return found

    def _check_columns(self, file: Path, names: Sequence[str]) -> None:
        have = [*names, *self._columns]
        # In another file, a missing task is one task for all, and missing choices are yes and no.
        needed = ("question", "answer") if self._columns else REQUIRED_COLUMNS
        wanted = [part for theirs in self._columns.values() for part in _parts(theirs)]
        missing = [name for name in wanted if name not in names] + [name for name in needed if name not in have]
        if "image" not in have and "filename" not in have:
            missing.append("image (or filename)")
        fix = "give a file with CV-Bench's columns, name them with --columns, or see docs/benchmarks.md"
        _refuse_missing(file, missing, names, fix)


def _refuse_missing(file: Path, missing: Sequence[str], names: Sequence[str], fix: str) -> None:
    if missing:
        raise InputError(
            f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; found {', '.join(names)}",
            where=str(file),
            fix=fix,
        )


def _parts(theirs: str) -> list[str]:
    """Return the file's columns that make one column of CV-Bench, such as A, B and C for ``A+B+C``."""
    return theirs.split("+")


def _choices(raw: object) -> tuple[str, ...]:
    """Return options from a list, or from a list written as text, as in tables."""
    text = raw.strip() if isinstance(raw, str) else ""
    if text.startswith("["):
        try:
            raw = json.loads(text)
        except ValueError:
            raw = ast.literal_eval(text)
    return tuple(str(choice) for choice in raw) if isinstance(raw, Sequence) and not isinstance(raw, str) else ()


def _prompt(stored: object, question: str, choices: Sequence[str]) -> str:
    if isinstance(stored, Sequence) and not isinstance(stored, str):
        turns = [turn for turn in stored if isinstance(turn, Mapping) and turn.get("role") == "user"]
        stored = turns[-1].get("content") if turns else None
    if isinstance(stored, str) and stored.strip():
        return strip_instruction(stored)
    return with_options(question, choices)


def _gold(answer: object, choices: Sequence[str]) -> str | None:
    """Return the letter of an answer, given as a letter, an option's text, or its zero-based index."""
    texts = [choice.strip().lower() for choice in choices]
    if isinstance(answer, str) and texts.count(answer.strip().lower()) == 1:
        return LETTERS[texts.index(answer.strip().lower())]
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return LETTERS[answer]
    return gold_letter(answer, choices)


def _writable(text: str) -> str:
    """Replace what is not valid Unicode, so that the text can be written."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _text(value: object) -> str:
    return "" if value is None else str(value)
