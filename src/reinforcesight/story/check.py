"""TRL's check of the sections ``sft.trainer`` and ``grpo.trainer``, before the first stage.

It happens in a separate process (``python -m reinforcesight.story.check CONFIG``), so that torch is not loaded in the
one that watches the stages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from reinforcesight.config import load_config
from reinforcesight.errors import ConfigError
from reinforcesight.story.config import RunConfig


def check_training(settings: Path) -> None:
    """Check the settings of a run against TRL, if TRL is installed.

    Raises:
        ConfigError: TRL has no such argument, or a value has the wrong type.
    """
    if find_spec("trl") is None:
        return
    done = subprocess.run(
        [sys.executable, "-m", "reinforcesight.story.check", str(settings)],
        capture_output=True,
        text=True,
        check=False,
    )
    # A process that fails in another way says nothing about the settings; the stage itself will.
    if done.stdout.startswith("{"):
        raise ConfigError(**json.loads(done.stdout))


def main(settings: Path) -> None:
    """Print the first problem as a JSON object, if there is one."""
    config = load_config(RunConfig, settings)
    try:
        config.sft.checked_trainer("sft.trainer")
        config.grpo.checked_trainer("grpo.trainer")
    except ConfigError as error:
        click.echo(json.dumps({"what": error.what, "where": error.where, "fix": error.fix}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
