"""``reinforcesight browse``: view, tag, comment and exclude the questions of a data set on a local web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from reinforcesight.data_gen.viewing.server import ServedConfig


class BrowseConfig(ServedConfig):
    """Settings of ``reinforcesight browse``."""

    dataset: Annotated[Path, Field(description="Folder of a data set made by generate")]
    results: Annotated[
        tuple[Path, ...],
        Field(description="results.jsonl of evaluate, to show a model's answers next to the labels; may be repeated"),
    ] = ()
    remove_excluded: Annotated[
        bool,
        Field(description="Remove the rows that were marked as excluded on the page from the data set, then exit"),
    ] = False


def browse(config: BrowseConfig) -> None:
    """Serve a data set until interrupted, or remove the excluded rows.

    Raises:
        InputError: The folder contains no data set, or a results file can't be read.
        ConfigError: The address or port can't be used.
        OutputError: The data set can't be written.
    """
    from reinforcesight.data_gen.viewing.browse_pages import DatasetPages
    from reinforcesight.data_gen.viewing.removing import remove_and_report
    from reinforcesight.data_gen.viewing.server import serve

    pages = DatasetPages(config.dataset, config.results)
    if config.remove_excluded:
        remove_and_report(config.dataset, pages.annotations.excluded(), by="browse")
    else:
        serve(pages, config, str(config.dataset))
