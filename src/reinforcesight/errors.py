"""The errors a user can mend: what was wrong, where, and what to do about it.

The command line prints such an error as one line and exits with status 2; anything else that escapes is a
defect of the program and keeps its traceback.
"""

from __future__ import annotations

import importlib
from types import ModuleType


class ReinforceSightError(Exception):
    """Root of all errors that a user can mend.

    Args:
        what: What was expected and what came instead.
        where: File, key, column, row or option concerned.
        fix: What to do about it.
    """

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
        # Keyword-only arguments get lost by the default pickling of exceptions between worker processes.
        return (_rebuild, (type(self), self.what, self.where, self.fix))


def _rebuild(cls: type[ReinforceSightError], what: str, where: str | None, fix: str | None) -> object:
    return cls(what, where=where, fix=fix)


class ConfigError(ReinforceSightError):
    """A configuration file, key, value or command-line flag is wrong."""


class InputError(ReinforceSightError):
    """A picture, annotation, data set, checkpoint or benchmark can't be used as it is."""


class OutputError(ReinforceSightError):
    """A result can't be written, or what is already there belongs to another configuration."""


class MissingDependencyError(ReinforceSightError):
    """An optional package is not installed."""


def require_module(name: str, *, extra: str) -> ModuleType:
    """Import an optional module, or say which pip command brings it.

    Args:
        name: Dotted module name, such as ``"vllm"``.
        extra: The extra of this package that contains it.

    Raises:
        MissingDependencyError: The module (not something it imports in turn) is absent.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise MissingDependencyError(
            f"the package {name.split('.')[0]!r} is needed for this and is not installed",
            fix=f'pip install "reinforcesight[{extra}]"',
        ) from error
