"""Searches that decide whether a pattern is tried find every text that the pattern matches."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.judge import lexicon, markup, options, rewording

TRIED_AFTER = [
    (rewording._ORDINAL, rewording._NUMBERED),
    (rewording._PLACE_IN_ORDER, rewording._FIRST_OR_LAST),
    (rewording._INVERTED, rewording._FIRST_OR_LAST),
    (markup._BOX_PHRASE, markup._DECORATED),
]
LISTED = options.compile_options(("chair", "table"), "Which is closer, the chair or the table?")
ALTERNATIVES = r"so|son|no\b|not|note?|never|north of|i|it is|ich "


@pytest.mark.parametrize(("pattern", "quick"), TRIED_AFTER, ids=lambda pattern: pattern.pattern[:20])
def test_quick_search_finds_what_the_pattern_matches(pattern, quick):
    @given(st.from_regex(pattern))
    @settings(max_examples=60, deadline=None, database=None)
    def check(text):
        assert quick.search(text.lower())

    check()


RECITAL = options._recital(LISTED.texts)


@given(st.from_regex(RECITAL))
@settings(max_examples=60, deadline=None, database=None)
def test_lists_that_are_not_looked_for_lack_a_letter(text):
    listed = RECITAL.search(text)[0].upper()
    letters = set(re.findall(r"(?<![^\W_])[A-Z](?=[\s).:,-])", listed))
    assert options.may_list(text, LISTED) or letters < {"A", "B"}


@given(st.text(alphabet="notsierhvcf '.", max_size=30))
@settings(max_examples=150, deadline=None, database=None)
def test_alternatives_by_first_letter_match_the_same(text):
    grouped = re.compile(r"\b" + lexicon.by_first_letter(ALTERNATIVES))
    assert [match.span() for match in grouped.finditer(text)] == [
        match.span() for match in re.finditer(rf"\b(?:{ALTERNATIVES})", text)
    ]


@given(st.lists(st.sampled_from(["Chair", "TABLE", "armchairs", "the ", "x", " ", "-", "stable", "É"]), max_size=8))
@settings(max_examples=150, deadline=None, database=None)
def test_names_are_found_at_the_same_places(words):
    text = "".join(words)
    slow = re.compile(r"(?<![^\W_])(?:armchairs?|chairs?|tables?)(?![^\W_])", re.IGNORECASE)
    assert [match.span() for match in LISTED.pattern.finditer(text)] == [match.span() for match in slow.finditer(text)]
