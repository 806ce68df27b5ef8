"""Benchmark items and requests: plain, without the picture, or with swapped options."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reinforcesight.jobs.files import json_hash
from reinforcesight.protocol import DIRECT_OPEN_INSTRUCTION, LETTERS, Protocol, letter, option_lines, with_instruction
from reinforcesight.relations.kinds import Relation

_TYPE_OF_TASK = {"Relation": "2D", "Count": "2D", "Depth": "3D", "Distance": "3D"}
_RELATION_WORDS = frozenset({"left", "right", "above", "below"})


class Variant(StrEnum):
    """How an item is asked."""

    PLAIN = "plain"
    BLIND = "blind"  # without the picture, to measure what the text alone reveals
    SWAPPED = "swapped"  # options in reverse order


@dataclass(frozen=True)
class Item:
    """One question of a benchmark.

    ``scene`` and ``evidence`` are JSON columns of our own data sets.
    """

    id: str  # unique in its benchmark
    row: int  # zero-based position in the benchmark as read
    prompt: str  # question, with its options if they are shown, without instruction
    question: str
    choices: tuple[str, ...]
    gold: str  # letter of the right choice
    task: str
    type: str
    source: str
    source_dataset: str
    relation: str | None  # the gold relation; None for tasks without relation, such as Count
    form: str  # question form of our own data sets, else cvbench
    read_picture: Callable[[], bytes] = field(repr=False, compare=False)
    picture_sha: str
    cluster: str  # key of the source picture, since questions about one picture are not independent
    shows_options: bool  # the prompt lists the choices with their letters
    scene: str | None = field(default=None, repr=False)
    evidence: str | None = field(default=None, repr=False)
    group: str = ""  # items of a group count only as a whole in some official figures

    @property
    def picture(self) -> bytes:
        """The encoded picture, read from its file at each use."""
        return self.read_picture()

    @property
    def item_key(self) -> str:
        """Hash of question, choices, gold and picture; identifies the item in every run."""
        return json_hash([self.prompt, list(self.choices), self.gold, self.picture_sha])


@dataclass(frozen=True)
class BrokenRow:
    """A benchmark row that can't be scored, and the reason. It counts in no figure."""

    id: str
    row: int
    task: str
    problem: str
    detail: str


@dataclass(frozen=True)
class Figure:
    """An official figure of a benchmark: the mean of its parts' accuracies.

    ``part`` returns the part in which a task and a source count, or None. If there is a ``group``, the items of a group
    count as one, which is right if all of them are.
    """

    name: str
    part: Callable[[str, str], str | None] = lambda task, source: "all"
    group: Callable[[Item], str] | None = None
    parts: tuple[str, ...] = ()  # parts without which there is no figure


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as read from its files."""

    name: str
    revision: str | None
    split: str | None
    items: tuple[Item, ...]  # in the order of the files
    broken: tuple[BrokenRow, ...]  # rows of the selected tasks that can't be scored
    available: dict[tuple[str, str], int]  # rows per (source, task) before selection; official figures need all
    files: dict[str, str]  # name to SHA-256 of its bytes
    fingerprint: str  # SHA-256 over the content of the selected rows
    notes: tuple[str, ...] = ()  # remarks for the report
    figures: tuple[Figure, ...] = ()  # the benchmark's own figures, the main one first; none for CV-Bench


@dataclass(frozen=True)
class Request:
    """An item in one variant, as an engine receives it."""

    item: Item
    variant: Variant
    text: str  # the whole user text: question, options, instruction
    choices: tuple[str, ...]  # in the order of this variant
    gold: str  # letter in that order

    @property
    def picture(self) -> bytes | None:
        """Encoded picture, or None in the blind variant."""
        return None if self.variant is Variant.BLIND else self.item.picture


def make_request(item: Item, variant: Variant, protocol: Protocol) -> Request | None:
    """Return the request for an item in a variant; None to swap options that the prompt does not show."""
    prompt, choices, gold = item.prompt, item.choices, item.gold
    if variant is Variant.SWAPPED:
        shown = option_lines(choices)
        if not item.shows_options or len(choices) < 2 or prompt.count(shown) != 1:
            return None
        choices = choices[::-1]
        gold = letter(len(choices) - 1 - LETTERS.index(gold))
        prompt = prompt.replace(shown, option_lines(choices))
    if protocol is Protocol.DIRECT and not item.shows_options:
        text = f"{prompt}\n{DIRECT_OPEN_INSTRUCTION}"
    else:
        text = with_instruction(prompt, protocol)
    return Request(item, variant, text, choices, gold)


def strip_instruction(prompt: str) -> str:
    """Remove the instruction of any protocol from a stored prompt."""
    for instruction in (*(protocol.instruction for protocol in Protocol), DIRECT_OPEN_INSTRUCTION):
        prompt = prompt.removesuffix(instruction).rstrip("\n")
    return prompt


def gold_letter(answer: object, choices: Sequence[str]) -> str | None:
    """Return the letter of a stored answer such as ``(A)`` or ``A``, or None if the choices lack it."""
    if not isinstance(answer, str):
        return None
    match = re.fullmatch(r"\s*\(?([A-Z])\)?\s*", answer)
    if match is None or LETTERS.index(match.group(1)) >= len(choices):
        return None
    return match.group(1)


def relation_of(task: str, answer_text: str, question: str = "") -> str | None:
    """Return the gold relation of a row in CV-Bench's columns.

    For Relation it is the gold choice. For Depth and Distance it follows from the question: CV-Bench always asks which
    object is closer; data sets exported to its columns also ask which is farther.
    """
    if task == "Relation":
        word = answer_text.strip().lower()
        return word if word in _RELATION_WORDS else None
    nearer = {"Depth": Relation.IN_FRONT, "Distance": Relation.CLOSER}.get(task)
    if nearer is None:
        return None
    return (nearer.inverse if "farther from" in question else nearer).value


def type_of(task: str) -> str:
    """Return CV-Bench's ``type`` of a task: 2D or 3D."""
    return _TYPE_OF_TASK.get(task, "")
