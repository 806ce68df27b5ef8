"""Names that could mean another object of the same picture are ambiguous."""

from __future__ import annotations

import pytest

from reinforcesight.language.names import ambiguous_names, bare_name


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["chair", "table"], [False, False]),
        (["chair", "chair"], [True, True]),
        (["chair", "red chair"], [True, True]),
        (["red chair", "yellow chair"], [False, False]),
        (["table", "table lamp"], [False, False]),
        (["dining table", "coffee table", "table"], [True, True, True]),
        (["Chair", "chairs"], [True, True]),
        (["sofa", "couch"], [True, True]),
        (["mug", "blue cup"], [True, True]),
        (["trash can", "waste container"], [True, True]),
        (["tv monitor", "television"], [True, True]),
        (["man", "woman"], [False, False]),
        (["person", "man"], [True, True]),
        (["glass", "glasses"], [True, True]),
        (["bus", "buses"], [True, True]),
        (["gray cat", "grey cat"], [True, True]),
        (["!!", "cat"], [True, False]),
        ([], []),
    ],
)
def test_ambiguous(names: list[str], expected: list[bool]) -> None:
    assert ambiguous_names(names) == expected


@pytest.mark.parametrize("name", ["red chair", "the red chair", "A red chair"])
def test_article(name: str) -> None:
    assert bare_name(name) == "red chair"
