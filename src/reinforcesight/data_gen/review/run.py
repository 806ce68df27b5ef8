"""``reinforcesight review``: people check a sample of a data set on a local page."""

from __future__ import annotations

import getpass
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reinforcesight.data_gen.dataset.card import renew_card
from reinforcesight.data_gen.dataset.folder import MANIFEST, REMOVED
from reinforcesight.data_gen.dataset.manifest import load_manifest, write_manifest
from reinforcesight.data_gen.dataset.row_log import RowLog
from reinforcesight.data_gen.review.config import ReviewConfig
from reinforcesight.data_gen.review.findings import WRONG, common_verdicts
from reinforcesight.data_gen.review.site import ReviewPages
from reinforcesight.data_gen.viewing.removing import remove_and_report
from reinforcesight.data_gen.viewing.server import serve
from reinforcesight.jobs.files import only_writer
from reinforcesight.jobs.table import table_lines
from reinforcesight.pages.render import percent


def review(config: ReviewConfig) -> None:
    """Serve the review page until interrupted, or print the results; store them in manifest and card in any case.

    Raises:
        InputError: The folder holds no data set, or its review can't be read.
        ConfigError: The address can't be used, or the sample was drawn with another seed.
        OutputError: A file can't be written; verdicts that were saved are kept.
    """
    pages = ReviewPages(
        config.dataset,
        samples=config.samples,
        seed=config.seed,
        reviewer=config.reviewer or _user(),
        confidence=config.confidence,
    )
    if config.remove_wrong:
        remove_and_report(config.dataset, pages.wrong_rows(), by="review")
    elif not config.summary:
        serve(pages, config, f"{config.dataset}, reviewer {pages.reviewer}")
    results = pages.results(removed=_removed(config.dataset, pages))
    if results["reviewed"]:
        _print(results)
        _write(config.dataset, results)
    else:
        click.echo("no question is reviewed yet")


def _user() -> str:
    try:
        return getpass.getuser()[:60]
    except (OSError, KeyError):  # an account without a name
        return "reviewer"


def _removed(dataset: Path, pages: ReviewPages) -> int:
    """Return the rows whose label reviewers found wrong and that were removed."""
    removed = {(record["id"], record.get("row")) for record in RowLog(dataset / REMOVED).records()}
    wrong = {name for name, verdict in common_verdicts(pages.verdicts).items() if verdict in WRONG}
    return len(removed & wrong)


def _print(results: dict[str, Any]) -> None:
    rows = [
        (name, *(str(entry[key]) for key in ("rows", "reviewed", "wrong", "cannot_tell")), percent(entry["upper"]))
        for name, entry in (*results["by_relation"].items(), ("all", results))
    ]
    head = ("labels", "rows", "reviewed", "wrong", "cannot tell", f"wrong at most ({results['confidence']:.0%})")
    click.echo("\n".join(table_lines(head, rows)))
    for entry in results["agreement"]:
        value = "-" if entry["kappa"] is None else f"{entry['kappa']:.2f}"
        names = " and ".join(entry["reviewers"])
        click.echo(
            f"{names}: {entry['questions']} common, {entry['same']:.0%} the same verdict, Cohen's kappa {value}"
        )


def _write(dataset: Path, results: dict[str, Any]) -> None:
    if not (dataset / MANIFEST).exists():
        click.echo(f"{dataset} has no {MANIFEST}, so the result is only printed")
        return
    with only_writer(dataset):
        before = load_manifest(dataset)
        after = replace(before, review=results)
        if after != before:
            renew_card(dataset, before, after)
            write_manifest(dataset, after)
    click.echo(f"written into {MANIFEST} and README.md of {dataset}")
