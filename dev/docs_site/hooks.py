"""MkDocs hooks: the reference pages, made from the configuration classes, and links that leave docs/.

`mkdocs.yml` names this file. Needs the extra `docs`.
"""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Literal

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reinforcesight.cli import COMMANDS, CommandSpec

# [text](../src/x.py) leads out of the site: the path is shown as text.
_OUTSIDE = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+(?!log/|images/)[^)#]*)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, spec in COMMANDS.items():
        files.append(File.generated(config, f"reference/{name}.md", content=reference_page(name, spec)))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    folder = Path(config.docs_dir) / Path(page.file.src_uri).parent

    def shown(link: re.Match[str]) -> str:
        text, target = link.groups()
        path = (folder / target).resolve()
        if path.is_relative_to(config.docs_dir):
            return link.group()
        return text if text.startswith("`") else f"{text} (`{path.relative_to(Path(config.docs_dir).parent)}`)"

    return _OUTSIDE.sub(shown, markdown)


def reference_page(name: str, spec: CommandSpec) -> str:
    """Every key of one command: type, default, meaning; one table a section."""
    config_class: type[BaseModel] = resolve_name(spec.config)
    usage = " ".join(["reinforcesight", name, *(field.upper() for field in spec.positional), "[flags]"])
    parts = [f"# {name}\n\n{spec.help}\n\n    {usage}\n\nFor example:\n\n    {spec.example}\n"]
    if spec.trl_class is not None:
        parts.append(
            f"Every argument of TRL's `{spec.trl_class}` is accepted in the section `trainer` and as a flag, "
            "except those that the project sets itself; these are refused with the reason.\n"
        )
    parts.append(
        "The keys of the first table are flags too (`--key value`). "
        "Keys of a section are set in the YAML file or with `--set section.key=value`.\n"
    )
    parts += [table(title, model) for title, model in sections(config_class)]
    return "\n".join(parts)


def sections(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The class itself and its nested sections, with their dotted names; a class is shown once."""
    yield prefix.rstrip("."), model
    hints = typing.get_type_hints(model)
    for name, field in model.model_fields.items():
        for inner in _models(hints[name]):
            yield from sections(inner, f"{prefix}{field.alias or name}.")


def table(title: str, model: type[BaseModel]) -> str:
    hints = typing.get_type_hints(model)
    rows = []
    for name, field in model.model_fields.items():
        if not list(_models(hints[name])):
            cells = [
                f"`{field.alias or name}`",
                _type_name(hints[name]),
                _default(field),
                _cell(field.description or ""),
            ]
            rows.append(f"| {' | '.join(cells)} |")
    if not rows:
        return ""
    heading = f"## `{title}`\n\n" if title else ""
    return f"{heading}| key | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        for part in typing.get_args(annotation):
            yield from _models(part)


def _type_name(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_name(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if part is type(None) else _type_name(part) for part in inner)
    if origin in (tuple, list, set, frozenset):
        return f"list of {_type_name(inner[0])}" if inner else "list"
    if (isinstance(origin, type) and issubclass(origin, dict)) or (origin is not None and inner):
        return f"mapping of {_type_name(inner[0])} to {_type_name(inner[-1])}"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    names = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "path", Any: "any"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, enum.Enum):
        default = default.value
    if isinstance(default, (tuple, list)):
        default = ", ".join(str(getattr(part, "value", part)) for part in default)
    if default is None or default == "" or default == {}:
        return ""
    return f"`{_cell(str(default).lower() if isinstance(default, bool) else str(default))}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
