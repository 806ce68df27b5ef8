"""Check a question wording: its placeholders, and that it asks for the relation under which it is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
_ASKED_ABOUT = re.compile(r"\b(?:is|are|does|do) \{(\w+)\}|\{(\w+)\} (?:is|are|lies|appears)\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not|never|neither|nor|cannot|\w+n['’]t)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check_wording(form: Form, key: Axis | Relation, text: str, *, name: str, where: str) -> None:
    """Check one wording.

    Args:
        key: Relation that the wording asks about; for most open questions, an axis.
        name: Key of the wording in the file, for messages.

    Raises:
        ConfigError: A placeholder is missing or unknown, or the wording doesn't ask what its key says.
    """
    for what, fix in (*_wrong_placeholders(form, key, text), *_wrong_polarity(key, text)):
        raise ConfigError(f"{name}: {text!r} {what}", where=where, fix=fix)


def _wrong_placeholders(form: Form, key: Axis | Relation, text: str) -> Iterator[tuple[str, str]]:
    """Yield each error in the placeholders, and how to correct it."""
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
            yield f"has the unknown placeholder {{{word}}}", fix
    for word in wanted:
        if word not in found:
            yield f"lacks {{{word}}}", f"every wording needs {listed}"
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        yield "has a brace without a partner", "close the placeholder"
    if by_object and text.index("{first}") > text.index("{second}"):
        yield "names {second} before {first}", "name {first}, which is option (A), first"
    for word in wanted:
        if re.search(rf"\b(?:the|a|an) \{{{word}\}}", text, re.IGNORECASE):
            yield f"has an article before {{{word}}}", "leave it out: names come with 'the'"
    if not text.endswith(("?", ".")):
        yield "does not end like a sentence", "end it with '?' or '.'"


def _wrong_polarity(key: Axis | Relation, text: str) -> Iterator[tuple[str, str]]:
    """Require words of the relation asked for and refuse words of its opposite (open questions: require both)."""
    words = _PLACEHOLDER.sub("_", text).casefold()
    asked = key.relations if isinstance(key, Axis) else (key,)
    for relation in Relation:
        says = re.search(rf"\b(?:{_POLARITY[relation]})\b", words) is not None
        if relation in asked and not says:
            yield f"does not ask for {relation.value!r}", "correct it, or move it to its key"
        if relation.inverse in asked and relation not in asked and says:
            yield f"asks for {relation.value!r}, the opposite", "move it to that key"
    if _NEGATION.search(words):
        yield "has a negation, which reverses its meaning", "ask without it"
    about = _ASKED_ABOUT.search(text)
    if about is not None and "reference" in about.groups():
        yield "asks about {reference}; a key says what is asked of {subject}", "exchange the placeholders"
