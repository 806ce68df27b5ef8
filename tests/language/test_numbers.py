"""The detector of numbers: what it finds, and what it must leave alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinforcesight.language.numbers import find_numbers, has_number_words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the chair is 3.5 times as far", ["3.5"]),
        ("about 40% nearer", ["40%"]),
        ("at (120, 45) in the picture", ["(120, 45)"]),
        ("in [0.1, 0.2, 0.5, 0.9]", ["[0.1, 0.2, 0.5, 0.9]"]),
        ("x=12", ["12"]),
        ("the 7up can", ["7up"]),
        ("the 2nd shelf", ["2nd"]),
        ("30cm away", ["30cm"]),
        ("two metres away", ["two", "metres"]),
        ("Several FEET from it", ["FEET"]),
        ("a few inches, some pixels, many degrees", ["inches", "pixels", "degrees"]),
        ("twenty-first", ["twenty"]),
        ("a couple of metres, a couple of steps", ["couple of", "metres", "couple of"]),
        ("one step, one metre, one-third", ["one", "one", "metre", "third"]),
        ("a third of the way, two thirds", ["third", "two", "thirds"]),
        ("IV times as far, X steps, about vii", ["IV", "X", "vii"]),
        ("tw0 of them, twometres", ["tw0", "twometres"]),
        ("two metres, two of it, the two steps", ["two", "metres", "two", "two"]),
        ("five chairs", ["five"]),
        ("three feet", ["three", "feet"]),
        ("half as far, twice as wide, a quarter", ["half", "twice", "quarter"]),
        ("ten percent", ["ten", "percent"]),
        ("a dozen hundreds", ["dozen", "hundreds"]),
        ("the x coordinate", ["coordinate"]),
        ("½ of it, m², ③", ["½", "²", "③"]),
        ("٣ and 三", ["٣", "三"]),
        ("double the distance", ["double"]),
    ],
)
def test_found(text, found):
    assert find_numbers(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Both chairs are near one another, and no one sits between them.",
        "The left one is nearer; one of them hides the other one, as one can see.",
        "First, I look at the cat. Second, I compare; then, at a second glance, the third object.",
        "There are two objects. The two are apart, and these two tall figures overlap; the three of them stand.",
        "Another chair, a couple of chairs, a pair.",
        "It is in the left half of the picture, half hidden; let me double-check.",
        "At the foot of the bed, near the dog's feet, by its feet, in the yard, a parking meter.",
        "Someone often waits at the stone tent; its weight is listed among the phones.",
        "Option A says left, and option B says right.",
        "A pair of shoes, a single shoe, each of several shoes.",
        "The foreground, the footstool, the courtyard, the seconds-hand.".replace("seconds-hand", "handle"),
        "",
    ],
)
def test_left_alone(text):
    assert find_numbers(text) == []


def test_names_can_be_ignored():
    assert find_numbers("The 7up can is left of the one-way sign.", ignore=["7up can", "One-way sign"]) == []
    assert find_numbers("The 7up can is three steps off.", ignore=["7up can"]) == ["three"]
    assert find_numbers("two", ignore=["", " "]) == ["two"]


@given(st.text(), st.integers(0, 10**6))
def test_a_numeral_is_found_anywhere(text, number):
    assert find_numbers(f"{text} {number} .")


@given(st.text(alphabet=st.characters(whitelist_categories=["Nd", "No", "Nl"]), min_size=1))
def test_every_digit_and_numeric_sign_is_found(text):
    assert find_numbers(text)


@pytest.mark.parametrize("name", ["one-way sign", "first aid kit", "7up can", "two-seater", "½ loaf", "twin bed 2"])
def test_names_with_number_words(name):
    assert has_number_words(name)


@pytest.mark.parametrize("name", ["café table", "x-ray machine", "phone", "couple", "tent"])
def test_names_without_number_words(name):
    assert not has_number_words(name)
