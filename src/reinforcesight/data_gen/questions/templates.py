"""Question wordings: CV-Bench's as constants, all others from YAML, checked for polarity.

The packaged ``templates.yaml`` has the default wordings; your own file may extend or replace them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from reinforcesight.config import base_file, load_yaml, nearest_key, parse_yaml
from reinforcesight.data_gen.questions.forms import Form, names_answer
from reinforcesight.errors import ConfigError
from reinforcesight.relations import Axis, Relation

# CV-Bench's own wordings (Tong et al. 2024, Cambrian-1; data set nyu-visionx/CV-Bench). The marks, such as "
# (highlighted by a red box)", are empty if no boxes are drawn.
CVBENCH_RELATION = (
    "Considering the relative positions of the {subject}{subject_mark} and the {reference}{reference_mark} in the "
    "image provided, where {be} the {subject}{subject_mark} located with respect to the {reference}{reference_mark}?"
)
CVBENCH_DEPTH = (
    "Which object is {compare} the camera taking this photo, the {first}{first_mark} or the {second}{second_mark}?"
)
CVBENCH_DISTANCE = (
    "Estimate the real-world distances between objects in this image. Which object is {compare} the "
    "{anchor}{anchor_mark}, the {first}{first_mark} or the {second}{second_mark}?"
)
CVBENCH_COMPARE = {
    Relation.IN_FRONT: "closer to",
    Relation.BEHIND: "farther from",
    Relation.CLOSER: "closer to",
    Relation.FARTHER: "farther from",
}

_FORMS = (Form.YES_NO, Form.WHICH_OBJECT, Form.OPEN)
_PAIR_KEYS = tuple(Relation)
# An open question names both relations of an axis; about the distance to an anchor, it asks for the object.
_OPEN_KEYS = (Axis.HORIZONTAL, Axis.VERTICAL, Axis.DEPTH, Relation.CLOSER, Relation.FARTHER)

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


@dataclass(frozen=True)
class Templates:
    """Wordings by form and relation; open wordings for an axis are stored under both of its relations."""

    wordings: Mapping[Form, Mapping[Relation, tuple[str, ...]]]

    def choose(self, form: Form, relation: Relation, rng: random.Random) -> str:
        return rng.choice(self.wordings[form][relation])


def load_templates(path: Path | None = None) -> Templates:
    """Read and check question wordings.

    Args:
        path: YAML file; ``None``: the packaged default. With ``extends: default``, a list under a form and relation
            replaces the default list, and a list under ``add`` is appended to it. Otherwise, the file must be
            complete.

    Raises:
        ConfigError: A key is unknown or missing; or a wording lacks a placeholder, has an unknown one, asks for
            another relation, or occurs twice.
    """
    return _load_default() if path is None else _build(_read(path), str(path))


@cache
def _load_default() -> Templates:
    return _build(_read_default(), "the package's templates.yaml")


def _read_default() -> dict[str, Any]:
    text = (resources.files("reinforcesight.data_gen.questions") / "templates.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = parse_yaml(text)
    return loaded


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the lists of a file and of the files that it extends, by form and key."""
    where = str(path)
    if path.resolve() in seen:
        raise ConfigError("a templates file extends itself", where=where, fix="remove the circle of 'extends:'")
    top = _mapping(load_yaml(path, "templates file"), where, "top level")
    base = top.pop("extends", None)
    added = top.pop("add", None)
    result: dict[str, dict[str, list[str]]] = {}
    if base == "default":
        result = _read_default()
    elif isinstance(base, str):
        result = _read(base_file(path, base), (*seen, path.resolve()))
    elif base is not None:
        raise ConfigError("'extends' must be 'default' or a file name", where=where, fix="extends: default")
    for form, key, texts in _lists(top, where, prefix=""):
        result.setdefault(form, {})[key] = texts
    for form, key, texts in _lists(_mapping(added or {}, where, "add"), where, prefix="add."):
        of_form = result.setdefault(form, {})
        of_form[key] = [*of_form.get(key, []), *texts]
    return result


def _lists(sections: Mapping[str, Any], where: str, prefix: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield form, key and wordings of every list; check the keys."""
    for form, by_key in sections.items():
        _check_key(form, _FORMS, where, prefix)
        keys = _OPEN_KEYS if form == Form.OPEN else _PAIR_KEYS
        for key, texts in _mapping(by_key or {}, where, f"{prefix}{form}").items():
            _check_key(key, keys, where, f"{prefix}{form}.")
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                what = f"{prefix}{form}.{key}: expected a list of wordings"
                raise ConfigError(what, where=where, fix="write one '- \"...\"' per line")
            yield form, key, texts


def _mapping(value: object, where: str, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        what = f"{key}: expected keys and values, got {type(value).__name__}"
        raise ConfigError(what, where=where, fix="see configs/templates.yaml")
    return {str(name): inner for name, inner in value.items()}


def _check_key(key: str, keys: Sequence[StrEnum], where: str, prefix: str) -> None:
    valid = [known.value for known in keys]
    if key not in valid:
        near = nearest_key(key, valid)
        fix = f"did you mean {near!r}?" if near else f"use one of: {', '.join(valid)}"
        raise ConfigError(f"unknown key {prefix + key!r}", where=where, fix=fix)


def _build(values: Mapping[str, Mapping[str, Sequence[str]]], where: str) -> Templates:
    wordings: dict[Form, dict[Relation, tuple[str, ...]]] = {form: {} for form in _FORMS}
    for form in _FORMS:
        for key in _OPEN_KEYS if form is Form.OPEN else _PAIR_KEYS:
            texts = tuple(" ".join(text.split()) for text in values.get(form, {}).get(key, []))
            name = f"{form}.{key}"
            if not texts:
                fix = "give a wording, or write 'extends: default' at the top"
                raise ConfigError(f"{name}: no wording", where=where, fix=fix)
            for number, text in enumerate(texts):
                _check_wording(form, key, text, name=name, where=where)
                if text.casefold() in (other.casefold() for other in texts[:number]):
                    raise ConfigError(f"{name}: the wording {text!r} occurs twice", where=where, fix="remove one")
            for relation in key.relations if isinstance(key, Axis) else (key,):
                wordings[form][relation] = texts
    return Templates(wordings)


def _check_wording(form: Form, key: Axis | Relation, text: str, *, name: str, where: str) -> None:
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
    by_object = names_answer(form, axis)
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
