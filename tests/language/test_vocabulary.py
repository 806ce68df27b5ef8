"""Singular, plural and synonyms agree in naming, in the writer, in the judge and in the reward."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reward_samples import row, says, thing

from reinforcesight.grpo.reward import score_completion
from reinforcesight.judge import parse_answer
from reinforcesight.language.english import is_plural
from reinforcesight.language.names import ambiguous_names
from reinforcesight.language.noun_phrases import noun_phrases
from reinforcesight.language.vocabulary import (
    _SAME_THING,
    KIND_OF,
    canonical_words,
    number_forms,
    other_names,
    plural,
    singular,
    takes_are,
)
from reinforcesight.scene import Scene

# Names of object classes in COCO, ADE20K, SUN RGB-D and LVIS, one word each, in the singular.
NOUNS = (Path(__file__).parents[1] / "data" / "nouns.txt").read_text(encoding="utf-8").split()
SAME_IN_PLURAL = {
    *(
        "aircraft",
        "chassis",
        "deer",
        "fish",
        "goldfish",
        "hovercraft",
        "moose",
        "offspring",
        "salmon",
        "series",
    ),
    *("sheep", "spacecraft", "species", "starfish", "trout"),
}
IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "mouse": "mice",
    "goose": "geese",
    "tooth": "teeth",
    "foot": "feet",
    "ox": "oxen",
    "knife": "knives",
    "shelf": "shelves",
    "bookshelf": "bookshelves",
    "wolf": "wolves",
    "leaf": "leaves",
    "loaf": "loaves",
    "glove": "gloves",
    "lens": "lenses",
    "gas": "gases",
    "bus": "buses",
    "canvas": "canvases",
    "glass": "glasses",
    "tomato": "tomatoes",
    "photo": "photos",
    "menu": "menus",
    "ski": "skis",
    "taxi": "taxis",
    "sofa": "sofas",
    "cookie": "cookies",
    "selfie": "selfies",
}
PAIRS = ["scissors", "trousers", "jeans", "binoculars", "pliers", "sunglasses"]


def test_plural_and_back():
    assert len(NOUNS) > 800
    assert {word: singular(plural(word)) for word in NOUNS} == {word: word for word in NOUNS}
    assert {word: singular(word) for word in NOUNS} == {word: word for word in NOUNS}


def test_agreement_of_the_verb():
    assert [word for word in NOUNS if takes_are(word)] == []
    assert {word for word in NOUNS if not takes_are(plural(word))} == SAME_IN_PLURAL


@pytest.mark.parametrize(("single", "several"), IRREGULAR.items())
def test_irregular(single, several):
    assert plural(single) == several
    assert singular(several) == single
    assert ambiguous_names([single, several]) == [True, True]
    assert is_plural(several)
    assert not is_plural(single)
    assert parse_answer(f"the {several}", [single, "zebra"]).letter == "A"
    assert parse_answer(f"the {single}", [several, "zebra"]).letter == "A"


@pytest.mark.parametrize("word", ["cacti", "octopi"])
def test_learned_plurals(word):
    assert singular(word) in NOUNS


@pytest.mark.parametrize("word", PAIRS)
def test_one_thing_that_takes_are(word):
    assert singular(word) == plural(word) == word
    assert is_plural(word)
    assert [str(phrase.how_many) for phrase in noun_phrases(f"I see the {word}.")] == ["one"]


SYNONYMS = [pair for group in _SAME_THING for pair in combinations(group, 2)] + list(KIND_OF.items())


@pytest.mark.parametrize(("first", "second"), SYNONYMS)
def test_synonyms_agree_everywhere(first, second):
    for mine, other in ((first, second), (second, first), (f"red {first}", f"red {second}")):
        assert ambiguous_names([mine, other]) == [True, True]
        assert other in other_names(mine)
        assert parse_answer(f"It is the {other}.", [mine, "zebra"]).letter == "A"
        objects = (thing(mine, (40, 300, 120, 380), 2.0), thing("zebra", (280, 295, 380, 385), 2.0))
        scene = Scene(width=640, height=480, depth_unit="m", objects=objects)
        claims = score_completion(says(f"The {other} is left of the zebra."), row(mine, "zebra", scene=scene)).claims
        assert [claim.verdict.value for claim in claims] == ["supported"]


def test_what_is_told_apart():
    for names in (["man", "woman"], ["lens", "len"], ["table", "table lamp"], ["gas stove", "bus"]):
        assert ambiguous_names(names) == [False] * len(names)
    assert "woman" not in other_names("man")
    assert parse_answer("It is the woman.", ["man", "zebra"]).letter is None


def test_as_written_counts_too():
    assert ambiguous_names(["trash can", "can"]) == [True, True]
    assert ambiguous_names(["night stand", "nightstand"]) == [True, True]
    assert ambiguous_names(["T-shirt", "tshirt"]) == [True, True]
    assert canonical_words("mobile phone case") == ("phone", "case")
    assert canonical_words("The red Couches") == ("red", "sofa")


def test_number_forms():
    assert number_forms("wine glass") == {"wine glass", "wine glasses"}
    assert number_forms("wine glasses") == {"wine glass", "wine glasses"}
    assert number_forms("") == {""}


names = st.lists(st.sampled_from([*NOUNS[::7], "red", "couch", "men", "people", "tv set"]), min_size=1, max_size=3)


@given(names.map(" ".join), names.map(" ".join))
def test_ambiguity_is_symmetric(first, second):
    one, other = ambiguous_names([first, second])
    assert one == other == ambiguous_names([second, first])[0]
    if second in other_names(first):
        assert one


@given(st.text(max_size=20))
def test_any_text_is_taken(text):
    canonical_words(text)
    other_names(text)
    ambiguous_names([text, text])


def test_the_library_is_loaded_when_first_needed():
    code = (
        "import sys, reinforcesight.judge as j; assert 'inflect' not in sys.modules;"
        "assert j.parse_answer('the mice', ['mouse', 'cat']).letter == 'A'; assert 'inflect' in sys.modules;"
        "import typeguard; assert typeguard.typechecked.__module__.startswith('typeguard')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
