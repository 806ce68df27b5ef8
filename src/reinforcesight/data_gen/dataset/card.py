"""Dataset card, ``README.md``, with the YAML header that ``datasets`` reads."""

from __future__ import annotations

from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import click
import yaml
from jinja2 import Environment, StrictUndefined

from reinforcesight import __version__
from reinforcesight.data_gen.dataset.folder import CARD, DATA_FOLDER
from reinforcesight.data_gen.dataset.manifest import Manifest
from reinforcesight.data_gen.dataset.rows import features
from reinforcesight.jobs.files import write_text
from reinforcesight.pages.render import percent

EDITED_CARD = "README.edited.md"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(folder: Path, manifest: Manifest) -> None:
    write_text(folder / CARD, _card_text(manifest))


def renew_card(folder: Path, before: Manifest, after: Manifest) -> None:
    """Write the card of a changed data set; keep a card that was edited by hand as ``README.edited.md``."""
    card = folder / CARD
    try:
        old = card.read_text(encoding="utf-8") if card.exists() else None
    except (OSError, ValueError):
        old = None
    if old is not None and old not in (_card_text(before), _card_text(after)):
        write_text(folder / EDITED_CARD, old)
        click.echo(f"{card} was edited: it is kept as {EDITED_CARD}")
    write_text(card, _card_text(after))


def _card_text(manifest: Manifest) -> str:
    text = (resources.files("reinforcesight.data_gen.dataset") / "pages" / "dataset_card.md.j2").read_text("utf-8")
    # Markdown, not HTML: only numbers and names of settings come from outside.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters["share"] = percent
    body = environment.from_string(text).render(
        manifest=manifest,
        version=__version__,
        total=sum(manifest.rows.values()),
        job=manifest.job,
        command=_command(manifest),
    )
    header = yaml.safe_dump(_header(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n{body.strip()}\n"


def _header(manifest: Manifest) -> dict[str, Any]:
    total = sum(manifest.rows.values())
    size = next((name for limit, name in _SIZES if total < limit), "n>1M")
    rendered = manifest.source == "rendered"
    files = [{"split": split, "path": f"{DATA_FOLDER}/{split}-*.parquet"} for split in manifest.rows]
    memory: Counter[str] = Counter()
    for file in manifest.files:
        memory[file.split] += file.memory_bytes
    return {
        # Only users know the terms of their pictures.
        "license": "mit" if rendered else "unknown",
        "language": ["en"],
        "task_categories": ["visual-question-answering", "image-text-to-text"],
        "tags": ["spatial-reasoning", "synthetic", "cv-bench", "trl", "reinforcesight"],
        "size_categories": [size],
        "pretty_name": "ReinforceSight spatial questions",
        "dataset_info": {
            "features": features()._to_yaml_list(),  # datasets has no public function for the card's notation
            "splits": [
                {"name": split, "num_bytes": memory[split], "num_examples": rows}
                for split, rows in manifest.rows.items()
            ],
            "download_size": sum(f.bytes for f in manifest.files),
            "dataset_size": memory.total(),
        },
        "configs": [{"config_name": "default", "data_files": files}],
    }


def _command(manifest: Manifest) -> str:
    job = manifest.job
    parts = [f"reinforcesight generate --source {job['source']}"]
    parts += ["--input INPUT"] if job["source"] != "rendered" else [f"--distribution {job['distribution']}"]
    parts += [f"--num_samples {job['num_samples']}", f"--seed {job['seed']}", "--output OUTPUT"]
    return " ".join(parts)
