"""The parser against outputs in many models' styles, each with the letter that a careful reader gives."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from reinforcesight.judge import AnswerStatus, parse_answer

CORPUS = Path(__file__).parents[1] / "data" / "judge_corpus.jsonl"
ROWS = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def _letters(rows):
    return [parse_answer(row["text"], row["choices"], question=row.get("question")).letter for row in rows]


def _show(rows):
    return "\n".join(f"{row['letter']} expected: {row['text']!r} {row['choices']}" for row in rows)


def test_corpus_is_large_and_varied():
    assert len(ROWS) >= 300
    assert len({row["style"] for row in ROWS}) >= 30
    assert sum(row["letter"] is None for row in ROWS) >= 80
    letters = Counter(row["letter"] for row in ROWS)
    assert letters["A"] >= 100
    assert letters["B"] >= 100
    for row in ROWS:
        assert row.get("status") in {None, *AnswerStatus}
        assert (row["letter"] is not None) == (row.get("status") == "answered")


def test_no_wrong_letter():
    wrong = [row for row, got in zip(ROWS, _letters(ROWS), strict=True) if got is not None and got != row["letter"]]
    assert not wrong, _show(wrong)


def test_agreement_where_the_text_holds_an_answer():
    held = [row for row in ROWS if row["letter"] is not None]
    missed = [row for row, got in zip(held, _letters(held), strict=True) if got != row["letter"]]
    assert len(missed) <= 0.02 * len(held), _show(missed)


@pytest.mark.parametrize("status", [s for s in AnswerStatus if s is not AnswerStatus.ANSWERED])
def test_status_where_a_reader_is_sure_of_it(status):
    rows = [row for row in ROWS if row.get("status") == status]
    assert len(rows) >= 5
    others = [
        row for row in rows if parse_answer(row["text"], row["choices"], question=row.get("question")).status != status
    ]
    assert len(others) <= 0.05 * len(rows), _show(others)
