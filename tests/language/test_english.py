"""Names in sentences: which can be used, which are plural, and how verbs agree."""

import pytest

from reinforcesight.language.english import Mention, fill, is_plural
from reinforcesight.language.names import bare_name
from reinforcesight.language.object_names import usable_name

COCO_NAMES = (
    *(
        "person",
        "traffic light",
        "stop sign",
        "hair drier",
        "teddy bear",
        "wine glass",
        "potted plant",
        "hot dog",
    ),
    *("sports ball", "baseball bat", "cell phone", "dining table", "fire hydrant", "tv", "skis", "scissors"),
)


@pytest.mark.parametrize(
    "name", [*COCO_NAMES, "the red chair", "man in jeans", "T-shirt", "child's bed", "café table"]
)
def test_usable_names(name):
    assert usable_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "7up can",
            "one-way sign",
            "second chair",
            "double bed",
            "parking meter",
            "half pipe",
            "chair 2",
            "chair½",
        ),
        *(
            "left shoe",
            "front door",
            "camera",
            "picture frame",
            "no parking sign",
            "cup/mug",
            "cup, plate",
            "sofa_bed",
        ),
        *("", "  ", "???", "<b>", "{subject}", "the", "a very long name that no person would use"),
    ],
)
def test_names_that_cannot_be_used(name):
    assert not usable_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "scissors",
        "stairs",
        "people",
        "wine glasses",
        "running shoes",
        "children",
        "skis",
        "bananas",
        "photos",
    ],
)
def test_plural_names(name):
    assert is_plural(name)


@pytest.mark.parametrize(
    "name",
    [
        "bus",
        "wine glass",
        "pair of shoes",
        "man in jeans",
        "grass",
        "lens",
        "canvas",
        "gas",
        "tennis",
        "vase",
    ],
)
def test_singular_names(name):
    assert not is_plural(name)


def test_article_is_not_doubled():
    assert bare_name("The red chair") == "red chair"
    assert bare_name("theatre seat") == "theatre seat"


STAIRS = Mention("the stairs", plural=True)
DOG = Mention("the dog")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("Is {x} left of {y}?", "Are the stairs left of the dog?"),
        ("Is {y} left of {x}?", "Is the dog left of the stairs?"),
        ("Compared with {y}, does {x} lie lower?", "Compared with the dog, do the stairs lie lower?"),
        ("{y} is farther than {x} is.", "The dog is farther than the stairs are."),
        ("The way to {x} is longer. {x} lies back.", "The way to the stairs is longer. The stairs lie back."),
        ("So the answer is {x}.", "So the answer is the stairs."),
        ("{y} is near, and {x} is far.", "The dog is near, and the stairs are far."),
        ("It is between {y} and {x} is wrong.", "It is between the dog and the stairs is wrong."),
    ],
)
def test_verbs_agree(pattern, text):
    assert fill(pattern, {"x": STAIRS, "y": DOG}) == text


def test_a_later_mention_is_shorter():
    chair = Mention("the chair in the red box", later="the chair")
    assert fill("{x} is here. So {x} is it.", {"x": chair}) == "The chair in the red box is here. So the chair is it."
