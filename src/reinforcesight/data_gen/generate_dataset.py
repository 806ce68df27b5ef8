"""``reinforcesight generate``: pictures to a balanced, verified question set.

Four steps: *scan* (each picture becomes a scene with possible questions, in work files that survive a kill),
*fit* and *choose* (exact balance, split by picture), *write* (Parquet), *finish* (card, manifest, rejections,
gallery). The same settings, seed and input give the same Parquet bytes, whatever the number of workers or shards
and however often the work was interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reinforcesight.data_gen.generate_config import GenerateConfig, GenerateReport

if TYPE_CHECKING:
    from reinforcesight.data_gen.sources.base import Source

__all__ = ["GenerateConfig", "GenerateReport", "generate"]


def generate(config: GenerateConfig, source: Source | None = None) -> GenerateReport:
    """Make a data set, or go on with one.

    Args:
        config: Settings.
        source: A source of one's own; by default the one that the settings name. It is sent to worker processes, so
            its class must be importable, and a script that calls this needs ``if __name__ == "__main__":``.

    Raises:
        ConfigError: A file of wordings is wrong.
        InputError: The input can't be read, a model can't be had, or there is no question at all.
        OutputError: The folder belongs to another job, or can't be written to. Finished work is kept.
        MissingDependencyError: A package that the source needs is absent.
    """
    # What only a run needs is imported here: the command line reads this module for its help.
    from reinforcesight.data_gen.pipeline import run_pipeline

    return run_pipeline(config, source)
