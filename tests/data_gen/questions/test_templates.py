"""Wordings: the packaged ones are complete, and every mistake in a file is named with key and fix."""

import re
from pathlib import Path

import pytest

from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.errors import ConfigError
from reinforcesight.language.numbers import find_numbers
from reinforcesight.relations import Relation

OWN_FORMS = (Form.YES_NO, Form.WHICH_OBJECT, Form.OPEN)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def write(tmp_path):
    def _write(text, name="mine.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def shape(text):
    """The order of the names in a wording."""
    return tuple(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("form", OWN_FORMS)
@pytest.mark.parametrize("relation", list(Relation))
def test_at_least_six_wordings_without_numbers(form, relation):
    texts = load_templates().wordings[form][relation]
    assert len(set(texts)) >= 6
    assert [find_numbers(re.sub(r"\{\w+\}", "_", text)) for text in texts] == [[]] * len(texts)


@pytest.mark.parametrize("form", OWN_FORMS)
@pytest.mark.parametrize("relation", [Relation.LEFT, Relation.ABOVE, Relation.IN_FRONT, Relation.CLOSER])
def test_a_relation_and_its_inverse_are_asked_alike(form, relation):
    # Otherwise a wording, or the order in which it names the objects, would tell the answer.
    wordings = load_templates().wordings[form]
    assert [shape(t) for t in wordings[relation]] == [shape(t) for t in wordings[relation.inverse]]


def test_open_wordings_name_both_ends_in_either_order():
    for left, right in (("left", "right"), ("above", "below"), ("in front", "behind")):
        texts = [t.lower() for t in load_templates().wordings[Form.OPEN][Relation(left)]]
        order = [t.index(left) < t.index(right) for t in texts]
        assert any(order)
        assert not all(order)


def test_the_file_in_configs_extends_the_default():
    mine, default = load_templates(ROOT / "configs" / "templates.yaml"), load_templates()
    for form in OWN_FORMS:
        for relation in Relation:
            extra = mine.wordings[form][relation][len(default.wordings[form][relation]) :]
            assert mine.wordings[form][relation][: -len(extra) or None] == default.wordings[form][relation]
            assert bool(extra) == (form is Form.YES_NO and relation in (Relation.LEFT, Relation.RIGHT))


def test_a_list_replaces_and_add_appends(write):
    path = write(
        "extends: default\n"
        'open: {vertical: ["Is {subject} above or below {reference}?"]}\n'
        'add: {which_object: {left: ["Which is more to the left: {first} or {second}?"]}}\n'
    )
    wordings = load_templates(path).wordings
    assert wordings[Form.OPEN][Relation.ABOVE] == ("Is {subject} above or below {reference}?",)
    assert wordings[Form.OPEN][Relation.BELOW] == wordings[Form.OPEN][Relation.ABOVE]
    assert wordings[Form.WHICH_OBJECT][Relation.LEFT][-1] == "Which is more to the left: {first} or {second}?"
    assert len(wordings[Form.WHICH_OBJECT][Relation.LEFT]) > 6
    write(
        'extends: mine.yaml\nadd: {open: {vertical: ["Below or above {reference}: where is {subject}?"]}}',
        "top.yaml",
    )
    assert len(load_templates(path.parent / "top.yaml").wordings[Form.OPEN][Relation.ABOVE]) == 2


YES_LEFT = "extends: default\nadd: {yes_no: {left: [%s]}}"

MISTAKES = {
    "opposite": (YES_LEFT % '"Is {subject} to the right of {reference}?"', "does not ask for 'left'"),
    "both": (YES_LEFT % '"Is {subject} left, not right, of {reference}?"', "asks for 'right', the opposite"),
    "negated": (YES_LEFT % '"Isn\'t {subject} to the left of {reference}?"', "negation"),
    "exchanged": (YES_LEFT % '"Is {reference} to the left of {subject}?"', "exchange the placeholders"),
    "missing": (YES_LEFT % '"Is {subject} to the left?"', "lacks {reference}"),
    "unknown": (YES_LEFT % '"Is {subjekt} left of {reference}?"', "did you mean {subject}?"),
    "foreign": (
        YES_LEFT % '"Is {subject} left of {reference} and {anchor}?"',
        "unknown placeholder {anchor}",
    ),
    "brace": (YES_LEFT % '"Is {subject} left of {reference}?}"', "brace"),
    "article": (YES_LEFT % '"Is the {subject} left of {reference}?"', "article"),
    "no end": (YES_LEFT % '"{subject} left of {reference}"', "end it with"),
    "twice": (YES_LEFT % '"Is {subject} to the left of {reference} in the picture?"', "occurs twice"),
    "empty": (YES_LEFT % '""', "yes_no.left"),
    "not text": (YES_LEFT % "3", "expected a list of wordings"),
    "no list": ('extends: default\nyes_no: {left: "Is {subject} left of {reference}?"}', "expected a list"),
    "emptied": ("extends: default\nyes_no: {left: []}", "yes_no.left: no wording"),
    "form": ("extends: default\nyesno: {left: []}", "did you mean 'yes_no'?"),
    "relation": ("extends: default\nadd: {yes_no: {lefft: []}}", "did you mean 'left'?"),
    "axis": (
        'extends: default\nopen: {left: ["{subject} left or right of {reference}?"]}',
        "unknown key 'open.left'",
    ),
    "half open": (
        'extends: default\nopen: {depth: ["Is {subject} behind {reference}?"]}',
        "does not ask for 'in front'",
    ),
    "order": (
        'extends: default\nadd: {which_object: {left: ["Which is farther left, {second} or {first}?"]}}',
        "name {first}",
    ),
    "incomplete": ('yes_no: {left: ["Is {subject} left of {reference}?"]}', "extends: default"),
    "list": ("- a", "expected keys and values"),
    "yaml": ("yes_no: [", "line"),
    "extends": ("extends: 3", "'extends' must be"),
    "circle": ("extends: mine.yaml", "extends itself"),
    "no base": ("extends: other.yaml", "no such templates file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(write, mistake):
    text, expected = MISTAKES[mistake]
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load_templates(path)
    message = str(caught.value)
    assert expected in message
    assert str(path.parent) in message
    assert "\n" not in message


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="no such templates file"):
        load_templates(tmp_path / "absent.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00yes")
    with pytest.raises(ConfigError, match="can't be read"):
        load_templates(tmp_path / "bytes.yaml")
