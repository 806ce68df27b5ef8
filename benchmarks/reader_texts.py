"""How the judge and the reader of claims read texts that were written by another hand.

    python benchmarks/reader_texts.py [--texts third] [--half even]

`reader_texts/` has outputs, claims and sentences with or without numbers in the manner of real models, each with the
reading of a careful reader. Only the first texts have sentences for the number check. docs/log/judge.md says which
lines were used to find mistakes, and what was read when each line was new.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reinforcesight.grpo.reward.text_checks import numbers_in
from reinforcesight.judge import parse_answer
from reinforcesight.language.claims import read_claims
from reinforcesight.language.names import ambiguous_names
from reinforcesight.language.sentences.mentions import MentionTable, scene_mentions
from reinforcesight.relations.kinds import Relation

TEXTS = Path(__file__).with_name("reader_texts")
Read = tuple[str, ...]


def lines(name: str, half: str) -> Iterator[dict[str, Any]]:
    with (TEXTS / f"{name}.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if half == "all" or (number % 2 == 0) == (half == "even"):
                yield json.loads(line)


def one_way(claim: Read) -> Read:
    """The same for "X left of Y" and "Y right of X"."""
    subject, relation, reference, *anchor = claim
    return min(claim, (reference, Relation(relation).inverse.value, subject, *anchor))


def opposite(claim: Read) -> Read:
    subject, relation, *rest = claim
    return one_way((subject, Relation(relation).inverse.value, *rest))


def read(row: dict[str, Any]) -> set[Read]:
    """Claims as the reward reads them: it knows which pair is asked about."""
    names = row["objects"]
    table = MentionTable(scene_mentions(names, ambiguous_names(names), range(len(names)), {}))
    pair, anchor = (0, 1), None
    if len(names) > 2 and row["claims"]:
        first = row["claims"][0]
        pair = (names.index(first[0]), names.index(first[2]))
        anchor = names.index(first[3]) if len(first) == 4 else None
    found = set()
    for claim in read_claims(table.split(row["text"]), pair=pair, anchor=anchor):
        parts = [names[claim.subject], claim.relation.value, names[claim.reference]]
        found.add(one_way((*parts, *([] if claim.anchor is None else [names[claim.anchor]]))))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=["all", "odd", "even"], default="all")
    texts = ["first", "second", "third", "fourth", "fifth", "sixth"]
    parser.add_argument("--texts", choices=texts, default="first")
    args = parser.parse_args()
    half, prefix = args.half, "" if args.texts == "first" else f"{args.texts}_"
    outputs = list(lines(f"{prefix}answers", half))
    given = [parse_answer(row["text"], row["choices"], question=row["question"]).letter for row in outputs]
    readable = [(row["letter"], letter) for row, letter in zip(outputs, given, strict=True) if row["letter"]]
    wrong = sum(letter not in (None, row["letter"]) for row, letter in zip(outputs, given, strict=True))
    print(f"outputs {len(outputs)}: {wrong} wrong letters; {sum(a == b for a, b in readable)} of {len(readable)} read")
    counts: Counter[str] = Counter()
    for row in lines(f"{prefix}claims", half):
        kind, wanted, found = row["kind"], {one_way(tuple(claim)) for claim in row["claims"]}, read(row)
        counts[kind] += 1
        counts[f"{kind} read"] += bool(wanted) and wanted <= found
        counts[f"{kind} exact"] += wanted == found
        counts[f"{kind} opposite"] += any(opposite(claim) in found for claim in wanted)
    n = counts["paraphrase"]
    print(f"reworded claims {n}: {counts['paraphrase read']} read, {counts['paraphrase opposite']} as the opposite")
    print(f"no claims {counts['none']}: {counts['none'] - counts['none exact']} read as claims")
    if counts["denied"]:  # from the fourth on, the claim that is denied is named; its opposite may be read
        print(f"denied claims {counts['denied']}: {counts['denied read']} read")
    print(f"with other statements {counts['mixed']}: {counts['mixed exact']} read exactly")
    if prefix:
        return
    false_alarms = missed = 0
    sentences = list(lines("numbers", half))
    for row in sentences:
        table = MentionTable({})
        free = not numbers_in(row["text"], table.split(row["text"]), table)
        false_alarms += row["number_free"] and not free
        missed += free and not row["number_free"]
    print(f"sentences {len(sentences)}: {false_alarms} false alarms, {missed} missed")


if __name__ == "__main__":
    main()
