"""Remove rows that people excluded or found wrong: from Parquet files, gallery, card and manifest, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from reinforcesight.data_gen.dataset.card import renew_card
from reinforcesight.data_gen.dataset.manifest import load_manifest, write_manifest
from reinforcesight.data_gen.dataset.removal import remove_rows
from reinforcesight.data_gen.viewing.gallery import write_gallery
from reinforcesight.jobs.files import only_writer


def remove_and_report(dataset: Path, reasons: Mapping[str, str], *, by: str) -> None:
    """Remove rows and print how many; do nothing if they are already removed. ``by``: name of the command.

    Raises:
        InputError: The folder contains no data set made by generate, or a file is damaged.
        OutputError: The folder can't be written to, or another process changes it.
    """
    with only_writer(dataset):
        before = load_manifest(dataset)
        after = remove_rows(dataset, before, reasons, by=by)
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
    click.echo(f"{listed} in {dataset / 'removed.jsonl'}; counts and digests in manifest.json are new")
