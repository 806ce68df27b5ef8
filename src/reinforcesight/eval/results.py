"""The record behind ``results.json``: what was measured, under which protocol, and how sure the figures are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from reinforcesight.errors import InputError
from reinforcesight.eval.statistics import Interval, PairedTest

FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Cell(_Record):
    """An accuracy with its count and 95 % interval.

    Attributes:
        accuracy: Between 0 and 1; None where nothing was asked.
        correct, n: None in a mean of several cells.
    """

    accuracy: float | None
    correct: int | None
    n: int
    low: float | None
    high: float | None
    method: str


class Summary(_Record):
    """All figures of one variant (plain, blind or swapped)."""

    micro: Cell
    macro: Cell
    per_task: dict[str, Cell]
    per_source: dict[str, Cell]
    per_source_dataset: dict[str, Cell]
    per_relation: dict[str, Cell]
    per_form: dict[str, Cell]
    per_letter: dict[str, Cell]
    letters_given: dict[str, int]
    parse_rate: Cell
    parse_status: dict[str, int]
    parse_rules: dict[str, int]
    truncated: int
    confusion: dict[str, dict[str, int]]
    metrics: dict[str, float] = {}


class Chance(_Record):
    """What an answer without looking scores: at random, and always the most frequent letter of each task."""

    random: float
    majority: float
    random_per_task: dict[str, float]
    majority_per_task: dict[str, float]


class Official(_Record):
    """CV-Bench's own aggregate. A figure is None unless all rows of all its parts were scored.

    Attributes:
        missing: What would have to be run, or mended, for the missing figures.
    """

    two_d: Cell | None
    three_d: Cell | None
    cv_bench: Cell | None
    per_source: dict[str, float]
    missing: tuple[str, ...]


class Swapped(_Record):
    """Both orders of the options.

    Attributes:
        consistency: Same option chosen in both orders, over the items asked in both.
        both_orders: Accuracy over the answers of both orders together.
        both_correct: Right in both orders.
        not_swappable: Items whose prompt shows no options.
    """

    consistency: Cell
    both_orders: Cell
    both_correct: Cell
    not_swappable: int
    summary: Summary


class Paired(_Record):
    """This run against a baseline run on the items that both answered."""

    title: str
    path: str
    same_protocol: bool
    only_here: int
    only_there: int
    test: PairedTest | None


class Broken(_Record):
    """A benchmark row that could not be scored."""

    id: str
    row: int
    task: str
    problem: str
    detail: str


class Compared(_Record):
    """Another run, shown beside this one in the report."""

    title: str
    path: str
    micro: Cell
    macro: Cell
    per_task: dict[str, Cell]


class Results(_Record):
    """Everything in ``results.json``.

    Attributes:
        protocol: Model, prompt, decoding, engine, benchmark and versions; plain JSON values.
        run: Clock times, batch size and processes: whatever may differ between two equal evaluations.
    """

    format: int = FORMAT
    title: str
    protocol: dict[str, Any]
    n_items: int
    n_scored: int
    broken: tuple[Broken, ...]
    unanswered: tuple[str, ...]
    micro: Cell
    macro: Cell
    official: Official
    per_task: dict[str, Cell]
    per_source: dict[str, Cell]
    per_source_dataset: dict[str, Cell]
    per_relation: dict[str, Cell]
    per_form: dict[str, Cell]
    per_letter: dict[str, Cell]
    letters_given: dict[str, int]
    parse_rate: Cell
    parse_status: dict[str, int]
    parse_rules: dict[str, int]
    truncated: int
    confusion: dict[str, dict[str, int]]
    metrics: dict[str, float]
    chance: Chance
    blind: Summary | None
    swapped: Swapped | None
    paired: Paired | None
    compared: tuple[Compared, ...]
    run: dict[str, Any]

    @property
    def exit_code(self) -> int:
        """0 only when every selected row was scored."""
        return 1 if self.broken or self.unanswered else 0

    def to_json(self) -> str:
        """Text of ``results.json``."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def read_results(path: Path) -> Results:
    """Read a ``results.json``.

    Raises:
        InputError: It is absent or is no such file.
    """
    try:
        return Results.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"the results can't be read: {error.strerror}", where=str(path), fix="check the path"
        ) from error
    except ValidationError as error:
        raise InputError(
            f"no results of this program: {error.errors()[0]['msg']}",
            where=str(path),
            fix="give a results.json that 'reinforcesight evaluate' wrote",
        ) from error


def answers_path(results: Path) -> Path:
    """Where the answers of a ``results.json`` are kept."""
    return results.with_suffix(".jsonl")


__all__ = [
    "Broken", "Cell", "Chance", "Compared", "Interval", "Official", "Paired", "PairedTest", "Results", "Summary",
    "Swapped", "answers_path", "read_results",
]  # fmt: skip
