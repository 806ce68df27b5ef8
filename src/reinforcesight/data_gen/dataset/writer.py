"""Write selected pairs to Parquet: workers compose questions, draw boxes, and write one file each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image

from reinforcesight.data_gen.choosing.selection import Pick, Selection
from reinforcesight.data_gen.dataset.folder import is_file_of
from reinforcesight.data_gen.dataset.rows import Row, arrow_schema
from reinforcesight.data_gen.questions.compose import Question, compose
from reinforcesight.data_gen.questions.forms import WITHOUT_PLACES, ReasoningStyle
from reinforcesight.data_gen.questions.templates import Templates, load_templates
from reinforcesight.data_gen.scanning.work_files import read_scanned_picture, seeded_random
from reinforcesight.jobs.files import atomic_file, file_hash, read_sealed_json, write_sealed_json
from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.pictures.drawing import draw_boxes
from reinforcesight.pictures.encode import encoded_picture

# A row group ends at either limit: to read one row, readers decode one group.
_GROUP_ROWS = 100
_GROUP_BYTES = 32 * 1024 * 1024
# Questions without drawn boxes repeat the bytes of their picture. In a page of several rows, the compression finds
# this repetition.
_PAGE_BYTES = 4 * 1024 * 1024
_COMPRESSION_LEVEL = 3
# PNG compression: three times as fast as the default, with a tenth more bytes.
_PNG_LEVEL = 3


@dataclass(frozen=True, slots=True)
class WriteContext:
    """Everything that a worker needs to write any file."""

    work: Path  # folder of the work files
    data: Path  # folder of the Parquet files
    seed: int
    templates: Path | None  # file with question wordings; None: the packaged wordings
    identity: str
    style: ReasoningStyle = WITHOUT_PLACES


@dataclass(frozen=True, slots=True)
class Portion:
    """Questions of one picture that go into one file."""

    chunk: int  # work file of the picture ...
    row: int  # ... and its row there
    first: int  # index of the first of these questions among the picture's questions
    picks: tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class WriteTask:
    """Parquet file to write: its name, its split and its contents."""

    name: str
    split: str
    portions: tuple[Portion, ...]

    @property
    def rows(self) -> int:
        return sum(len(portion.picks) for portion in self.portions)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """Finished Parquet file."""

    name: str
    split: str
    rows: int
    bytes: int
    sha256: str  # of the whole file, hexadecimal
    memory_bytes: int  # size of its rows in memory, as stated in a dataset card


def plan_files(
    selections: Iterable[Selection], rows_per_split: Mapping[str, int], rows_per_file: int
) -> Iterator[WriteTask]:
    """Divide the selected questions into files of ``rows_per_file`` rows, in order and in constant memory."""
    files = {split: -(-rows // rows_per_file) for split, rows in rows_per_split.items()}
    pending: dict[str, list[Portion]] = {split: [] for split in rows_per_split}
    held: Counter[str] = Counter()
    made: Counter[str] = Counter()

    def task(split: str) -> WriteTask:
        name = f"{split}-{made[split]:05d}-of-{files[split]:05d}.parquet"
        result = WriteTask(name, split, tuple(pending[split]))
        made[split] += 1
        pending[split], held[split] = [], 0
        return result

    for selection in selections:
        split, picks, first = selection.split, selection.picks, 0
        while first < len(picks):
            part = picks[first : first + rows_per_file - held[split]]
            place = selection.picture
            pending[split].append(Portion(place.chunk, place.row, first, part))
            held[split] += len(part)
            first += len(part)
            if held[split] == rows_per_file:
                yield task(split)
    for split in pending:
        if pending[split]:
            yield task(split)


def write_file(context: WriteContext, task: WriteTask) -> WrittenFile:
    """Compose and write the questions of one file.

    A file that an earlier run wrote for this task is kept.

    Raises:
        OutputError: The file can't be written, or a work file can't be read.
    """
    path = context.data / task.name
    record = context.work / f"{task.name}.json"
    task_digest = sha256(f"{context.identity} {task!r}".encode()).hexdigest()
    earlier = read_sealed_json(record)
    if earlier is not None and earlier["task"] == task_digest and is_file_of(path, earlier["file"]):
        return WrittenFile(**earlier["file"])
    templates = load_templates(context.templates)
    written = replace_file(path, task.split, (row.to_columns() for row in _rows(context, task, templates)))
    write_sealed_json(record, {"task": task_digest, "file": asdict(written)})
    return written


def replace_file(path: Path, split: str, rows: Iterable[dict[str, Any]]) -> WrittenFile:
    """Write a Parquet file of the data set from its columns, atomically; raises :class:`OutputError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = arrow_schema()
    count = memory_bytes = 0
    with atomic_file(path) as stream:
        options = {
            "compression": "ZSTD",
            "compression_level": _COMPRESSION_LEVEL,
            "use_dictionary": ["relation", "task", "form", "answer", "source", "source_id"],
            "data_page_size": _PAGE_BYTES,
            "write_statistics": False,
        }
        with pq.ParquetWriter(stream, schema, **options) as writer:
            for group in _groups(rows):
                table = pa.Table.from_pylist(group, schema=schema)
                memory_bytes += table.nbytes
                count += len(group)
                writer.write_table(table)
    return WrittenFile(path.name, split, count, path.stat().st_size, file_hash(path), memory_bytes)


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row["image"]["bytes"])
        if len(group) == _GROUP_ROWS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _rows(context: WriteContext, task: WriteTask, templates: Templates) -> Iterator[Row]:
    """Yield the questions of one file. Each depends only on seed, picture and index."""
    for portion in task.portions:
        picture = read_scanned_picture(context.work, portion.chunk, portion.row)
        drawings = [_Drawing(shown.image) for shown in (picture, picture.twin) if shown is not None]
        for number, pick in enumerate(portion.picks, start=portion.first):
            # Twins have the same random numbers, and so the same wording of the question.
            wording = number if pick.twin_of is None else pick.twin_of
            shown = picture.twin if pick.second and picture.twin else picture
            question = compose(
                shown.scene,
                shown.candidates[pick.position],
                pick.kind,
                templates=templates,
                rng=seeded_random(context.seed, picture.source_id, wording),
                style=context.style,
            )
            image, suffix = drawings[pick.second].with_boxes(question)
            evidence = question.evidence
            if pick.twin_of is not None and picture.twin is not None:
                twin_id = f"{picture.source}-{picture.index:07d}-{pick.twin_of}"
                evidence |= {"twin": {"id": twin_id, "made_by": picture.twin.made_by, "moved": picture.twin.moved}}
            row_id = f"{picture.source}-{picture.index:07d}-{number}"
            yield Row(
                id=row_id,
                image=image,
                image_name=f"{row_id}.{suffix}",
                prompt=question.prompt,
                completion=question.completion,
                question=question.question,
                choices=question.choices,
                answer=question.answer,
                answer_text=question.answer_text,
                relation=question.relation.value,
                task=question.task,
                form=question.form.value,
                scene=shown.scene_json,
                evidence=json.dumps(evidence, ensure_ascii=False),
                margin=question.margin,
                source=picture.source,
                source_id=f"{picture.source_id}-twin" if pick.second else picture.source_id,
            )


class _Drawing:
    """Encoded picture that is decoded once, and only if boxes must be drawn."""

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._is_jpeg = encoded.startswith(b"\xff\xd8")
        self._decoded: Image.Image | None = None

    def with_boxes(self, question: Question) -> tuple[bytes, str]:
        """Return the encoded picture with the question's boxes, and its file suffix; unchanged without boxes."""
        suffix = "jpg" if self._is_jpeg else "png"
        if not question.boxes:
            return self._encoded, suffix
        if self._decoded is None:
            self._decoded = decode_rgb(self._encoded)
        drawn = draw_boxes(self._decoded, question.boxes)
        if self._is_jpeg:
            # 4:4:4: with chroma subsampling, thin coloured lines smear.
            return encoded_picture(drawn, "JPEG", quality=95, subsampling=0), suffix
        return encoded_picture(drawn, "PNG", compress_level=_PNG_LEVEL), suffix
