"""Errors that the user can fix: what was wrong, where, and what to do.

The command line prints such an error as one line and exits with status 2. Any other exception is a bug in the program
and keeps its traceback.
"""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from types import ModuleType

# Exit statuses of the command line.
EXIT_FAILED = 1  # the job failed
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class ReinforceSightError(Exception):
    """Base of all errors that the user can fix.

    ``what`` says what was expected and received, ``where`` names file, key, row or option, ``fix`` says what to do.
    """

    exit_code = EXIT_USER_ERROR

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        text = self.what.rstrip(".")
        if self.where:
            text += f" ({self.where})"
        if self.fix:
            text += f": {self.fix}"
        return " ".join(text.split())

    def __reduce__(self) -> tuple[object, ...]:
        # Default pickling of exceptions, as between worker processes, loses keyword-only arguments.
        return (partial(type(self), where=self.where, fix=self.fix), (self.what,))


class ConfigError(ReinforceSightError):
    """A configuration file, key, value or command-line flag is wrong."""


class InputError(ReinforceSightError):
    """A picture, annotation, data set, checkpoint or benchmark can't be used."""


class OutputError(ReinforceSightError):
    """A result can't be written, or the existing files belong to another configuration."""


class MissingDependencyError(ReinforceSightError):
    """An optional package is not installed."""


def first_line(error: Exception) -> str:
    """Return the first line of a library's error, which says what is wrong; without text the name of its class."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def require_module(name: str, *, extra: str) -> ModuleType:
    """Import an optional module (a dotted name).

    Raises:
        MissingDependencyError: The module itself, not one of its imports, is missing; names the extra to install.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise MissingDependencyError(
            f"the package {name.split('.')[0]!r} is not installed",
            fix=install_command(extra),
        ) from error


def install_command(extra: str) -> str:
    """Return the pip command that installs an extra of this package, for a checkout or an installation."""
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return f'pip install -e "{checkout}[{extra}]"'
    return f'pip install "reinforcesight[{extra}]"'
