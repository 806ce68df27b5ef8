"""Counts: totals and parts, other objects, none at all."""

from __future__ import annotations

import pytest

from reinforcesight.judge import parse_answer

QUESTION = "How many boats are in the image?"
CHOICES = ["0", "1", "2", "3", "4", "6"]
LETTER = dict(zip(CHOICES, "ABCDEF", strict=True))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # a total and its parts
        ("There are three boats: two near the pier and one further out.", 3),
        ("Three boats (two white, one red).", 3),
        ("Two near the pier, one further out: three boats.", 3),
        ("One boat on the left plus one on the right gives two.", 2),
        ("Two of the boats are red and one is white, i.e. three.", 3),
        ("2 + 1 = 3", 3),
        ("I believe there are 3, but one might be a raft.", 3),
        ("One on the left, one on the right.\nC", 2),
        ("Two boats on the left and one on the right.", None),
        ("1. white boat\n2. red boat\n3. blue", None),
        # other objects
        ("There are two boats and four people.", 2),
        ("Four people sit in two boats.", 2),
        ("Boat 1 is white, boat 2 is red. That makes two.", 2),
        # none
        ("No boats can be seen.", 0),
        ("There isn't a single boat in this picture.", 0),
        ("I cannot see any boats.", 0),
        ("I don't see any boats, only two ducks.", 0),
        ("None of the objects is a boat.", 0),
        # groups
        ("A couple of boats.", 2),
        ("A pair of boats lies at the pier.", 2),
        ("Half a dozen boats.", 6),
        ("I see a trio of boats.", 3),
        # open or denied
        ("Two or maybe three boats.", None),
        ("More than two.", None),
        ("Between two and four boats.", None),
        ("Not two but three boats.", 3),
        ("I can see one boat on the left, two", None),
        ("There are seven boats, two of them red.", None),
    ],
)
def test_count(text: str, count: int | None) -> None:
    expected = None if count is None else LETTER[str(count)]
    assert parse_answer(text, CHOICES, question=QUESTION).letter == expected
