"""``export --to llama-factory``: ShareGPT JSON with OpenAI's role names, and its ``dataset_info.json``."""

from __future__ import annotations

import json
from pathlib import Path

from reinforcesight.export.splits import message_row, picture_file, splits_of
from reinforcesight.jobs.files import atomic_file, write_json

_TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


def to_llama_factory(dataset: Path, output: Path) -> list[Path]:
    """Write one JSON file per split and ``dataset_info.json``."""
    info, written = {}, []
    for split, rows in splits_of(dataset):
        path = output / f"reinforcesight_{split}.json"
        with atomic_file(path) as stream:
            # Written row by row, since json.dump of a list would hold all rows in memory.
            for number, row in enumerate(rows):
                picture = picture_file(row, output).relative_to(output).as_posix()
                text = json.dumps(message_row(row, picture), ensure_ascii=False)
                stream.write((("[\n" if number == 0 else ",\n") + text).encode())
            stream.write(b"\n]\n")
        info[path.stem] = {
            "file_name": path.name,
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": _TAGS,
        }
        written.append(path)
    declared = output / "dataset_info.json"
    write_json(declared, info)
    return [*written, declared]
