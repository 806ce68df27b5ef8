"""``reinforcesight audit``: check a data set. ``docs/audit-rules.md`` lists the rules."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from reinforcesight.data_gen.audit.balance import Balance
from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.data_gen.audit.findings import AuditReport, Findings, give_report
from reinforcesight.data_gen.audit.pictures import PictureChecks, read_hash_list, read_name_list
from reinforcesight.data_gen.audit.shortcuts import TextSample, guess_from_text, judge_guesses
from reinforcesight.data_gen.audit.workers import checked_rows, row_processes
from reinforcesight.data_gen.dataset.folder import digest_problems, read_manifest
from reinforcesight.data_gen.dataset.reader import BadRow, SplitFile, find_files, iterate_rows, open_file
from reinforcesight.data_gen.dataset.rows import arrow_schema
from reinforcesight.errors import InputError
from reinforcesight.jobs.progress import Progress
from reinforcesight.relations.kinds import DEFAULT_RULES, RelationRules


def audit(config: AuditConfig) -> AuditReport:
    """Check a data set and print the findings.

    Every file, row and picture is read once, in small batches. Broken files and rows are findings and don't stop the
    audit.

    Raises:
        InputError: The folder has no data set, or a list of CV-Bench's files can't be read.
    """
    assert config.dataset is not None
    files = find_files(config.dataset)
    names = read_name_list(config.cv_bench_files) if config.cv_bench_files else set()
    hashes = read_hash_list(config.cv_bench_images) if config.cv_bench_images else None
    findings = Findings()
    readable, total = check_files(config.dataset, files, findings)
    pictures = PictureChecks(findings, distance=config.max_hash_distance, most=config.max_pictures)
    balance, texts = Balance(), TextSample(config.max_texts, config.seed)
    count = 0
    with contextlib.ExitStack() as stack:
        progress = None if config.quiet else stack.enter_context(Progress("questions audited", total))
        stored_rows = iterate_rows(readable, on_broken=lambda _, e: findings.add("damaged_file", str(e)))
        workers = row_processes(config.workers, total)
        for stored, known in checked_rows(stored_rows, rules_of(config.dataset), findings, workers):
            count += 1
            if progress is not None:
                progress.advance()
            if isinstance(stored, BadRow):
                findings.add("bad_row", f"{stored.where}: {stored.problem}")
                continue
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
        measurements=balance.measurements() | {"guessed_from_text": guesses, "pictures_decoded": pictures.decoded},
    )
    give_report(report, config.report, quiet=config.quiet)
    return report


def check_files(dataset: Path, files: list[SplitFile], findings: Findings) -> tuple[list[SplitFile], int]:
    """Check files and their columns; return the files whose rows can be read, and the number of these rows."""
    for split in sorted({file.split for file in files}):
        own = [file for file in files if file.split == split]
        missing = set(range(max(file.total for file in own))) - {file.number for file in own}
        for number in sorted(missing):
            findings.add("missing_file", f"{split}-{number:05d}-of-{own[0].total:05d}.parquet")
    for problem in digest_problems(dataset, [file.path for file in files], all_files=True):
        findings.add("manifest", problem)
    expected = arrow_schema()
    readable: list[SplitFile] = []
    rows = 0
    for file in files:
        try:
            with open_file(file.path) as parquet:
                schema, count = parquet.schema_arrow, int(parquet.metadata.num_rows)
        except InputError as error:
            findings.add("damaged_file", str(error))
            continue
        found = dict(zip(schema.names, schema.types, strict=True))
        wrong = []
        for field in expected:
            if field.name not in found:
                wrong.append(f"{file.path.name}: the column {field.name!r} is missing")
            elif not _same_type(found[field.name], field.type):
                wrong.append(f"{file.path.name}: {field.name} is {found[field.name]}, expected {field.type}")
        for example in wrong:
            findings.add("schema", example)
        for name in found.keys() - set(expected.names):
            findings.add("extra_column", f"{file.path.name}: {name}")
        if not wrong:
            readable.append(file)
            rows += count
    return readable, rows


def _same_type(found: object, expected: object) -> bool:
    """Return whether types are equal, apart from list item names and 64-bit offsets, which depend on the writer."""

    def plain(kind: object) -> str:
        text = str(kind).replace("large_", "").replace(" not null", "")
        return text.replace("<item: ", "<").replace("<element: ", "<").replace("<array: ", "<")

    return plain(found) == plain(expected)


def rules_of(dataset: Path) -> RelationRules:
    """Return the rules in the data set's manifest, or the default rules if it has none."""
    job = read_manifest(dataset).get("job")
    try:
        return RelationRules.model_validate(job["rules"] if isinstance(job, dict) else {})
    except (KeyError, ValidationError):
        return DEFAULT_RULES
