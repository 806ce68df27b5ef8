"""Read CV-Bench, our own data sets, and other files with CV-Bench's columns.

CV-Bench (Tong et al. 2024, Cambrian-1) is published as ``test_2d.parquet`` and ``test_3d.parquet`` with embedded
pictures, as ``test_2d.jsonl`` and ``test_3d.jsonl`` next to a folder of pictures, and in an older layout as one
``test.parquet`` or ``test.jsonl``. All layouts load from the hub or from disk.
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.folder import refuse_damaged
from reinforcesight.data_gen.dataset.reader import column_names, parquet_rows
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.eval.config import CV_BENCH_REVISION, EvaluateConfig
from reinforcesight.eval.items import (
    Benchmark,
    BrokenRow,
    Item,
    gold_letter,
    relation_of,
    strip_instruction,
    type_of,
)
from reinforcesight.hub import download_snapshot
from reinforcesight.jobs.files import file_hash, json_hash
from reinforcesight.protocol import LETTERS, option_lines, with_options

HUB_ID = "nyu-visionx/CV-Bench"
_NOT_QUALITATIVE = "Count"
_LONGEST_DETAIL = 300
_BASE64_STARTS = ("iVBORw0KGgo", "/9j/", "UklGR")  # of PNG, JPEG and WebP
_LONGEST_FIELD = 1 << 28
_YES_NO = ("yes", "no")

_PUBLISHED_SOURCES = {"ADE20K", "COCO", "Omni3D"}
_OUR_SOURCES = {"rendered", "annotated", "image_folder", "localized_narratives", "vqasynth"}

_REQUIRED = ("question", "choices", "answer", "task")
_OPTIONAL = (
    *("id", "idx", "type", "prompt", "image", "filename", "source", "source_dataset", "source_filename"),
    *("source_id", "relation", "form", "scene", "evidence"),
)


def load_benchmark(
    where: str,
    *,
    tasks: Sequence[str] | None = None,
    limit: int | None = None,
    split: str = "test",
    revision: str = CV_BENCH_REVISION,
    seed: int = 0,
    columns: Mapping[str, str] | None = None,
) -> Benchmark:
    """Read a benchmark.

    Args:
        where: ``cv-bench`` (from the hub), ``owner/name@revision`` (another hub data set), or a folder or file.
        tasks: Tasks to keep; None keeps all but Count, which is not qualitative.
        limit: Number of items to keep; see :func:`spread_over_tasks`.
        split: Split of one of our own data sets.
        revision: Commit of CV-Bench on the hub.
        columns: Our name of a column to the file's; see :func:`parse_columns`.

    Raises:
        InputError: Files, columns or tasks are missing, or a file is truncated.
    """
    name, pinned, root = _locate(where, revision)
    files, used_split = _find_files(root, split)
    refuse_damaged(root, files)
    reader = _Reader(root if root.is_dir() else root.parent, tasks, columns or {})
    for file in files:
        reader.read(file)
    items, broken = reader.finish()
    if not items and not broken:
        known = ", ".join(sorted({task for _, task in reader.available})) or "none"
        raise InputError(
            f"no rows of the selected tasks ({', '.join(tasks) if tasks else 'all but Count'})",
            where=str(root),
            fix=f"the benchmark has: {known}; choose with --tasks",
        )
    if limit is not None:
        items = spread_over_tasks(items, limit, seed)
    if pinned is None:
        name = _local_name(name, root, {source for source, _ in reader.available})
    fingerprint = json_hash([[i.item_key for i in items], [[b.id, b.problem] for b in broken]])
    return Benchmark(
        name=name,
        revision=pinned,
        split=used_split,
        items=tuple(items),
        broken=tuple(broken),
        available=dict(reader.available),
        files={file.name: file_hash(file) for file in files},
        fingerprint=fingerprint,
        notes=tuple(reader.notes),
    )


def benchmark_of(config: EvaluateConfig, where: str | None = None) -> Benchmark:
    """The benchmark of an evaluation, or another one under its settings."""
    return load_benchmark(
        where or config.benchmark,
        tasks=parse_tasks(config.tasks),
        limit=config.limit,
        split=config.split,
        revision=config.benchmark_revision,
        seed=config.seed,
        columns=parse_columns(config.columns),
    )


def parse_columns(text: str | None) -> dict[str, str]:
    """Read ``--columns``: ``ours=theirs`` pairs; ``choices=A+B`` takes the choices from several columns."""
    if text is None:
        return {}
    pairs = [part.partition("=") for part in text.split(",")]
    known = {*_REQUIRED, *_OPTIONAL}
    for ours, sign, theirs in pairs:
        if not sign or ours.strip() not in known or not theirs.strip():
            raise ConfigError(
                f"expected ours=theirs, got {ours + sign + theirs!r}",
                where="--columns",
                fix=f"ours is one of {', '.join(sorted(known))}",
            )
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def parse_tasks(text: str | None) -> tuple[str, ...] | None:
    """Parse ``--tasks``: comma-separated names, ``all``, or None for the qualitative tasks."""
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ConfigError("no task is named", where="--tasks", fix="write --tasks Relation,Depth or --tasks all")
    return names


def _locate(where: str, revision: str) -> tuple[str, str | None, Path]:
    """Return name, hub revision (None on disk) and local folder or file of a benchmark."""
    path = Path(where)
    if path.exists():
        return path.name, None, path
    if where.lower() in ("cv-bench", HUB_ID.lower()):
        return "CV-Bench", revision, _download(HUB_ID, revision)
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)@([\w.-]+)", where)
    if match:
        return match.group(1), match.group(2), _download(match.group(1), match.group(2))
    raise InputError(
        "no such benchmark",
        where=where,
        fix="give 'cv-bench', a folder, a .parquet or .jsonl file, or owner/name@revision on the hub",
    )


def _local_name(name: str, root: Path, sources: set[str]) -> str:
    """Return a local benchmark's name for reports; only CV-Bench's own rows are called CV-Bench."""
    if sources <= _PUBLISHED_SOURCES:
        return name
    if re.sub(r"\W|_", "", name.lower()).startswith("cvbench"):
        name = root.resolve().parent.name
    made = sorted(sources & _OUR_SOURCES)
    return f"{name} ({', '.join(made)})" if made else name


def _download(repository: str, revision: str) -> Path:
    patterns = ("*.parquet", "data/*.parquet")
    return download_snapshot(repository, revision, patterns, what="benchmark", kind="dataset")


def _find_files(root: Path, split: str) -> tuple[list[Path], str | None]:
    """Return the files to read, and their split if they have one."""
    if root.is_file():
        if root.suffix not in (".parquet", ".jsonl", ".tsv"):
            raise InputError(
                f"a benchmark file is .parquet, .jsonl or .tsv, not {root.suffix!r}",
                where=str(root),
                fix="convert it",
            )
        return [root], None
    data = root / "data"
    if data.is_dir():
        files = sorted(data.glob(f"{split}-*.parquet"))
        if files:
            return files, split
        found = sorted({p.name.split("-")[0] for p in data.glob("*-*.parquet")})
        if found:
            raise InputError(
                f"the data set has no split {split!r}, only {', '.join(found)}",
                where=str(data),
                fix="choose with --split",
            )
    for pattern in ("test*.parquet", "test*.jsonl", "*.parquet", "*.jsonl"):
        files = sorted(p for p in root.glob(pattern) if p.is_file())
        if files:
            return files, None
    raise InputError(
        "the folder holds no benchmark",
        where=str(root),
        fix="expected test*.parquet, test*.jsonl, or data/test-*.parquet",
    )


class _Reader:
    """Turns rows into items and collects broken rows. Items with the same picture share its bytes in memory."""

    def __init__(self, root: Path, tasks: Sequence[str] | None, columns: Mapping[str, str]) -> None:
        self._root = root.resolve()
        self._tasks = tasks
        self._columns = columns
        self._items: list[Item] = []
        self._broken: list[BrokenRow] = []
        self._pictures: dict[str, bytes] = {}
        self._row = 0
        self.available: Counter[tuple[str, str]] = Counter()
        self.notes: list[str] = []

    def read(self, file: Path) -> None:
        read = {".parquet": _parquet_rows, ".tsv": _tsv_rows}.get(file.suffix, _jsonl_rows)
        rows = read(file, self._columns)
        known = False
        for row in rows:
            if isinstance(row, _Broken):
                self._broken.append(BrokenRow(f"row-{self._row}", self._row, "", row.problem, row.detail))
                self._row += 1
                continue
            row = {**row, **_renamed(row, self._columns)}
            if not known and "source" not in row:
                self.notes.append(f"{file.name} has no column 'source': no figures per source and official figures")
            known = True
            task, source = _writable(_text(row.get("task"))), _writable(_text(row.get("source")))
            self.available[source, task] += 1
            if self._selected(task):
                self._take(row, task, source)
            self._row += 1

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

    def _selected(self, task: str) -> bool:
        if self._tasks is None:
            return task != _NOT_QUALITATIVE
        return "all" in self._tasks or task in self._tasks

    def _take(self, row: Mapping[str, Any], task: str, source: str) -> None:
        identifier = _writable(_text(row.get("id")) or _text(row.get("idx"))) or f"row-{self._row}"
        try:
            item = self._item(row, identifier, task, source)
            _ = item.item_key  # fails on text that is not Unicode
            self._items.append(item)
        except _Broken as broken:
            self._add_broken(identifier, task, broken.problem, broken.detail)
        except Exception as error:  # noqa: BLE001 - a bad row must not stop the other rows
            self._add_broken(identifier, task, "unusable row", f"{type(error).__name__}: {error}")

    def _add_broken(self, identifier: str, task: str, problem: str, detail: str) -> None:
        self._broken.append(BrokenRow(identifier, self._row, task, problem, _writable(detail)[:_LONGEST_DETAIL]))

    def _item(self, row: Mapping[str, Any], identifier: str, task: str, source: str) -> Item:
        question = _text(row.get("question"))
        if not question:
            raise _Broken("no question", "the question is empty")
        raw = row.get("choices")
        if raw is None and self._columns and str(row.get("answer")).strip().lower() in _YES_NO:
            raw, row = _YES_NO, {**row, "answer": str(row["answer"]).strip().lower()}
        choices = (
            tuple(str(choice) for choice in raw) if isinstance(raw, Sequence) and not isinstance(raw, str) else ()
        )
        if not choices or any(not choice.strip() for choice in choices):
            raise _Broken("empty choice list", f"choices: {raw!r}")
        if len(choices) > len(LETTERS):
            raise _Broken("too many choices", f"{len(choices)} choices, at most {len(LETTERS)}")
        gold = _gold(row.get("answer"), choices) if self._columns else gold_letter(row.get("answer"), choices)
        if gold is None:
            raise _Broken(
                "gold letter outside the choices", f"answer {row.get('answer')!r} with {len(choices)} choices"
            )
        picture = self._picture(row)
        sha = hashlib.sha256(picture).hexdigest()
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
            picture=self._pictures.setdefault(sha, picture),
            picture_sha=sha,
            cluster=_text(row.get("source_id")) or _text(row.get("source_filename")) or sha,
            shows_options=option_lines(choices) in prompt,
            scene=_text(row.get("scene")) or None,
            evidence=_text(row.get("evidence")) or None,
        )

    def _picture(self, row: Mapping[str, Any]) -> bytes:
        value = row.get("image")
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, bytes) and value:
            return value
        if isinstance(value, str) and value.startswith(_BASE64_STARTS):  # as in VLMEvalKit's files
            return base64.b64decode(value, validate=True)
        name = value if isinstance(value, str) and value else row.get("filename")
        if not isinstance(name, str) or not name:
            raise _Broken("no picture", "the row has neither picture bytes nor a file name")
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root):
            raise _Broken("picture outside the data folder", f"file name {name!r}")
        if path.exists() and not path.is_file():  # reading a pipe would never end
            raise _Broken("picture file missing", f"{name}: not a file")
        try:
            return path.read_bytes()
        except OSError as error:
            raise _Broken("picture file missing", f"{name}: {error.strerror}") from error


class _Broken(Exception):  # noqa: N818  (not an error: it carries a reason to the caller)
    """A row can't be scored."""

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(problem)
        self.problem, self.detail = problem, detail


def _prompt(stored: object, question: str, choices: Sequence[str]) -> str:
    """Return the question with options, from the stored prompt (text or messages) if there is one."""
    if isinstance(stored, Sequence) and not isinstance(stored, str):
        turns = [turn for turn in stored if isinstance(turn, Mapping) and turn.get("role") == "user"]
        stored = turns[-1].get("content") if turns else None
    if isinstance(stored, str) and stored.strip():
        return strip_instruction(stored)
    return with_options(question, choices)


def _renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Our columns, from those that ``--columns`` names; empty ones among several choices are left out."""
    found: dict[str, Any] = {}
    for ours, theirs in columns.items():
        parts = theirs.split("+")
        values = [row.get(part) for part in parts]
        found[ours] = values[0] if len(parts) == 1 else [v for v in values if v is not None and str(v).strip()]
    return found


def _gold(answer: object, choices: Sequence[str]) -> str | None:
    """Letter of an answer that is a letter, a choice's text, or its position from zero on."""
    texts = [choice.strip().lower() for choice in choices]
    if isinstance(answer, str) and texts.count(answer.strip().lower()) == 1:
        return LETTERS[texts.index(answer.strip().lower())]
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return LETTERS[answer]
    return gold_letter(answer, choices)


def _tsv_rows(file: Path, columns: Mapping[str, str]) -> Iterator[dict[str, Any] | _Broken]:
    csv.field_size_limit(_LONGEST_FIELD)
    with file.open(encoding="utf-8", errors="replace", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t")
        try:
            _check_columns(file, reader.fieldnames or [], columns)
            yield from reader
        except csv.Error as error:
            yield _Broken("not a line of the table", f"line {reader.line_num}: {error}")


def _parquet_rows(file: Path, columns: Mapping[str, str]) -> Iterator[dict[str, Any] | _Broken]:
    names = column_names(file)
    _check_columns(file, names, columns)
    asked = {*_REQUIRED, *_OPTIONAL, *chain.from_iterable(theirs.split("+") for theirs in columns.values())}
    yield from parquet_rows(file, [name for name in names if name in asked])


def _jsonl_rows(file: Path, columns: Mapping[str, str]) -> Iterator[dict[str, Any] | _Broken]:
    known = False
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield _Broken("not valid JSON", f"line {number}: {str(error)[:100]}")
                continue
            if not isinstance(row, dict):
                yield _Broken("not a JSON object", f"line {number}: {type(row).__name__}")
                continue
            if not known:
                _check_columns(file, list(row), columns)
            known = True
            yield row


def _check_columns(file: Path, names: Sequence[str], columns: Mapping[str, str]) -> None:
    have = [*names, *columns]
    # In another file, a missing task is one task for all, and missing choices are yes and no.
    needed = ("question", "answer") if columns else _REQUIRED
    wanted = [part for theirs in columns.values() for part in theirs.split("+")]
    missing = [name for name in wanted if name not in names] + [name for name in needed if name not in have]
    if "image" not in have and "filename" not in have:
        missing.append("image (or filename)")
    if missing:
        raise InputError(
            f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; found {', '.join(names)}",
            where=str(file),
            fix="give a file with CV-Bench's columns or a data set made by generate (see docs/evaluation.md)",
        )


def spread_over_tasks(items: list[Item], limit: int, seed: int) -> list[Item]:
    """Choose items from each task in turn, in an order that depends on content and seed.

    The choice for a smaller limit is a subset of the choice for a larger one.
    """
    by_task: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: json_hash([seed, item.item_key])):
        by_task.setdefault(item.task, []).append(item)
    turns = [(turn, task, item) for task, group in by_task.items() for turn, item in enumerate(group)]
    chosen = sorted(turns, key=lambda entry: (entry[0], entry[1]))[:limit]
    return sorted((item for _, _, item in chosen), key=lambda item: item.row)


def _writable(text: str) -> str:
    """Replace what is not valid Unicode, so that the text can be written."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _text(value: object) -> str:
    return "" if value is None else str(value)
