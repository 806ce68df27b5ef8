"""The table at the end of ``reinforcesight generate``."""

from __future__ import annotations

from reinforcesight.data_gen.dataset.manifest import Manifest


def print_summary(manifest: Manifest, seconds: float) -> None:
    """Print counts by relation, form and split, and what is not as it was wanted."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    total = sum(manifest.rows.values())
    table = Table(
        title=f"{total} questions about {sum(manifest.pictures.values())} pictures", title_justify="left"
    )
    table.add_column("what")
    table.add_column("questions", justify="right")
    for name in ("relation", "form", "answer", "yes_no"):
        for value, count in manifest.counts[name].items():
            table.add_row(f"{name.replace('_', '/')} {value}", str(count))
        table.add_section()
    for split, count in manifest.rows.items():
        table.add_row(f"{split} ({manifest.pictures[split]} pictures)", str(count))
    console.print(table)
    for shortfall in manifest.shortfalls:
        console.print(f"note: {shortfall}", markup=False, highlight=False, soft_wrap=True)
    unusable = manifest.pictures_read - manifest.pictures_usable
    console.print(
        f"{manifest.pictures_read} pictures read, {unusable} without a clear pair or unusable "
        f"(see rejections.json); {seconds:.1f} seconds",
        highlight=False,
        soft_wrap=True,
    )
