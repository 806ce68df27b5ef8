"""Table at the end of ``reinforcesight generate``."""

from __future__ import annotations

import click

from reinforcesight.data_gen.dataset.manifest import Manifest
from reinforcesight.jobs.table import table_lines


def print_summary(manifest: Manifest, seconds: float) -> None:
    click.echo(f"{sum(manifest.rows.values())} questions about {sum(manifest.pictures.values())} pictures")
    rows = [
        (f"{name.replace('_', '/')} {value}", str(count))
        for name in ("relation", "form", "answer", "yes_no")
        for value, count in manifest.counts[name].items()
    ]
    rows += [("twins", str(manifest.twins))] if manifest.twins is not None else []
    rows += [(f"{split} ({manifest.pictures[split]} pictures)", str(n)) for split, n in manifest.rows.items()]
    click.echo("\n".join(table_lines(("what", "questions"), rows)))
    for shortfall in manifest.shortfalls:
        click.echo(f"note: {shortfall}")
    unusable = manifest.pictures_read - manifest.pictures_usable
    click.echo(
        f"{manifest.pictures_read} pictures read, {unusable} without a clear pair or unusable "
        f"(see rejections.json); {seconds:.1f} seconds"
    )
