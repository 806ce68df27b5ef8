"""The content of ``results.json``: figures with intervals, and the protocol with which they were measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from reinforcesight.errors import InputError
from reinforcesight.eval.items import BrokenRow
from reinforcesight.eval.statistics import Interval, PairedTest, wilson
from reinforcesight.jobs.files import json_hash, json_value, write_json

_FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Accuracy(_Record):
    """An accuracy between 0 and 1 with count and 95 % interval; None if no question was asked."""

    accuracy: float | None
    correct: int | None  # None for a mean of several accuracies
    n: int
    low: float | None
    high: float | None
    method: str  # method of the interval

    @classmethod
    def of(cls, right: Sequence[bool]) -> Accuracy:
        """Return the accuracy of single answers, with Wilson's interval."""
        correct, n = sum(right), len(right)
        return cls.within(wilson(correct, n), correct / n if n else None, correct, n)

    @classmethod
    def within(cls, interval: Interval | None, accuracy: float | None, correct: int | None, n: int) -> Accuracy:
        bounds = dataclasses.asdict(interval) if interval else {"low": None, "high": None, "method": "none"}
        return cls(accuracy=accuracy, correct=correct, n=n, **bounds)


class Summary(_Record):
    """All figures of one variant (plain, blind or swapped)."""

    micro: Accuracy
    macro: Accuracy
    per_task: dict[str, Accuracy]
    per_source: dict[str, Accuracy]
    per_source_dataset: dict[str, Accuracy]
    per_relation: dict[str, Accuracy]
    per_form: dict[str, Accuracy]
    per_letter: dict[str, Accuracy]
    letters_given: dict[str, int]
    parse_rate: Accuracy
    parse_status: dict[str, int]
    parse_rules: dict[str, int]
    truncated: int
    confusion: dict[str, dict[str, int]]
    metrics: dict[str, float] = {}


class Chance(_Record):
    """Accuracy of random answers, and of always giving the most frequent letter of each task."""

    random: float
    majority: float
    random_per_task: dict[str, float]
    majority_per_task: dict[str, float]


class Official(_Record):
    """The benchmark's own aggregates. Each is given only if every row of all its parts was scored.

    CV-Bench has the first four fields, other benchmarks have ``figures``, the main one first.
    """

    two_d: Accuracy | None
    three_d: Accuracy | None
    cv_bench: Accuracy | None
    per_source: dict[str, float]
    missing: tuple[str, ...]  # incomplete parts
    figures: dict[str, Accuracy] = {}


class Swapped(_Record):
    """Figures over both orders of the options."""

    consistency: Accuracy  # same option chosen in both orders, over the items asked in both
    both_orders: Accuracy  # over the answers of both orders together
    both_correct: Accuracy
    not_swappable: int  # items whose prompt shows no options
    summary: Summary


class TwinPairs(_Record):
    """Pairs of questions with the same words about two pictures, with opposite answers."""

    both_right: Accuracy  # n is the number of pairs
    per_task: dict[str, Accuracy]
    one_right: int
    none_right: int
    same_answer: int  # pairs with the same answer to both questions


class VariantFigures(_Record):
    """One variant of the questions, next to the plain question about the same items."""

    right: Accuracy
    breaks: Accuracy  # share answered wrong, of the items whose plain question was answered right
    alone: int  # items that were right in everything else


class Consistency(_Record):
    """Accuracy if an item only counts when its plain question and all its variants are answered right."""

    all_right: Accuracy
    plain: Accuracy  # the plain questions of the same items
    chance: float  # of ``all_right``, for independent random answers
    per_task: dict[str, Accuracy]
    per_variant: dict[str, VariantFigures]
    left_out: dict[str, int]  # reason to number of items that have no variants from their scene


class TaskTest(_Record):
    """The paired test for one task; ``p_adjusted`` is corrected for the number of tasks (Holm)."""

    n: int
    difference: float
    p_value: float
    p_adjusted: float


class Paired(_Record):
    """This run against a baseline run, on the items that both answered."""

    title: str
    path: str
    same_protocol: bool
    only_here: int
    only_there: int
    test: PairedTest | None
    per_task: dict[str, TaskTest] = {}


class Compared(_Record):
    """Another run that the report shows next to this one."""

    title: str
    path: str
    micro: Accuracy
    macro: Accuracy
    per_task: dict[str, Accuracy]
    protocol: str | None = None
    parse_rate: Accuracy | None = None
    blind: Accuracy | None = None  # without the picture
    abstained: Accuracy | None = None  # with a grey picture
    all_right: Accuracy | None = None  # over all variants of --consistency

    @property
    def model(self) -> str:
        """Title without the name of the protocol."""
        return self.title.removesuffix(f", {self.protocol}")


class Shortcut(_Record):
    """A simple rule compared with the model, on the questions of a task to which the rule applies."""

    rule: str
    task: str
    accuracy: Accuracy  # accuracy of the rule
    model: Accuracy
    p_value: float  # McNemar's exact test, two-sided
    beaten: bool  # the model is significantly better


class Overlap(_Record):
    """Pictures of the benchmark that are also in a training set."""

    dataset: str
    pictures: int  # number of benchmark pictures
    training_pictures: int
    same_source: int
    same_looks: int  # pictures with another source id that look the same
    questions: int  # number of questions about pictures that are also in the training set
    examples: tuple[str, ...]
    complete: bool  # all pictures could be read and compared


class _Scope(_Record):
    format: int = _FORMAT
    title: str
    protocol: dict[str, Any]
    n_items: int
    n_scored: int
    broken: tuple[BrokenRow, ...]
    unanswered: tuple[str, ...]


class Results(Summary, _Scope):  # pydantic writes the fields of _Scope first
    """The content of ``results.json``.

    Attributes:
        protocol: Model, prompt, decoding, engine, benchmark and versions, as JSON values.
        run: Clock times, batch size and processes, which may differ between two equal evaluations.
    """

    official: Official
    chance: Chance
    blind: Summary | None
    grey: Summary | None = None  # an answer is right if it abstains
    swapped: Swapped | None
    consistency: Consistency | None = None
    paired: Paired | None
    compared: tuple[Compared, ...]
    shortcuts: tuple[Shortcut, ...] = ()
    overlap: Overlap | None = None
    twins: TwinPairs | None = None
    run: dict[str, Any]

    def as_compared(self, path: Path) -> Compared:
        return Compared(
            path=str(path),
            protocol=self.protocol.get("name"),
            blind=self.blind and self.blind.micro,
            abstained=self.grey and self.grey.micro,
            all_right=self.consistency and self.consistency.all_right,
            **self.model_dump(include={"title", "micro", "macro", "per_task", "parse_rate"}),
        )

    @property
    def exit_code(self) -> int:
        """0 if every selected row was scored, else 1."""
        return 1 if self.broken or self.unanswered else 0


def read_results(path: Path) -> Results:
    try:
        content = path.read_bytes()
        results = Results.model_validate_json(content)
        digest = results.run.get("digest")
        if digest is not None and digest != _digest_of(json_value(content)):
            fix = "run the same evaluate command again; saved answers are kept"
            raise InputError("the results are damaged", where=str(path), fix=fix)
        return results
    except OSError as error:
        raise InputError(
            f"the results can't be read: {error.strerror}", where=str(path), fix="check the path"
        ) from error
    except ValidationError as error:
        if b'"benchmarks": {' in path.read_bytes()[:4096]:
            raise InputError(
                "these are the results of several benchmarks",
                where=str(path),
                fix=f"give those of one, such as {path.stem}.NAME.json next to it",
            ) from error
        raise InputError(
            f"not a results.json of this program: {error.errors()[0]['msg']}",
            where=str(path),
            fix="give a results.json that 'reinforcesight evaluate' wrote",
        ) from error


def write_results(path: Path, results: Results) -> None:
    """Write ``results.json`` with a digest of all but ``run``, in ``run``; raises :class:`OutputError`."""
    content = results.model_dump(mode="json")
    write_json(path, {**content, "run": {**results.run, "digest": _digest_of(content)}})


def _digest_of(content: dict[str, Any]) -> str:
    return json_hash({name: value for name, value in content.items() if name != "run"})


def answers_path(results: Path) -> Path:
    return results.with_suffix(".jsonl")
