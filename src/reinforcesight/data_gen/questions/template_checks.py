"""Checks of one question wording: its placeholders, and that it asks what its key says."""

from __future__ import annotations

import re

from reinforcesight.config import nearest_key
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.errors import ConfigError
from reinforcesight.relations import Axis, Relation

# Words that show which relation a wording asks for.
_POLARITY: dict[Relation, str] = {
    Relation.LEFT: r"left|leftmost|left-hand",
    Relation.RIGHT: r"right|rightmost|right-hand",
    Relation.ABOVE: r"above|higher|highest|upper",
    Relation.BELOW: r"below|lower|lowest|beneath",
    Relation.IN_FRONT: r"in front|front|closer|nearer|less far",
    Relation.BEHIND: r"behind|farther|further|deeper|back",
    Relation.CLOSER: r"closer|nearer|shorter|smaller|less",
    Relation.FARTHER: r"farther|further|longer|larger|more",
}
# The object that a wording asks about is next to the verb: "is {subject} ...", "{subject} lies ...".
_ASKED_ABOUT = re.compile(
    r"\b(?:is|are|does|do) \{(\w+)\}|\{(\w+)\} (?:is|are|lies|appears)\b", re.IGNORECASE
)
_NEGATION = re.compile(r"\b(?:not|never|neither|nor|cannot|\w+n['’]t)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check_wording(form: Form, key: Axis | Relation, text: str, *, name: str, where: str) -> None:
    """Check one wording.

    Args:
        form: The question form.
        key: What the wording asks: a relation, or for most open questions an axis.
        text: The wording.
        name: Its key in the file, for messages.
        where: Its file, for messages.

    Raises:
        ConfigError: It lacks a placeholder, has an unknown one, or doesn't ask what its key says.
    """
    _check_placeholders(form, key, text, name, where)
    _check_polarity(key, text, name, where)


def _check_placeholders(form: Form, key: Axis | Relation, text: str, name: str, where: str) -> None:
    axis = key if isinstance(key, Axis) else key.axis
    by_object = form is Form.WHICH_OBJECT or (form is Form.OPEN and axis is Axis.DISTANCE)
    wanted = ["first", "second"] if by_object else ["subject", "reference"]
    wanted += ["anchor"] if axis is Axis.DISTANCE else []
    found = _PLACEHOLDER.findall(text)
    listed = ", ".join("{" + word + "}" for word in wanted)
    for word in found:
        if word not in wanted:
            near = nearest_key(word, wanted)
            fix = f"did you mean {{{near}}}?" if near else f"use {listed}"
            raise ConfigError(f"{name}: unknown placeholder {{{word}}} in {text!r}", where=where, fix=fix)
    for word in wanted:
        if word not in found:
            raise ConfigError(
                f"{name}: {text!r} lacks {{{word}}}", where=where, fix=f"every wording needs {listed}"
            )
    if "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
        raise ConfigError(
            f"{name}: a brace in {text!r} has no partner", where=where, fix="close the placeholder"
        )
    if by_object and text.index("{first}") > text.index("{second}"):
        raise ConfigError(
            f"{name}: {text!r} names {{second}} before {{first}}",
            where=where,
            fix="name {first}, which is option (A), first",
        )
    for word in wanted:
        if re.search(rf"\b(?:the|a|an) \{{{word}\}}", text, re.IGNORECASE):
            raise ConfigError(
                f"{name}: an article before {{{word}}} in {text!r}",
                where=where,
                fix="leave it out: names come with 'the'",
            )
    if not text.endswith(("?", ".")):
        raise ConfigError(
            f"{name}: {text!r} does not end like a sentence", where=where, fix="end it with '?' or '.'"
        )


def _check_polarity(key: Axis | Relation, text: str, name: str, where: str) -> None:
    """Words of the relation asked for are required, words of its opposite refused (open questions: both required)."""
    plain = _PLACEHOLDER.sub("_", text).casefold()
    asked = key.relations if isinstance(key, Axis) else (key,)
    for relation in Relation:
        says = re.search(rf"\b(?:{_POLARITY[relation]})\b", plain) is not None
        if relation in asked and not says:
            raise ConfigError(
                f"{name}: {text!r} does not ask for {relation.value!r}",
                where=where,
                fix="fix it, or move it to its key",
            )
        if relation.inverse in asked and relation not in asked and says:
            raise ConfigError(
                f"{name}: {text!r} asks for {relation.value!r}, the opposite",
                where=where,
                fix="move it to that key",
            )
    if _NEGATION.search(plain):
        raise ConfigError(
            f"{name}: the negation in {text!r} reverses its meaning", where=where, fix="ask without it"
        )
    about = _ASKED_ABOUT.search(text)
    if about is not None and "reference" in about.groups():
        raise ConfigError(
            f"{name}: {text!r} asks about {{reference}}; a key says what is asked of {{subject}}",
            where=where,
            fix="exchange the placeholders",
        )
