"""Run VQASynth's localisation and scene stages in a separate environment or container.

    python -m data_gen.vqasynth_wrapper --pictures FOLDER --output DIR --python /path/to/its/bin/python
    python -m data_gen.vqasynth_wrapper --pictures FOLDER --output DIR --image vqasynth:base
    reinforcesight generate --source vqasynth --input DIR --output DATASET

VQASynth pins numpy 1.26.4, transformers 4.48.0 and datasets 3.1.0 (its ``requirements.txt``), so it can't share an
environment with current TRL. The two environments exchange a data set directory; ``docs/vqasynth.md`` describes its
columns.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from reinforcesight.data_gen.vqasynth import stages
from reinforcesight.errors import ConfigError, InputError, MissingDependencyError, ReinforceSightError

ContainerEngine = Literal["docker", "podman"]
_STAGES_FILE = Path(stages.__file__)
_INSIDE = {"pictures": "/pictures", "output": "/output", "stages": "/reinforcesight/vqasynth_stages.py"}
# Isolated mode: neither this folder nor PYTHONPATH is searched, so no module of ours (scenes, source, src) is found
# instead of one of VQASynth, VGGT or SAM 2.
_ISOLATED = "-I"
_INSIDE_CACHE = "/root/.cache/huggingface"


@dataclass(frozen=True, slots=True)
class VqasynthRun:
    """Options of the command. Raises :class:`ConfigError` if neither interpreter nor image is given, or both."""

    pictures: Path
    output: Path
    python: Path | None = None
    image: str | None = None
    engine: ContainerEngine = "docker"
    gpus: bool = True
    model_cache: Path | None = None
    captioner: Literal["molmo", "florence"] = "molmo"
    segmenter: str = "facebook/sam2-hiera-small"

    def __post_init__(self) -> None:
        if (self.python is None) == (self.image is None):
            raise ConfigError(
                "expected either an interpreter or a container image with VQASynth",
                where="--python, --image",
                fix="see docs/vqasynth.md for making either",
            )


def vqasynth_arguments(run: VqasynthRun) -> list[str]:
    settings = ["--captioner", run.captioner, "--segmenter", run.segmenter]
    if run.python is not None:
        places = ["--pictures", str(run.pictures.resolve()), "--output", str(run.output.resolve())]
        return [str(run.python), _ISOLATED, str(_STAGES_FILE), *places, *settings]
    assert run.image is not None
    mounts = [
        f"{run.pictures.resolve()}:{_INSIDE['pictures']}:ro",
        f"{run.output.resolve()}:{_INSIDE['output']}",
        f"{_STAGES_FILE}:{_INSIDE['stages']}:ro",
    ]
    if run.model_cache is not None:
        mounts.append(f"{run.model_cache.resolve()}:{_INSIDE_CACHE}")
    command = [run.engine, "run", "--rm"]
    if run.gpus:
        command += ["--gpus", "all"] if run.engine == "docker" else ["--device", "nvidia.com/gpu=all"]
    for mount in mounts:
        command += ["--volume", mount]
    command += ["--entrypoint", "python3", run.image, _ISOLATED, _INSIDE["stages"]]
    return [*command, "--pictures", _INSIDE["pictures"], "--output", _INSIDE["output"], *settings]


def run_vqasynth(run: VqasynthRun) -> Path:
    """Run both stages for all pictures without a row; return the folder for ``--source vqasynth``.

    A picture that fails gets a row with the reason, which the source ``vqasynth`` reports.

    Raises:
        InputError: There are no pictures, the folder belongs to another run, or the stages failed.
        MissingDependencyError: The interpreter, the container engine, or VQASynth in it is missing.
    """
    if not run.pictures.is_dir():
        raise InputError("expected a folder of pictures", where=str(run.pictures), fix="give it as --pictures")
    program = str(run.python) if run.python is not None else run.engine
    if shutil.which(program) is None:
        what = "interpreter of VQASynth's environment" if run.python is not None else "container engine"
        raise MissingDependencyError(f"there is no {what} {program!r}", fix="see docs/vqasynth.md for setting it up")
    run.output.mkdir(parents=True, exist_ok=True)
    status = subprocess.run(vqasynth_arguments(run), check=False).returncode
    if status == 0:
        return run.output
    where = run.image or program
    if status == stages.NO_VQASYNTH:
        raise MissingDependencyError(
            f"VQASynth is not installed in {where}", fix="see docs/vqasynth.md for installing it there"
        )
    if status == stages.NO_PICTURES:
        raise InputError("there is no picture in the folder", where=str(run.pictures), fix="give another")
    if status == stages.OTHER_INPUT:
        raise InputError(
            "the folder belongs to a run with other pictures or settings",
            where=str(run.output),
            fix="give another --output",
        )
    raise InputError(
        f"VQASynth ended with exit status {status}; finished parts are kept",
        where=where,
        fix="see its messages above, then run the same command to resume",
    )


@click.command(help="Localise and measure pictures with VQASynth, in a separate environment or container.")
@click.option("--pictures", type=click.Path(path_type=Path), required=True, help="Folder of photographs.")
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Folder of the result; a second run resumes."
)
@click.option("--python", type=click.Path(path_type=Path), help="Interpreter with VQASynth.")
@click.option("--image", help="Container image with VQASynth, such as vqasynth:base.")
@click.option("--engine", type=click.Choice(["docker", "podman"]), default="docker", show_default=True)
@click.option("--gpus/--no_gpus", default=True, show_default=True, help="Give the GPUs to the container.")
@click.option("--model_cache", type=click.Path(path_type=Path), help="Folder of weights for the container.")
@click.option("--captioner", type=click.Choice(["molmo", "florence"]), default="molmo", show_default=True)
@click.option("--segmenter", default="facebook/sam2-hiera-small", show_default=True, help="SAM 2 model.")
def vqasynth_wrapper(**options: Any) -> None:
    """Run the command; a user error prints one line and exits with status 2."""
    try:
        made = run_vqasynth(VqasynthRun(**options))
    except ReinforceSightError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    click.echo(f"{made}: ready for reinforcesight generate --source vqasynth --input {made}")


if __name__ == "__main__":
    vqasynth_wrapper()
