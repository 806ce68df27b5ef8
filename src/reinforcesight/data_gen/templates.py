"""Question wordings: CV-Bench's own as constants, all others read from YAML and checked for their polarity.

The packaged ``templates.yaml`` holds the default wordings; a file of one's own may extend or replace them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from reinforcesight.config import nearest_key
from reinforcesight.errors import ConfigError
from reinforcesight.relations import Axis, Relation


class Form(StrEnum):
    """The question forms, as in the data set's ``form`` column."""

    CVBENCH = "cvbench"
    CVBENCH_BOXES = "cvbench_boxes"
    YES_NO = "yes_no"
    WHICH_OBJECT = "which_object"
    OPEN = "open"


# CV-Bench's own wordings (Tong et al. 2024, Cambrian-1; data set nyu-visionx/CV-Bench). The marks, such as
# " (highlighted by a red box)", are empty where no boxes are drawn.
CVBENCH_RELATION = (
    "Considering the relative positions of the {subject}{subject_mark} and the {reference}{reference_mark} in the "
    "image provided, where is the {subject}{subject_mark} located with respect to the {reference}{reference_mark}?"
)
CVBENCH_DEPTH = (
    "Which object is {compare} the camera taking this photo, "
    "the {first}{first_mark} or the {second}{second_mark}?"
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
# An open question names both ends of an axis; by distance to an anchor it asks for the object.
_OPEN_KEYS = (Axis.HORIZONTAL, Axis.VERTICAL, Axis.DEPTH, Relation.CLOSER, Relation.FARTHER)

# Words that show which way a wording asks.
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
# The object that a wording asks about stands beside the verb: "is {subject} ...", "{subject} lies ...".
_ASKED_ABOUT = re.compile(
    r"\b(?:is|are|does|do) \{(\w+)\}|\{(\w+)\} (?:is|are|lies|appears)\b", re.IGNORECASE
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Templates:
    """Wordings by form and relation; open wordings by axis are stored under both of its relations."""

    wordings: Mapping[Form, Mapping[Relation, tuple[str, ...]]]

    def choose(self, form: Form, relation: Relation, rng: random.Random) -> str:
        """A wording of this form that asks for this relation."""
        return rng.choice(self.wordings[form][relation])


def load_templates(path: Path | None = None) -> Templates:
    """Read and check question wordings.

    Args:
        path: YAML file; ``None`` for the packaged default. ``extends: default`` at its top starts from the packaged
            wordings; a list given under a form and relation then replaces the default list, one under ``add`` is
            appended to it. Without ``extends`` the file must be complete.

    Raises:
        ConfigError: A key is unknown or missing, a wording lacks a placeholder or has an unknown one, asks the
            wrong way, or occurs twice.
    """
    return _load_default() if path is None else _build(_read(path), str(path))


@cache
def _load_default() -> Templates:
    return _build(_read_default(), "the package's templates.yaml")


def _read_default() -> dict[str, Any]:
    text = (resources.files("reinforcesight.data_gen") / "templates.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A file's sections with everything that it extends."""
    if path.resolve() in seen:
        raise ConfigError(
            "a templates file extends itself", where=str(path), fix="remove the circle of 'extends:'"
        )
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("no such templates file", where=str(path), fix="check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the templates can't be read: {error}", where=str(path), fix="check the file"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        raise ConfigError(
            f"not valid YAML: {getattr(error, 'problem', error)}", where=where, fix="mend it"
        ) from error
    top = _mapping(loaded if loaded is not None else {}, str(path), "top level")
    base = top.pop("extends", None)
    added = _mapping(top.pop("add", None) or {}, str(path), "add")
    result: dict[str, Any] = {}
    if base is not None:
        if not isinstance(base, str):
            raise ConfigError(
                "'extends' must be 'default' or a file name", where=str(path), fix="extends: default"
            )
        result = _read_default() if base == "default" else _read(path.parent / base, (*seen, path.resolve()))
    for sections, appends in ((top, False), (added, True)):
        prefix = "add." if appends else ""
        for form, by_key in sections.items():
            _known(form, _FORMS, str(path), prefix)
            keys = _OPEN_KEYS if form == Form.OPEN else _PAIR_KEYS
            for key, texts in _mapping(by_key or {}, str(path), f"{prefix}{form}").items():
                _known(key, keys, str(path), f"{prefix}{form}.")
                if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                    raise ConfigError(
                        f"{prefix}{form}.{key}: expected a list of wordings",
                        where=str(path),
                        fix="one '- \"...\"' a line",
                    )
                old = result.setdefault(form, {}).get(key, []) if appends else []
                result.setdefault(form, {})[key] = [*old, *texts]
    return result


def _mapping(value: object, where: str, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(
            f"{key}: expected keys and values, got {type(value).__name__}", where=where, fix=_SEE
        )
    return {str(name): inner for name, inner in value.items()}


_SEE = "see configs/templates.yaml"


def _known(key: str, keys: Sequence[StrEnum], where: str, prefix: str) -> None:
    valid = [known.value for known in keys]
    if key not in valid:
        near = nearest_key(key, valid)
        fix = f"did you mean {near!r}?" if near else f"use one of: {', '.join(valid)}"
        raise ConfigError(f"unknown key {prefix + key!r}", where=where, fix=fix)


def _build(values: Mapping[str, Any], where: str) -> Templates:
    """Check every wording and put it under its form and relation."""
    wordings: dict[Form, dict[Relation, tuple[str, ...]]] = {}
    for form in _FORMS:
        keys = _OPEN_KEYS if form is Form.OPEN else _PAIR_KEYS
        wordings[form] = {}
        for key in keys:
            texts: list[str] = values.get(form, {}).get(key, [])
            name = f"{form}.{key}"
            if not texts:
                raise ConfigError(
                    f"{name}: no wording",
                    where=where,
                    fix="give a wording, or write 'extends: default' at the top",
                )
            seen: set[str] = set()
            for text in texts:
                tidy = " ".join(text.split())
                if tidy.casefold() in seen:
                    raise ConfigError(
                        f"{name}: the wording {tidy!r} occurs twice", where=where, fix="remove one"
                    )
                seen.add(tidy.casefold())
                _check_placeholders(form, key, tidy, name, where)
                _check_polarity(form, key, tidy, name, where)
            relations = key.relations if isinstance(key, Axis) else (key,)
            for relation in relations:
                wordings[form][relation] = tuple(" ".join(text.split()) for text in texts)
    return Templates(wordings)


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
            f"{name}: a brace in {text!r} has no partner", where=where, fix="mend the placeholder"
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


def _check_polarity(form: Form, key: Axis | Relation, text: str, name: str, where: str) -> None:
    """The words of the relation asked for must be there, and those of its opposite must not (open: both ends)."""
    plain = _PLACEHOLDER.sub("_", text).casefold()
    asked = key.relations if isinstance(key, Axis) else (key,)
    for relation in Relation:
        says = re.search(rf"\b(?:{_POLARITY[relation]})\b", plain) is not None
        if relation in asked and not says:
            raise ConfigError(
                f"{name}: {text!r} does not ask for {relation.value!r}",
                where=where,
                fix="mend it or move it to its key",
            )
        if relation.inverse in asked and relation not in asked and says:
            raise ConfigError(
                f"{name}: {text!r} asks for {relation.value!r}, the opposite",
                where=where,
                fix="move it to its own key",
            )
    about = _ASKED_ABOUT.search(text)
    if about is not None and "reference" in about.groups():
        raise ConfigError(
            f"{name}: {text!r} asks about {{reference}}; a key says what is asked of {{subject}}",
            where=where,
            fix="exchange the placeholders",
        )
