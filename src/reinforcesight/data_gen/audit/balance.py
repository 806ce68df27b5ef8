"""Count relations, letters, forms and splits, and check whether they are balanced."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from reinforcesight.data_gen.audit.findings import Findings, Table
from reinforcesight.data_gen.audit.rows import Understood, plain_relation
from reinforcesight.data_gen.dataset.reader import StoredRow
from reinforcesight.data_gen.dataset.rows import SPLITS
from reinforcesight.pages.render import percent
from reinforcesight.protocol import LETTERS
from reinforcesight.relations.kinds import Axis, Relation
from reinforcesight.relations.rules_of_thumb import rules_right

# A fraction may differ from an even one by this much, plus the 99 % interval of random variation.
_TOLERANCE = 0.05
_SIGMAS = 2.576
_NAMES = ("split", "relation", "form", "letter")
_ORDER = {relation.value: at for at, relation in enumerate(Relation)}


@dataclass(slots=True)
class Balance:
    """Counts over all rows."""

    cells: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # split, relation, form, letter
    truth: Counter[tuple[str, str]] = field(default_factory=Counter)  # relation and answer of yes/no questions
    options: Counter[tuple[str, int]] = field(default_factory=Counter)  # relation and number of options
    # Axis, rule of thumb, whether it gives the correct answer.
    simple: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    cues: Counter[tuple[str, int]] = field(default_factory=Counter)  # axis and number of cues in the reasoning

    def add(self, stored: StoredRow, known: Understood | None) -> None:
        row = stored.row
        self.cells[stored.split, row.relation, row.form, row.answer.strip("()")] += 1
        self.options[row.relation, len(row.choices)] += 1
        if row.form == "yes_no":
            self.truth[row.relation, row.answer_text] += 1
        if known is not None and known.axis in (Axis.DEPTH, Axis.DISTANCE):
            self._rules_of_thumb(known)
            self.cues[known.axis.value, known.cues] += 1

    def _rules_of_thumb(self, known: Understood) -> None:
        """Count whether rules such as "the lower one is nearer" give the correct answer."""
        holds = plain_relation(known)
        if holds is None:
            return
        things = known.objects
        hits = rules_right(holds, things["subject"], things["reference"], things.get("anchor"))
        for name, right in hits.items():
            self.simple[known.axis.value, name, right] += 1

    def sum(self, **wanted: str) -> int:
        """Return the number of rows with these values of split, relation, form or letter."""
        positions = {_NAMES.index(name): value for name, value in wanted.items()}
        return sum(n for key, n in self.cells.items() if all(key[p] == v for p, v in positions.items()))

    def values(self, position: int) -> list[str]:
        """Return the values of split (0), relation (1), form (2) or letter (3) that occur."""
        return sorted({key[position] for key in self.cells})

    def judge(self, findings: Findings) -> None:
        for relation in self.values(1):
            count = self.sum(relation=relation)
            options = max((n for (r, n) in self.options if r == relation), default=2)
            for letter in LETTERS[:options]:
                have = self.sum(relation=relation, letter=letter)
                if uneven(have, count, 1 / options):
                    findings.add("letter_balance", f"{relation}: {letter} {percent(have / count)} of {count}")
        for axis in Axis:
            first, second = (self.sum(relation=relation.value) for relation in axis.relations)
            if uneven(first, first + second, 0.5):
                names = " and ".join(relation.value for relation in axis.relations)
                findings.add("relation_balance", f"{names}: {first} and {second}")
        yes = sum(n for (_, text), n in self.truth.items() if text == "yes")
        if uneven(yes, self.truth.total(), 0.5):
            findings.add("truth_balance", f"yes {yes} of {self.truth.total()}")

    def tables(self) -> tuple[Table, ...]:
        relations = sorted(self.values(1), key=lambda name: (_ORDER.get(name, len(_ORDER)), name))
        letters, forms = self.values(3), self.values(2)
        splits = [split for split in SPLITS if self.sum(split=split)]

        def counts(**wanted: str) -> list[int]:
            by_split = [self.sum(split=split, **wanted) for split in splits]
            by_letter = [self.sum(letter=letter, **wanted) for letter in letters]
            relation = wanted.get("relation")
            said = [
                sum(n for (name, text), n in self.truth.items() if text == answer and relation in (None, name))
                for answer in ("yes", "no")
            ]
            return [*by_split, *by_letter, *said, self.sum(**wanted)]

        def by_letter(relation: str, form: str) -> str:
            return " / ".join(str(self.sum(relation=relation, form=form, letter=letter)) for letter in letters)

        names = [f"({letter})" for letter in letters]
        thumb = []
        for axis, name in sorted({(axis, name) for axis, name, _ in self.simple}):
            right, total = self.simple[axis, name, True], sum(self.simple[axis, name, hit] for hit in (True, False))
            thumb.append((axis, name, percent(right / total), total))
        cues = []
        for axis in sorted({axis for axis, _ in self.cues}):
            none, one = self.cues[axis, 0], self.cues[axis, 1]
            total = sum(n for (name, _), n in self.cues.items() if name == axis)
            cues.append((axis, none, one, total - none - one, total))
        return (
            Table(
                "Relations by split and answer",
                ("relation", *splits, *names, "yes", "no", "all"),
                [*([relation, *counts(relation=relation)] for relation in relations), ["all", *counts()]],
            ),
            Table(
                "Relations by form and letter",
                ("relation", *forms),
                [[relation, *(by_letter(relation, form) for form in forms)] for relation in relations],
                f"right answers: {' / '.join(names)}",
            ),
            Table(
                "Rules of thumb that need no depth",
                ("axis", "rule", "right", "questions"),
                thumb,
                "for information",
            ),
            Table("Cues that a reasoning names", ("axis", "none", "one", "two", "all"), cues),
        )

    def measurements(self) -> dict[str, Any]:
        return {
            "counts": [{**dict(zip(_NAMES, key, strict=True)), "count": n} for key, n in sorted(self.cells.items())],
            "yes_no": {f"{relation} {text}": n for (relation, text), n in sorted(self.truth.items())},
            "rules_of_thumb": [
                {"axis": axis, "rule": name, "right": right, "count": n}
                for (axis, name, right), n in sorted(self.simple.items())
            ],
            "cues": [{"axis": axis, "cues": count, "count": n} for (axis, count), n in sorted(self.cues.items())],
        }


def uneven(count: int, total: int, share: float) -> bool:
    """Return whether a count differs from its even share by more than the tolerance and random variation."""
    if total == 0:
        return False
    spread = math.sqrt(share * (1 - share) / total)
    return abs(count / total - share) > _TOLERANCE + _SIGMAS * spread
