"""Shared by targets: read a data set's splits, and write them as Parquet or as messages with picture files."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from importlib.resources import files
from importlib.util import find_spec
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import reinforcesight
from reinforcesight.data_gen.dataset.folder import refuse_damaged
from reinforcesight.data_gen.dataset.reader import find_files, parquet_rows
from reinforcesight.jobs.files import atomic_file, cannot_write, write_text

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 64


def splits_of(dataset: Path) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Yield each split with an iterator of its rows.

    Raises:
        InputError: The folder has no data set, or a file is damaged.
    """
    files_found = find_files(dataset)
    refuse_damaged(dataset, [file.path for file in files_found])
    for split, found in groupby(files_found, key=lambda file: file.split):
        yield split, chain.from_iterable(parquet_rows(file.path) for file in found)


def write_splits(
    dataset: Path,
    output: Path,
    name: str,
    schema: pa.Schema,
    convert: Callable[[dict[str, Any], str, int], Mapping[str, Any]],
) -> list[Path]:
    """Write one Parquet file per split, with few rows in memory at a time.

    Args:
        name: File name below ``output``, with ``{split}`` in it.
        convert: Function from row, split and index in the split to columns; columns not in ``schema`` are dropped.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = []
    for split, rows in splits_of(dataset):
        path = output / name.format(split=split)
        numbered = enumerate(rows)
        with atomic_file(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            while chunk := list(islice(numbered, _BATCH)):
                made = [convert(row, split, number) for number, row in chunk]
                kept = [{column: row[column] for column in schema.names} for row in made]
                writer.write_table(pa.Table.from_pylist(kept, schema=schema))
        written.append(path)
    return written


def older_schema(features: Mapping[str, Any]) -> pa.Schema:
    """Return an Arrow schema whose metadata every release of ``datasets`` can read.

    Args:
        features: Features as in ``Features.to_dict``, but with lists as ``[feature]``: the type "List" came with
            release 4, and some trainers allow older ones.
    """
    from datasets import Features

    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return Features.from_dict(dict(features)).arrow_schema.with_metadata(metadata)


def message_text(messages: list[dict[str, str]]) -> str:
    """Join the contents of a prompt or completion."""
    return "\n".join(message["content"] for message in messages)


def picture_file(row: Mapping[str, Any], output: Path) -> Path:
    """Write a row's picture into ``output/images``; pictures with equal bytes share a file."""
    return write_picture(row, output / "images", hashlib.sha256(row["image"]["bytes"]).hexdigest()[:24])


def write_picture(row: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Write a row's picture, adding its suffix to the name; return its path."""
    data: bytes = row["image"]["bytes"]
    target = folder / f"{name}.{'jpg' if data.startswith(bytes([0xFF, 0xD8])) else 'png'}"
    try:
        # A killed run may have left a shorter file.
        if not target.exists() or target.stat().st_size != len(data):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def message_row(row: Mapping[str, Any], picture: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"<image>{message_text(row['prompt'])}"},
            {"role": "assistant", "content": message_text(row["completion"])},
        ],
        "images": [picture],
        **{name: row[name] for name in ("id", "answer", "choices")},
    }


def copy_reward(name: str, target: Path) -> list[Path]:
    """Copy a module from ``exported``, through which another trainer calls the reward, and the code that it needs.

    The folder ``reward_code`` next to it gets the modules of this package that the reward imports and the library
    ``inflect``, so that the trainer's environment needs neither.
    """
    text = (files("reinforcesight.export") / "exported" / name).read_text(encoding="utf-8")
    write_text(target, text)
    folder = target.with_name("reward_code")
    sources = {f"{module}.py": path for module, path in _imported_modules(text).items()}
    for package in ("inflect", "more_itertools", "typeguard", "jaraco.functools"):
        with contextlib.suppress(ModuleNotFoundError):  # older releases of inflect have fewer dependencies
            spec = find_spec(package)
            for place in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
                root = place.parents[package.count(".")]
                sources |= {path.relative_to(root).as_posix(): path for path in place.rglob("*.py")}
            for listed in metadata.files(package) or ():
                if listed.name.upper().startswith("LICEN"):
                    sources[f"{package.replace('.', '/')}/LICENSE"] = Path(str(listed.locate()))
    for relative, path in sources.items():
        write_text(folder / relative, path.read_text(encoding="utf-8"))
    return [target, folder]


def _imported_modules(text: str) -> dict[str, Path]:
    """Return the modules of this package that a text imports, directly or not: path without suffix to file."""
    package = Path(reinforcesight.__file__).parent
    found: dict[str, Path] = {}
    waiting = [text]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop())):
            names = [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for parts in [name.split(".") for name in names if name.split(".")[0] == package.name]:
                for depth in range(1, len(parts) + 1):
                    place = package.parent.joinpath(*parts[:depth])
                    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
                    module = path.relative_to(package.parent).with_suffix("").as_posix()
                    if module not in found and path.is_file():
                        found[module] = path
                        waiting.append(path.read_text(encoding="utf-8"))
    return found
