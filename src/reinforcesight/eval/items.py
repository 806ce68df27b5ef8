"""Benchmark items and requests: plain, without the picture, or with other options.

Variants that need a scene are made in ``consistency.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reinforcesight.jobs.files import json_hash
from reinforcesight.pictures.encode import grey_like
from reinforcesight.protocol import DIRECT_OPEN_INSTRUCTION, LETTERS, Protocol, letter, option_lines, with_instruction
from reinforcesight.relations.kinds import Relation

_TYPE_OF_TASK = {"Relation": "2D", "Count": "2D", "Depth": "3D", "Distance": "3D"}
_RELATION_WORDS = frozenset({"left", "right", "above", "below"})
# The right answer about a grey picture.
UNDECIDED = "cannot be determined"


class Variant(StrEnum):
    """How an item is asked."""

    PLAIN = "plain"
    BLIND = "blind"  # without the picture, to measure what the text alone reveals
    GREY = "grey"  # with a grey picture and one more option, which is the right one
    LETTERS = "letters"  # the options keep their places and exchange their letters
    SWAPPED = "swapped"  # options in reverse order
    NOUNS = "nouns"  # the question names the two objects in the other order
    INVERSE = "inverse"  # asks for the inverse relation
    MIRROR = "mirror"  # the picture mirrored left to right
    WORDING = "wording"  # the same question in other words
    COLOURS = "colours"  # drawn boxes in other colours


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
    question: str
    choices: tuple[str, ...]  # by letter
    gold: str
    alter: Callable[[bytes], bytes] | None = None  # makes this variant's picture

    @property
    def picture(self) -> bytes | None:
        """Encoded picture, made anew at each call if the variant alters it; None in the blind variant."""
        if self.variant is Variant.BLIND:
            return None
        return self.item.picture if self.alter is None else self.alter(self.item.picture)


def make_request(item: Item, variant: Variant, protocol: Protocol) -> Request | None:
    """Return the request for an item in a variant that needs no scene.

    None to change options that the prompt does not show.
    """
    prompt, choices, gold = item.prompt, item.choices, item.gold
    if variant not in (Variant.PLAIN, Variant.BLIND):
        shown = option_lines(choices)
        if not item.shows_options or len(choices) < 2 or prompt.count(shown) != 1:
            return None
        if variant is Variant.GREY:
            choices = (*choices, UNDECIDED)
            gold, lines = letter(len(choices) - 1), option_lines(choices)
        else:
            last = len(choices) - 1
            letters_only = "\n".join(f"({letter(last - i)}) {choice}" for i, choice in enumerate(choices))
            choices, gold = choices[::-1], letter(last - LETTERS.index(gold))
            lines = letters_only if variant is Variant.LETTERS else option_lines(choices)
        prompt = prompt.replace(shown, lines)
    alter = grey_like if variant is Variant.GREY else None
    return Request(item, variant, user_text(item, prompt, protocol), item.question, choices, gold, alter)


def user_text(item: Item, prompt: str, protocol: Protocol) -> str:
    """Return an item's prompt, or one like it, with the instruction of the protocol."""
    if protocol is Protocol.DIRECT and not item.shows_options:
        return f"{prompt}\n{DIRECT_OPEN_INSTRUCTION}"
    return with_instruction(prompt, protocol)


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
