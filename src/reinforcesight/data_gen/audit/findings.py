"""Results of an audit: rules, findings, tables; written to the console, JSON or a small page."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from reinforcesight.jobs.files import write_json
from reinforcesight.jobs.table import table_lines
from reinforcesight.pages.render import save_page

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule that an audit checks; a broken hard rule makes the audit fail, any other is a warning."""

    hard: bool
    meaning: str


RULES: dict[str, Rule] = {
    # Files and columns
    "damaged_file": Rule(True, "every Parquet file can be read to its end"),
    "missing_file": Rule(True, "no file of a split is missing"),
    "schema": Rule(True, "every column is there with its type"),
    "extra_column": Rule(False, "there are no columns beyond the documented ones"),
    "bad_row": Rule(True, "no value is empty; prompt and completion are one message each"),
    "manifest": Rule(True, "files have the digests that manifest.json states"),
    # Rows
    "duplicate_id": Rule(True, "every id occurs once"),
    "duplicate_question": Rule(True, "no picture is asked the same question twice"),
    "unreadable_image": Rule(True, "every picture can be decoded and has the size of its scene"),
    "box_not_drawn": Rule(True, "the boxes that a question names are drawn in its picture"),
    "bad_scene": Rule(True, "scene and evidence can be read and fit together"),
    "wrong_label": Rule(True, "the relation is the one that the stored scene shows"),
    "unclaimable": Rule(True, "the stored scene allows the relation to be claimed"),
    "wrong_answer": Rule(True, "the answer follows from scene, question form and options"),
    "asked_otherwise": Rule(True, "the question's words ask for the relation that the evidence says"),
    "role_order": Rule(False, "the question's word order gives subject and reference the roles of the evidence"),
    "ambiguous_name": Rule(True, "names are unique in their picture, or marked by a drawn box"),
    "prompt": Rule(True, "the prompt holds the question and, unless open, each option; open ones show none"),
    "completion_format": Rule(True, "completions read <think>...</think><answer>...</answer> with the right answer"),
    "judge": Rule(True, "the judge reads the completion as the gold answer"),
    "number_in_reasoning": Rule(True, "reasoning has no numerals, number words or units"),
    "reasoning_contradicts": Rule(True, "no claim in the reasoning contradicts the scene"),
    "wrong_cue": Rule(True, "every cue in the evidence holds in the stored scene and agrees with the answer"),
    "cue_text": Rule(True, "the reasoning names the cues in its evidence, and no others"),
    "column": Rule(True, "task, answer_text, form and margin agree with the rest of the row"),
    # Balance
    "letter_balance": Rule(True, "right answers are spread evenly over the letters, for each relation"),
    "relation_balance": Rule(True, "the two relations of an axis are equally frequent"),
    "truth_balance": Rule(True, "yes/no questions have as many yes as no"),
    # Shortcuts
    "text_shortcut": Rule(True, "the answer can't be guessed well from the text alone"),
    "text_hint": Rule(False, "the text alone does not help at all"),
    # Leakage
    "split_leak": Rule(True, "no picture, scene or source picture is in two splits, and no pair of twins"),
    "near_duplicate": Rule(True, "no picture is in two splits as a slightly changed copy"),
    "similar_pictures": Rule(False, "no pictures of two splits look alike by perceptual hash"),
    "cv_bench_overlap": Rule(True, "no picture is one of CV-Bench's"),
}


@dataclass(slots=True)
class Finding:
    """Broken rule, with the number of cases and examples."""

    rule: str
    hard: bool
    count: int = 0
    examples: list[str] = field(default_factory=list)


class Findings:
    """Collects findings; only the first few examples of each rule are kept."""

    def __init__(self) -> None:
        self._found: dict[str, Finding] = {}

    def add(self, rule: str, example: str) -> None:
        finding = self._found.setdefault(rule, Finding(rule, RULES[rule].hard))
        finding.count += 1
        if len(finding.examples) < _EXAMPLES:
            finding.examples.append(example)

    def merge(self, later: Findings) -> None:
        """Add the findings of later rows."""
        for rule, found in later._found.items():
            finding = self._found.setdefault(rule, Finding(rule, found.hard))
            finding.count += found.count
            finding.examples = (finding.examples + found.examples)[:_EXAMPLES]

    def all(self) -> tuple[Finding, ...]:
        """Return the findings, hard ones first, in the order of the rules."""
        order = list(RULES)
        return tuple(sorted(self._found.values(), key=lambda f: (not f.hard, order.index(f.rule))))


@dataclass(frozen=True, slots=True)
class Table:
    """Table with a title, for the console and the page."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Result of an audit."""

    dataset: str
    rows: int
    pictures: int  # different ones, by source and source_id
    findings: tuple[Finding, ...]  # hard ones first
    tables: tuple[Table, ...]
    measurements: dict[str, Any]  # contents of the tables as JSON values

    @property
    def passed(self) -> bool:
        return not any(finding.hard for finding in self.findings)

    @property
    def exit_code(self) -> int:
        return 0 if self.passed else 1

    def to_json(self) -> dict[str, Any]:
        findings = [{**dataclasses.asdict(f), "meaning": RULES[f.rule].meaning} for f in self.findings]
        counts = {"dataset": self.dataset, "passed": self.passed, "rows": self.rows, "pictures": self.pictures}
        return {**counts, "findings": findings, "measurements": self.measurements}


def write_audit_report(report: AuditReport, path: Path) -> None:
    """Write the report as JSON, or as a page with another suffix; raises :class:`OutputError`."""
    if path.suffix.lower() == ".json":
        write_json(path, report.to_json())
    else:
        save_page(path, "data_gen/audit/pages/audit.html.j2", report=report, rules=RULES)


def give_report(report: AuditReport, path: Path | None, *, quiet: bool) -> None:
    """Write the report to ``path``, and print it unless ``quiet``; raises :class:`OutputError`."""
    if path is not None:
        write_audit_report(report, path)
    if not quiet:
        _print_report(report)


def _print_report(report: AuditReport) -> None:
    for table in report.tables:
        rows = [[str(cell) for cell in row] for row in table.rows]
        click.echo("\n".join([table.title, *table_lines(table.head, rows)]))
        click.echo(f"{table.note}\n" if table.note else "")
    for finding in report.findings:
        word = "FAILED " if finding.hard else "warning"
        click.echo(f"{word} {finding.rule}: {finding.count} times; rule: {RULES[finding.rule].meaning}")
        for example in finding.examples:
            click.echo(f"    {example}")
    verdict = "passed" if report.passed else "FAILED"
    click.echo(f"audit {verdict}: {report.rows} questions on {report.pictures} pictures, {report.dataset}")
