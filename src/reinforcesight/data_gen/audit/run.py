"""``reinforcesight audit``: check a data set. ``docs/audit.md`` lists the rules."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from reinforcesight.data_gen.audit.balance import Balance
from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.data_gen.audit.findings import (
    AuditReport,
    Findings,
    check_report_path,
    print_report,
    write_audit_report,
)
from reinforcesight.data_gen.audit.pictures import PictureChecks, read_hash_list, read_name_list
from reinforcesight.data_gen.audit.rows import RowChecks
from reinforcesight.data_gen.audit.shortcuts import TextSample, guess_from_text, judge_guesses
from reinforcesight.data_gen.dataset.reader import (
    BadRow,
    SplitFile,
    count_rows,
    find_files,
    iterate_rows,
    open_file,
)
from reinforcesight.data_gen.dataset.rows import arrow_schema
from reinforcesight.errors import InputError
from reinforcesight.jobs.files import file_hash
from reinforcesight.jobs.progress import Progress
from reinforcesight.relations.kinds import DEFAULT_RULES, RelationRules


def audit(config: AuditConfig) -> AuditReport:
    """Check a data set and print the findings.

    Every file, row and picture is read once, in small batches. Broken files and rows are findings and don't stop the
    audit.

    Raises:
        InputError: The folder has no data set, or a list of CV-Bench's files can't be read.
        ConfigError: The report's name has an unknown suffix.
    """
    if config.report is not None:
        check_report_path(config.report)
    files = find_files(config.dataset)
    names = read_name_list(config.cv_bench_files) if config.cv_bench_files else set()
    hashes = read_hash_list(config.cv_bench_images) if config.cv_bench_images else None
    findings = Findings()
    readable = check_files(config.dataset, files, findings)
    rows = RowChecks(findings, rules_of(config.dataset))
    pictures = PictureChecks(findings, distance=config.max_hash_distance, most=config.max_pictures)
    balance, texts = Balance(), TextSample(config.max_texts, config.seed)
    count = 0
    with contextlib.ExitStack() as stack:
        total = sum(count_rows(file) for file in readable)
        progress = None if config.quiet else stack.enter_context(Progress("questions audited", total))
        for stored in iterate_rows(readable, on_broken=lambda _, e: findings.add("damaged_file", str(e))):
            count += 1
            if progress is not None:
                progress.advance()
            if isinstance(stored, BadRow):
                findings.add("bad_row", f"{stored.where}: {stored.problem}")
                continue
            known = rows.check(stored)
            pictures.check(stored, known)
            balance.add(stored, known)
            if known is not None:
                texts.add(stored.row, known)
    pictures.finish()
    if names or hashes is not None:
        pictures.compare_with_cv_bench(names, np.array([], np.uint64) if hashes is None else hashes)
    balance.judge(findings)
    table, guesses = judge_guesses(guess_from_text(texts.items(), seed=config.seed), findings)
    report = AuditReport(
        dataset=str(config.dataset),
        rows=count,
        pictures=pictures.pictures,
        findings=findings.all(),
        tables=(*balance.tables(), table),
        measurements={
            **balance.measurements(),
            "guessed_from_text": guesses,
            "pictures_decoded": pictures.decoded,
        },
    )
    if config.report is not None:
        write_audit_report(report, config.report)
    if not config.quiet:
        print_report(report)
    return report


def check_files(dataset: Path, files: list[SplitFile], findings: Findings) -> list[SplitFile]:
    """Check files and their columns; returns the files whose rows can be read."""
    for split in sorted({file.split for file in files}):
        own = [file for file in files if file.split == split]
        missing = set(range(max(file.total for file in own))) - {file.number for file in own}
        for number in sorted(missing):
            findings.add("missing_file", f"{split}-{number:05d}-of-{own[0].total:05d}.parquet")
    _check_digests(dataset, files, findings)
    expected = arrow_schema()
    readable: list[SplitFile] = []
    for file in files:
        try:
            with open_file(file.path) as parquet:
                schema = parquet.schema_arrow
        except InputError as error:
            findings.add("damaged_file", str(error))
            continue
        sound = True
        for field in expected:
            index = schema.get_field_index(field.name)
            if index < 0:
                findings.add("schema", f"{file.path.name}: the column {field.name!r} is missing")
                sound = False
            elif not _same_type(schema.field(index).type, field.type):
                got = schema.field(index).type
                findings.add("schema", f"{file.path.name}: {field.name} is {got}, expected {field.type}")
                sound = False
        for name in schema.names:
            if name not in expected.names:
                findings.add("extra_column", f"{file.path.name}: {name}")
        if sound:
            readable.append(file)
    return readable


def _same_type(found: object, expected: object) -> bool:
    """Whether two types are equal, apart from names of list items and 64-bit offsets, which depend on the writer."""

    def plain(kind: object) -> str:
        text = str(kind).replace("large_", "").replace(" not null", "")
        return text.replace("<item: ", "<").replace("<element: ", "<").replace("<array: ", "<")

    return plain(found) == plain(expected)


def _check_digests(dataset: Path, files: list[SplitFile], findings: Findings) -> None:
    """Compare with the SHA-256 that ``manifest.json`` states of each file, where it does."""
    listed = _manifest(dataset).get("files")
    stated = {
        str(entry["name"]): entry
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and {"name", "sha256"} <= set(entry)
    }
    present = {file.path.name for file in files}
    for name in sorted(set(stated) - present):
        findings.add("manifest", f"{name} is in the manifest and not in data/")
    for file in files:
        entry = stated.get(file.path.name)
        if entry is None:
            if stated:
                findings.add("manifest", f"{file.path.name} is not in the manifest")
            continue
        try:
            found = file_hash(file.path)
        except OSError:
            continue  # reported as damaged when it is read
        if found != entry["sha256"]:
            findings.add("manifest", f"{file.path.name} is not the file that was written")


def _manifest(dataset: Path) -> dict[str, object]:
    try:
        loaded = json.loads((dataset / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def rules_of(dataset: Path) -> RelationRules:
    """The margins that the data set was made with, from its manifest; the default ones if it has none."""
    found = _manifest(dataset)
    settings = found.get("job")
    rules = settings.get("rules") if isinstance(settings, dict) else None
    if not isinstance(rules, dict):
        return DEFAULT_RULES
    try:
        return RelationRules.model_validate(rules)
    except ValidationError:
        return DEFAULT_RULES
