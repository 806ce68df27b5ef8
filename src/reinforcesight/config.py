"""Fill pydantic configuration classes from YAML files, ``--set a.b=c`` and command-line flags.

Each configuration class is next to the function that it configures. This module reads files, follows ``extends:``, and
explains mistakes, with the nearest valid key for an unknown one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from reinforcesight.errors import ConfigError

# Folder of shipped recipes: next to this module in a wheel, configs/ in a checkout.
_INSTALLED_RECIPES = Path(__file__).with_name("recipes")
_CHECKOUT_RECIPES = Path(__file__).parents[2] / "configs"
# Far above any configuration; a larger file is a mistake or an attack.
_MAX_CHARACTERS = 1_000_000
_MAX_DEPTH = 40
_MAX_VALUES = 100_000
_TAG_PREFIX = "tag:yaml.org,2002:"
_TAGS = ("null", "bool", "int", "float", "str", "seq", "map", "merge")


class StrictConfig(BaseModel):
    """Base of all configuration classes: immutable, and unknown keys are errors."""

    # Former to current names of keys. The error for a former name gives the current one.
    RENAMED: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_former_names(cls, values: object) -> object:
        for old, new in cls.RENAMED.items():
            if isinstance(values, Mapping) and old in values:
                raise PydanticCustomError("renamed_key", "{old} is now {new}", {"old": old, "new": new})
        return values

    @field_validator("*")
    @classmethod
    def _refuse_nul(cls, value: object) -> object:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("expected text without the character NUL")
        return value


PathT = TypeVar("PathT", str, Path)


def readable_path(value: PathT) -> PathT:
    """Refuse an output whose name is not UTF-8, since pyarrow, datasets and tokenizers can't write it; a validator."""
    if str(value).encode(errors="ignore").decode() != str(value):
        raise ValueError("expected a path in UTF-8")
    return value


ConfigT = TypeVar("ConfigT", bound=BaseModel)

_EXPLAINED = "explained"


def problem(key: str, what: str, fix: str | None, value: object) -> InitErrorDetails:
    """Return pydantic's details for an error about one dotted key, for validators that know the fix."""
    custom = PydanticCustomError(_EXPLAINED, "{what}", {"what": what, "fix": fix})
    return InitErrorDetails(type=custom, loc=tuple(key.split(".")), input=value)


def load_config(
    cls: type[ConfigT],
    path: Path | None = None,
    overrides: Sequence[str] = (),
    flags: Mapping[str, object] | None = None,
    context: Mapping[str, object] | None = None,
) -> ConfigT:
    """Build a configuration from a file, ``--set`` overrides and command-line flags; later sources win.

    Args:
        cls: The class to fill.
        path: YAML file, or the name of a shipped recipe such as ``quickstart``. The file, or a section in it, may have
            ``extends: other.yaml`` (relative to the file; the file's own keys win).
        overrides: Items such as ``"margins.picture_gap=0.2"``; values are parsed as YAML.
        flags: Dotted key to value; ``None`` if the flag was not given.
        context: Context for the validators of the class.
    """
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if path is not None:
        path = find_recipe(path)
        values = read_yaml(path, origin=origin)
    for item in overrides:
        key, sign, text = item.partition("=")
        if not sign or not key.strip():
            raise ConfigError(f"expected key=value, got {item!r}", where="--set", fix="write --set section.key=value")
        try:
            value = parse_yaml(text) if text.strip() else None
        except ValueError as error:
            what = f"the value of {key!r} is not YAML: {error}"
            raise ConfigError(what, where=f"--set {item[:100]}", fix="quote it") from error
        _put(values, key.strip(), value, where=f"--set {item}", origin=origin)
    for flag, flag_value in (flags or {}).items():
        if flag_value is not None:
            _put(values, flag, flag_value, where=f"--{flag.rpartition('.')[2]}", origin=origin)
    try:
        return cls.model_validate(values, context=context)
    except ValidationError as error:
        raise _explain(cls, error, origin, path) from None


def recipes_folder() -> Path:
    return _INSTALLED_RECIPES if _INSTALLED_RECIPES.is_dir() else _CHECKOUT_RECIPES


def find_recipe(given: Path) -> Path:
    """Return the file, or the shipped recipe of this name (with or without ``.yaml``) if there is no such file."""
    if given.is_file():
        return given
    folder = recipes_folder()
    shipped = folder / (given.name if given.suffix == ".yaml" else f"{given.name}.yaml")
    if len(given.parts) == 1 and shipped.is_file():
        return shipped
    names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise ConfigError(
        "no such configuration file",
        where=f"--config {given}",
        fix=f"give the path of a YAML file, or the name of a shipped recipe: {names}",
    )


class _PlainLoader(yaml.SafeLoader):
    """Loads null, bool, int, float, text, lists and mappings. Dates stay text."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> Any:
    """Parse YAML within limits of size and depth, which include expanded aliases.

    Raises:
        ValueError: The text is not YAML, has another tag, or exceeds a limit. The message has the line.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"{len(text)} characters, more than {_MAX_CHARACTERS}")
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _node_size(node, {}, [])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise ValueError(f"{line}{getattr(error, 'problem', None) or error}") from error
    except RecursionError as error:
        raise ValueError(f"nested deeper than {_MAX_DEPTH} levels") from error
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, KeyError, IndexError, OverflowError) as error:
        what = getattr(error, "problem", None) or "a value doesn't fit its tag, or a number is too long"
        raise ValueError(what) from error


def _node_size(node: yaml.Node, sizes: dict[int, int], above: list[int]) -> int:
    """Return the number of values of a node, with its aliases expanded."""
    if id(node) in sizes:
        return sizes[id(node)]
    line = f"line {node.start_mark.line + 1}"
    if id(node) in above:
        raise ValueError(f"{line}: an alias refers to what contains it")
    if len(above) >= _MAX_DEPTH:
        raise ValueError(f"{line}: nested deeper than {_MAX_DEPTH} levels")
    if node.tag.removeprefix(_TAG_PREFIX) not in _TAGS:
        raise ValueError(f"{line}: the tag {node.tag.replace(_TAG_PREFIX, '!!')!r} is not read")
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    size = 1
    for part in inner:
        size += _node_size(part, sizes, [*above, id(node)])
        if size > _MAX_VALUES:
            raise ValueError(f"{line}: more than {_MAX_VALUES} values, with aliases written out")
    sizes[id(node)] = size
    return size


def load_yaml(path: Path, kind: str) -> Any:
    """Return the content of a YAML file, which error messages call ``kind``; an empty file is ``{}``."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"the {kind} is not a file", where=str(path), fix="give a file")
        loaded = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"no such {kind}", where=str(path), fix="check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the {kind} can't be read: {error}", where=str(path), fix="check the file") from error
    except ValueError as error:
        raise ConfigError(f"not valid YAML: {error}", where=str(path), fix="correct the file") from error
    return {} if loaded is None else loaded


def base_file(path: Path, name: str) -> Path:
    """Return the file that ``extends: name`` in ``path`` refers to.

    Raises:
        ConfigError: The name is not a valid file name.
    """
    base = path.parent / name
    try:
        base.resolve()
    except ValueError as error:
        raise ConfigError(f"'extends' can't be {name!r}", where=str(path), fix="give a file name") from error
    return base


def read_yaml(path: Path, *, origin: dict[str, str] | None = None, _seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a YAML mapping and the files that it extends.

    ``origin`` is filled with dotted key to the file that set it, for error messages.

    Raises:
        ConfigError: The file is missing, is not a YAML mapping, or extends itself.
    """
    origin = {} if origin is None else origin
    resolved = path.resolve()
    if resolved in _seen:
        raise ConfigError("a configuration extends itself", where=str(path), fix="remove the circle of 'extends:'")
    loaded = load_yaml(path, "configuration file")
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"expected a mapping of keys to values, got {type(loaded).__name__}",
            where=str(path),
            fix="see configs/",
        )
    base = loaded.pop("extends", None)
    values: dict[str, Any] = {}
    if base is not None:
        bases = [base] if isinstance(base, str) else base
        if not isinstance(bases, list) or not all(isinstance(b, str) for b in bases):
            raise ConfigError("'extends' must be a file name or a list of them", where=str(path))
        for name in bases:
            values = _merge(values, read_yaml(base_file(path, name), origin=origin, _seen=(*_seen, resolved)))
    from_sections: dict[str, str] = {}
    for key, value in loaded.items():
        if isinstance(value, dict) and "extends" in value:
            loaded[key] = _extended_section(path, str(key), value, from_sections, (*_seen, resolved))
    for key in _leaves(loaded):
        origin[key] = from_sections.get(key, str(path))
    return _merge(values, loaded)


def _extended_section(
    path: Path, key: str, section: dict[Any, Any], origin: dict[str, str], seen: tuple[Path, ...]
) -> dict[str, Any]:
    """Return a section with ``extends: other.yaml``: the other file's keys, overridden by the section's."""
    own = dict(section)
    name = own.pop("extends")
    if not isinstance(name, str):
        raise ConfigError("'extends' in a section must be a file name", where=f"{path}, {key}")
    theirs: dict[str, str] = {}
    base = read_yaml(base_file(path, name), origin=theirs, _seen=seen)
    origin.update({f"{key}.{inner}": source for inner, source in theirs.items()})
    for inner in _leaves(own):
        origin[f"{key}.{inner}"] = str(path)
    return _merge(base, own)


def _merge(base: dict[str, Any], top: Mapping[Any, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(str(key))
        merged[str(key)] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _leaves(values: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")


def _put(values: dict[str, Any], key: str, value: object, *, where: str, origin: dict[str, str]) -> None:
    parts = key.split(".")
    node = values
    for part in parts[:-1]:
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise ConfigError(f"{part!r} holds a single value and has no key {parts[-1]!r}", where=where)
        node = child
    node[parts[-1]] = value
    origin[key] = where


def _explain(cls: type[BaseModel], error: ValidationError, origin: dict[str, str], path: Path | None) -> ConfigError:
    """Describe pydantic's most important error in one line, with the number of other errors."""
    # An unknown key comes first, since a mistyped key also causes a missing one.
    urgency = {"renamed_key": 0, _EXPLAINED: 0, "extra_forbidden": 0, "missing": 2}
    problems = sorted(error.errors(include_url=False), key=lambda p: urgency.get(p["type"], 1))
    first = problems[0]
    loc = tuple(str(part) for part in first["loc"])
    if first["type"] == "renamed_key":
        loc = (*loc, first["ctx"]["old"])
    key = ".".join(loc) or "(top level)"
    where = next((origin[".".join(loc[:n])] for n in range(len(loc), 0, -1) if ".".join(loc[:n]) in origin), None)
    where = where or (str(path) if path else None)
    fix: str | None = None
    if first["type"] == "renamed_key":
        new = ".".join((*loc[:-1], first["ctx"]["new"]))
        what, fix = f"the key {key!r} is now {new!r}", "rename it"
    elif first["type"] == "extra_forbidden":
        what = f"unknown key {key!r}"
        near = nearest_key(key, list(valid_keys(cls)))
        fix = f"did you mean {near!r}?" if near else "see the documented keys in configs/"
    elif first["type"] == "missing":
        what = f"the key {key!r} is required"
        fix = f"give --{key} or set it in a file" if len(loc) == 1 else "set it in a file"
    elif first["type"] == _EXPLAINED:
        details = first["ctx"]
        what, fix = details["what"], details["fix"]
    elif not loc:
        # A validator of several keys; its text says what is expected.
        what = first["msg"].removeprefix("Value error, ")
    else:
        what = f"{key}: {first['msg'].removeprefix('Value error, ')}, got {first['input']!r}"
        fix = "correct the value"
    if len(problems) > 1:
        what += f" (and {len(problems) - 1} more problem{'s' if len(problems) > 2 else ''})"
    return ConfigError(what, where=where, fix=fix)


def nearest_key(key: str, valid: Sequence[str]) -> str | None:
    """Return the valid key most similar to a mistyped one, by the whole path or else by the last part."""
    close = difflib.get_close_matches(key, valid, n=1, cutoff=0.6)
    if close:
        return close[0]
    last = {name.rpartition(".")[2]: name for name in reversed(valid)}
    close = difflib.get_close_matches(key.rpartition(".")[2], list(last), n=1, cutoff=0.6)
    return last[close[0]] if close else None


def valid_keys(cls: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield all dotted keys of a configuration class, and the new names of former keys in sections of other tools."""
    yield from (prefix + new for new in getattr(cls, "RENAMED", {}).values() if "." in new)
    for name, field in cls.model_fields.items():
        yield prefix + name
        for inner in _model_types(field.annotation):
            yield from valid_keys(inner, f"{prefix}{name}.")


def _model_types(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _model_types(part)
