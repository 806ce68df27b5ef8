"""Remove rows that people excluded or found wrong, with a record of each in ``removed.jsonl``.

The records are written first, then each Parquet file is replaced as a whole, then gallery, card and manifest. The next
removal completes a removal that was killed, since the records name all rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reinforcesight.data_gen.dataset.card import renew_card
from reinforcesight.data_gen.dataset.folder import REMOVED
from reinforcesight.data_gen.dataset.manifest import Manifest, cells_of, counts_of, load_manifest, write_manifest
from reinforcesight.data_gen.dataset.reader import RowIndex, parquet_rows
from reinforcesight.data_gen.dataset.row_log import IDENTITY_COLUMNS, KnownRows, RowLog, row_digest
from reinforcesight.data_gen.dataset.writer import WrittenFile, replace_file
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.viewing.gallery import write_gallery
from reinforcesight.errors import InputError
from reinforcesight.jobs.files import file_hash, only_writer
from reinforcesight.protocol import LETTERS
from reinforcesight.relations.kinds import Relation

_COLUMNS = (*IDENTITY_COLUMNS, "relation", "form", "answer_text")


def remove_and_report(dataset: Path, reasons: Mapping[str, str], *, by: str) -> None:
    """Remove rows and print how many; do nothing if they are already removed. ``by``: name of the command.

    Raises:
        InputError: The folder contains no data set made by generate, or a file is damaged.
        OutputError: The folder can't be written to, or another process changes it.
    """
    with only_writer(dataset):
        before = load_manifest(dataset)
        after = _remove_rows(dataset, before, reasons, by=by)
        if after == before:
            click.echo(f"{dataset}: no row to remove")
            return
        write_gallery(dataset)
        renew_card(dataset, before, after)
        # The manifest is written last: until then, its digests show that the removal is unfinished.
        write_manifest(dataset, after)
    for split, rows in before.rows.items():
        click.echo(f"{split}: {rows} questions before, {after.rows[split]} after")
    listed = f"{after.removed['rows']} rows removed so far are listed" if after.removed else ""
    click.echo(f"{listed} in {dataset / REMOVED}; counts and digests in manifest.json are new")


def _remove_rows(dataset: Path, manifest: Manifest, reasons: Mapping[str, str], *, by: str) -> Manifest:
    """Remove rows, and the rows of an unfinished removal; return the new manifest, which is not written yet."""
    index = _read_index(dataset)
    known, log = KnownRows(index), RowLog(dataset / REMOVED)
    removed_before = [record for record in log.records() if known.find(record) is None]
    stated = {file.name: file for file in manifest.files}
    digests = {file.name: file.sha256 for file in manifest.files}
    changed = {file.path.name for file in index.files if file_hash(file.path) != digests.get(file.path.name)}
    if changed and len(removed_before) <= (manifest.removed or {}).get("rows", 0):
        raise InputError(
            f"{min(changed)} is not the file that manifest.json states",
            where=str(dataset),
            fix="fetch the data set again, or make it again with generate --overwrite",
        )
    numbers = {known.find(record) for record in log.records()} - {None}
    for number, row_id in enumerate(index.columns["id"]):
        if row_id in reasons and number not in numbers:
            about = {name: index.columns[name][number] for name in ("split", "relation", "form", "question")}
            log.append({**known.name(number), "reason": reasons[row_id], "by": by, **about})
            numbers.add(number)
    gone = {known.name(number)["row"] for number in numbers if number is not None}
    touched = {index.file_of(number).path.name for number in numbers if number is not None} | changed
    files: list[WrittenFile] = []
    for file in index.files:
        if file.path.name in touched:
            kept = (row for row in parquet_rows(file.path) if row_digest(row) not in gone)
            files.append(replace_file(file.path, file.split, kept))
        else:
            files.append(stated[file.path.name])
    return _counted(dataset, manifest, files, log.records())


def _read_index(dataset: Path) -> RowIndex:
    index = RowIndex(dataset, _COLUMNS)
    if index.problems:
        raise InputError(f"no row is removed from a damaged data set: {index.problems[0]}", where=str(dataset))
    return index


def _counted(
    dataset: Path, manifest: Manifest, files: list[WrittenFile], records: Sequence[Mapping[str, Any]]
) -> Manifest:
    index = _read_index(dataset)
    columns = index.columns
    kinds: dict[str, Counter[QuestionKind]] = {split: Counter() for split in manifest.rows}
    pictures: dict[str, set[str]] = {split: set() for split in manifest.rows}
    for number, split in enumerate(columns["split"]):
        relation, form, answer, text, source_id = (
            columns[name][number] for name in ("relation", "form", "answer", "answer_text", "source_id")
        )
        affirm = form != Form.YES_NO or text == "yes"
        kind = QuestionKind(Relation(relation), Form(form), LETTERS.index(answer.strip("()")), affirm)
        kinds[split][kind] += 1
        pictures[split].add(source_id)
    return replace(
        manifest,
        rows={split: counter.total() for split, counter in kinds.items()},
        pictures={split: len(names) for split, names in pictures.items()},
        counts=counts_of(sum(kinds.values(), Counter())),
        cells=cells_of(kinds),
        files=files,
        removed={
            "rows": len(records),
            "by": dict(Counter(str(record.get("by")) for record in records)),
            "reasons": dict(Counter(str(record.get("reason")) for record in records)),
            "relations": dict(Counter(str(record.get("relation")) for record in records)),
            "list": REMOVED,
        },
    )
