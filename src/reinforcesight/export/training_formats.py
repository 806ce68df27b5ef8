"""A data set of this project in the forms that other trainers read: TRL, LLaMA-Factory, ms-swift.

Pictures are written once each as files under ``images/`` (equal bytes share a file) where a trainer wants paths. Rows
are streamed: memory stays flat however large the data set is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reinforcesight.errors import InputError, OutputError

SPLITS = ("train", "validation", "test")
_BATCH = 64


def parquet_files(dataset: Path) -> dict[str, list[Path]]:
    """Parquet files of a data set by split.

    Raises:
        InputError: The folder holds none.
    """
    folder = dataset / "data" if (dataset / "data").is_dir() else dataset
    found = {split: sorted(folder.glob(f"{split}-*.parquet")) for split in SPLITS}
    found = {split: files for split, files in found.items() if files}
    if not found:
        raise InputError(
            "expected Parquet files named train-*, validation-* or test-*, found none",
            where=str(folder),
            fix="give the folder that 'reinforcesight generate --output' wrote",
        )
    return found


def rows_of(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Rows in order, a few at a time.

    Raises:
        InputError: A file is not readable as Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in files:
        try:
            with pq.ParquetFile(path) as opened:
                for batch in opened.iter_batches(_BATCH):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"not readable as Parquet: {error}", where=str(path), fix="generate it again"
            ) from error


def to_trl(dataset: Path, output: Path) -> list[Path]:
    """Parquet with ``images``, ``prompt`` and ``completion`` for TRL, and what a reward function needs to judge.

    The data set itself already trains with TRL as it is; this leaves out scene, evidence and provenance.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    schema = pa.schema(
        [
            ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
            ("prompt", message),
            ("completion", message),
            ("choices", pa.list_(pa.string())),
            ("answer", pa.string()),
            ("task", pa.string()),
            ("relation", pa.string()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": _trl_features()}})},
    )
    written = []
    for split, files in parquet_files(dataset).items():
        path = folder_made(output / "data") / f"{split}-00000-of-00001.parquet"
        with writing(path), pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for chunk in chunked(rows_of(files)):
                rows = [{**row, "images": [row["image"]]} for row in chunk]
                table = pa.Table.from_pylist(
                    [{k: row[k] for k in schema.names} for row in rows], schema=schema
                )
                writer.write_table(table)
        written.append(path)
    return written


def _trl_features() -> dict[str, Any]:
    text = {"dtype": "string", "_type": "Value"}
    messages = {"feature": {"role": text, "content": text}, "_type": "List"}
    return {
        "images": {"feature": {"_type": "Image"}, "_type": "List"},
        "prompt": messages,
        "completion": messages,
        "choices": {"feature": text, "_type": "List"},
        "answer": text,
        "task": text,
        "relation": text,
    }


def to_llama_factory(dataset: Path, output: Path) -> list[Path]:
    """One JSON file a split in ShareGPT form with OpenAI role names, and ``dataset_info.json`` that declares them."""
    info: dict[str, Any] = {}
    written = []
    for split, files in parquet_files(dataset).items():
        path = folder_made(output) / f"reinforcesight_{split}.json"
        with writing(path), path.open("w", encoding="utf-8") as out:
            # Written row by row: json.dump of a list would hold all of it in memory.
            for number, row in enumerate(rows_of(files)):
                out.write("[\n" if number == 0 else ",\n")
                out.write(json.dumps(_with_picture_file(row, output), ensure_ascii=False))
            out.write("\n]\n")
        info[f"reinforcesight_{split}"] = {
            "file_name": path.name,
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
            },
        }
        written.append(path)
    declared = output / "dataset_info.json"
    with writing(declared):
        declared.write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    return [*written, declared]


def to_ms_swift(dataset: Path, output: Path) -> list[Path]:
    """One JSON-lines file a split with ``messages`` and ``images``; each picture stands as ``<image>`` in the text."""
    written = []
    for split, files in parquet_files(dataset).items():
        path = folder_made(output) / f"{split}.jsonl"
        with writing(path), path.open("w", encoding="utf-8") as out:
            for row in rows_of(files):
                out.write(json.dumps(_with_picture_file(row, output), ensure_ascii=False) + "\n")
        written.append(path)
    return written


def _with_picture_file(row: Mapping[str, Any], output: Path) -> dict[str, Any]:
    """A row as messages with the picture in a file, by the path relative to the export's folder."""
    data: bytes = row["image"]["bytes"]
    ending = "jpg" if data[:2] == b"\xff\xd8" else "png"
    name = f"images/{hashlib.sha256(data).hexdigest()[:24]}.{ending}"
    target = output / name
    if not target.exists():
        folder_made(target.parent)
        with writing(target):
            target.write_bytes(data)
    prompt = "\n".join(message["content"] for message in row["prompt"])
    completion = "\n".join(message["content"] for message in row["completion"])
    return {
        "messages": [
            {"role": "user", "content": f"<image>{prompt}"},
            {"role": "assistant", "content": completion},
        ],
        "images": [name],
        "id": row["id"],
        "answer": row["answer"],
        "choices": row["choices"],
    }


def chunked(rows: Iterator[dict[str, Any]], size: int = _BATCH) -> Iterator[list[dict[str, Any]]]:
    """Rows in lists of at most ``size``, in order."""
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def folder_made(folder: Path) -> Path:
    """The folder, made if it was not there.

    Raises:
        OutputError: It can't be made.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


class writing:  # noqa: N801 - reads as a word in "with writing(path)"
    """Turns an operating system's refusal to write into an error that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise OutputError(
                f"can't be written: {error.strerror or error}",
                where=str(self.path),
                fix="make room or change --output",
            ) from error
