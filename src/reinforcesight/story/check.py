"""Check a run before its first stage (``python -m reinforcesight.story.check CONFIG``).

The check runs in a process of its own, so that the process that watches the stages does not load torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click

from reinforcesight.config import load_config
from reinforcesight.errors import ConfigError, InputError, OutputError, ReinforceSightError
from reinforcesight.jobs.warm import WarmProcess
from reinforcesight.preflight import (
    check_benchmark,
    check_generate,
    check_model,
    check_room,
    dataset_bytes,
    refuse_other_things,
    require_extra,
    training_bytes,
)
from reinforcesight.story.config import RunConfig

_KINDS = {kind.__name__: kind for kind in (ConfigError, InputError, OutputError)}


# A folder with any of these files belongs to a run.
RUN_FILES = ("run.json", "config.yaml", ".lock")


def check_run(config: RunConfig, *, thorough: bool = True) -> list[str]:
    """Check all stages, downloading hub models and benchmarks; return facts, one per line."""
    refuse_other_things(config.output, RUN_FILES)
    made = [entry for entry in config.benchmarks.values() if not isinstance(entry, str)]
    rendered = any(part.source == "rendered" for part in (config.generate, *made))
    # One pip command for all that is missing.
    extras, modules = ("rendered,train", ("trimesh", "embreex")) if rendered else ("train", ())
    require_extra(extras, *modules, "torch", "transformers", "trl", "peft", "accelerate")
    for part in (config.generate, *made):
        check_generate(part)
    from reinforcesight.grpo.arguments import check_numbers, grpo_arguments

    config.sft.checked_trainer("sft.trainer")
    config.grpo.checked_trainer("grpo.trainer")
    check_numbers(config.grpo, grpo_arguments(config.grpo, has_validation=True), config.generate.num_samples)
    weights, model = check_model(config.sft.model.at(config.base))
    given = [check_benchmark(config.evaluate, entry) for entry in config.benchmarks.values() if isinstance(entry, str)]
    needed = sum(dataset_bytes(part) for part in (config.generate, *made) if not part.output.exists())
    trainings = (part for part in (config.sft, config.grpo) if not Path(part.output).exists())
    needed += sum(training_bytes(part, weights) for part in trainings)
    return [model, *given, check_room(config.output, needed)]


def check_before_first_stage(settings: Path, warm: WarmProcess | None = None) -> None:
    """Check a run's settings, model, benchmarks, device and disk; raise the first problem."""
    printed = _printed_by_check(settings, warm)
    # If the process fails in another way, the settings may be right; the stage reports the problem.
    if printed.startswith("{"):
        problem = json.loads(printed)
        raise _KINDS.get(problem.pop("kind"), ReinforceSightError)(**problem)


def _printed_by_check(settings: Path, warm: WarmProcess | None) -> str:
    if warm is not None:
        reading, writing = os.pipe()
        with os.fdopen(reading, encoding="utf-8") as stream:
            try:
                job = warm.run(__name__, [str(settings)], output=writing, errors=2, keep={})
            except (ChildProcessError, OSError):
                job = None
            finally:
                os.close(writing)
            if job is not None:
                with job.stdin:
                    printed = stream.read()
                    job.wait()
                return printed
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(settings)], stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout


def main(settings: Path) -> None:
    """Print the first problem as a JSON object, if there is one."""
    try:
        check_run(load_config(RunConfig, settings))
    except ReinforceSightError as error:
        problem = {"kind": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}
        click.echo(json.dumps(problem))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
