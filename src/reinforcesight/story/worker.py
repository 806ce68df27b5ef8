"""The process that does one stage: ``python -m reinforcesight.story.worker CONFIG STAGE``.

A process of its own gives its memory back when it ends, can be measured, and leaves torch out of the process that
watches. It ends when its parent does, however that ends: its standard input is then closed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click

from reinforcesight.config import load_config
from reinforcesight.errors import InputError, ReinforceSightError
from reinforcesight.story.config import RunConfig, StageName
from reinforcesight.story.layout import MODELS

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
# How long a stage may take to save after its parent has gone, in seconds.
_GRACE = 120.0


def run_stage(config: RunConfig, stage: StageName) -> int:
    """Do a stage, or go on with it; returns the exit status of the command that it is."""
    return _WORK[stage](config)


def _generate(config: RunConfig) -> int:
    from reinforcesight.data_gen.pipeline import generate

    return generate(config.generate).exit_code


def _audit(config: RunConfig) -> int:
    from reinforcesight.data_gen.audit.findings import write_report
    from reinforcesight.data_gen.audit.run import audit

    report = audit(config.audit)
    write_report(report, config.folder.audit.with_suffix(".json"))
    if not report.passed:
        broken = ", ".join(f"{finding.rule} ({finding.count})" for finding in report.findings if finding.hard)
        raise InputError(
            f"the training set breaks rules: {broken}",
            where=str(config.folder.audit),
            fix="look at the page; other settings of generate, or a mended input, give another data set",
        )
    return 0


def _benchmarks(config: RunConfig) -> int:
    from reinforcesight.data_gen.pipeline import generate
    from reinforcesight.export.cv_bench import to_cv_bench

    for name, entry in config.benchmarks.items():
        if isinstance(entry, str):
            continue
        done = generate(entry)
        if done.exit_code:
            return done.exit_code
        # With the scenes, by which evaluation checks the reasoning; other tools don't read these columns.
        written = to_cv_bench(entry.output, config.folder.benchmark(name), scenes=True)
        click.echo(f"{name}: {written.rows} questions in CV-Bench's columns")
        if written.broken:
            raise InputError(f"{len(written.broken)} rows can't be scored", where=str(entry.output))
    return 0


def _sft(config: RunConfig) -> int:
    from reinforcesight.sft.trainer import train_sft

    return train_sft(config.sft).exit_code


def _difficulty(config: RunConfig) -> int:
    if not config.grpo.difficulty.enabled:
        click.echo("switched off: grpo.difficulty.enabled is false")
        return 0
    from reinforcesight.grpo.rating import rate_difficulty

    return rate_difficulty(config.grpo).exit_code


def _grpo(config: RunConfig) -> int:
    from reinforcesight.grpo.trainer import train_grpo

    return train_grpo(config.grpo).exit_code


def _evaluate(config: RunConfig) -> int:
    from reinforcesight.eval.evaluate import evaluate

    folder = config.folder
    paths = {"base": config.base, "sft": str(folder.sft), "grpo": str(folder.grpo)}
    titles = {"base": "base", "sft": "SFT", "grpo": "GRPO"}
    for benchmark, entry in config.benchmarks.items():
        where = entry if isinstance(entry, str) else str(folder.benchmark(benchmark))
        for at, model in enumerate(MODELS):
            click.echo(f"evaluating {titles[model]} on {benchmark}")
            before = [folder.results(benchmark, earlier) for earlier in MODELS[:at]]
            results = evaluate(
                config.evaluate.model_copy(
                    update={
                        "model_path": paths[model],
                        "benchmark": where,
                        "output": folder.results(benchmark, model),
                        "title": titles[model],
                        "baseline": before[-1] if before else None,
                        "compare": tuple(before[:-1]),
                    }
                )
            )
            if results.exit_code:
                raise InputError(
                    f"{len(results.broken)} rows can't be scored, {len(results.unanswered)} have no answer",
                    where=f"{model} on {benchmark}",
                    fix=f"see {folder.results(benchmark, model)}",
                )
    return 0


def _report(config: RunConfig) -> int:
    from reinforcesight.story.report import write_page

    click.echo(f"wrote {write_page(config)}")
    return 0


_WORK: dict[StageName, Callable[[RunConfig], int]] = {
    StageName.GENERATE: _generate,
    StageName.AUDIT: _audit,
    StageName.BENCHMARKS: _benchmarks,
    StageName.SFT: _sft,
    StageName.DIFFICULTY: _difficulty,
    StageName.GRPO: _grpo,
    StageName.EVALUATE: _evaluate,
    StageName.REPORT: _report,
}


def _end_with_parent() -> None:
    """Stop as on SIGTERM once standard input is closed, so that a killed parent leaves no stage behind."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_GRACE)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def main(arguments: list[str]) -> int:
    """Read the configuration and do the stage. Exit status as of ``reinforcesight``."""
    path, stage = arguments
    _end_with_parent()
    try:
        return run_stage(load_config(RunConfig, Path(path)), StageName(stage))
    except ReinforceSightError as error:
        click.echo(f"error: {error}", err=True)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
