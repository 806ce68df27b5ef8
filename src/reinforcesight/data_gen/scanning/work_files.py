"""Work files: intermediate Parquet files with the scenes and possible questions of one chunk of pictures each.

A chunk depends only on the source, the rules, the seed and its index, so any worker on any machine can write it. A
file has one row group per picture. A record next to it has its digest, the job's identity, and the chunk's report
(number and reasons of what was skipped); without the record, or with another digest, the chunk is scanned again.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from reinforcesight.data_gen.questions.compose import Candidate, find_candidates
from reinforcesight.data_gen.questions.forms import AXES, FORMS, Form
from reinforcesight.data_gen.source import PictureRejected, Skipped, Source, SourcePicture, TwinPicture, rejection_of
from reinforcesight.data_gen.sources.json_values import printable
from reinforcesight.errors import OutputError
from reinforcesight.jobs.files import atomic_file, file_hash, read_sealed_json, write_sealed_json
from reinforcesight.language.object_names import usable_name
from reinforcesight.pictures.decode import opened
from reinforcesight.relations import RelationResult
from reinforcesight.relations.kinds import Axis, RelationRules
from reinforcesight.relations.rules_of_thumb import rules_right
from reinforcesight.scene import ObjectId, Scene

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# A picture with many objects has thousands of triples on the distance axis; the selection needs far fewer.
_CANDIDATES_PER_AXIS = 24
_SAMPLES_PER_REASON = 4


@dataclass(frozen=True, slots=True)
class ScanContext:
    """Everything that a worker needs to scan any chunk."""

    source: Source
    rules: RelationRules
    seed: int  # decides which pairs of a picture are kept if there are too many
    folder: Path  # folder of the work files
    identity: str  # digest of the job's identity; stored in the record of every work file
    box_colour_words: bool = False  # draw boxes also where a name has the colour of a box


@dataclass(frozen=True, slots=True)
class ScanTask:
    """Pictures ``start`` to ``stop`` (exclusive) of the source, which belong to one chunk."""

    chunk: int
    start: int
    stop: int
    attempt: int = 0  # number of workers that died during this task
    crashed: tuple[tuple[int, str], ...] = ()  # pictures that killed their worker, and the reason; they are left out
    probe: bool = False  # scan without writing a file

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class RejectedPicture:
    """Picture that can't be used."""

    source_id: str
    reason: str
    detail: str


@dataclass(slots=True)
class ChunkReport:
    """Counts of skipped pictures, annotations and pairs of a chunk, by reason."""

    pictures: int = 0  # number of pictures read
    rejected: list[RejectedPicture] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)  # annotations or detections left out, by reason
    abstained: Counter[str] = field(default_factory=Counter)  # pairs without a clear relation, by "axis reason"
    samples: list[dict[str, Any]] = field(default_factory=list)  # examples of the last two


@dataclass(frozen=True, slots=True)
class CandidateSummary:
    """Properties of a candidate that the selection uses."""

    position: int  # index among the picture's stored candidates
    axis: Axis
    forms: frozenset[Form]
    first: str  # noun of the object with the smaller value along the axis
    second: str  # noun of the other object
    objects: tuple[int, ...]  # indices in the scene: pair, then anchor
    twin_forms: frozenset[Form] = frozenset()  # forms that can ask about the pair in both pictures of a twin
    guessed: tuple[str, ...] = ()  # rules of thumb that give the correct answer
    twin_guessed: tuple[str, ...] = ()  # the same for the twin


@dataclass(frozen=True, slots=True)
class PictureSummary:
    """Properties of a scanned picture that the selection uses."""

    chunk: int  # index of the work file
    row: int  # row in the work file
    index: int  # index in the source
    content: str  # SHA-256 of the encoded picture, hexadecimal; a picture under two names counts once
    candidates: tuple[CandidateSummary, ...]


@dataclass(frozen=True, slots=True)
class ScannedPicture:
    """Scanned picture with everything that is needed to write its questions."""

    index: int
    source: str
    source_id: str
    image: bytes
    scene: Scene
    scene_json: str
    candidates: tuple[Candidate, ...]
    twin: ScannedTwin | None = None


@dataclass(frozen=True, slots=True)
class ScannedTwin:
    """Twin of a scanned picture, and its inverted candidates by the original candidate's index."""

    image: bytes
    scene: Scene
    scene_json: str
    made_by: str
    moved: ObjectId | None
    candidates: dict[int, Candidate]


_REPORT = TypeAdapter(ChunkReport)
_CANDIDATES = TypeAdapter(list[Candidate])
_BY_POSITION = TypeAdapter(dict[int, Candidate])


def seeded_random(*values: int | str) -> random.Random:
    """Return random numbers that depend on these values alone."""
    digest = sha256(json.dumps(values).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def chunk_path(folder: Path, chunk: int) -> Path:
    return folder / f"chunk-{chunk:06d}.parquet"


def scan_chunk(context: ScanContext, task: ScanTask) -> int:
    """Scan a task's pictures and write their work file; return the number of pictures read.

    A picture that fails is reported by name and does not stop the others.

    Raises:
        OutputError: The work file can't be written.
    """
    if task.probe:
        for index in range(task.start, task.stop):
            _scan_picture(context, index, ChunkReport())
        return task.size
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    report = ChunkReport()
    crashed = dict(task.crashed)
    options = {
        "compression": {name: "NONE" if name in ("image", "twin_image") else "ZSTD" for name in schema.names},
        "use_dictionary": False,
        "write_statistics": False,
        "write_page_checksum": True,
    }
    path = chunk_path(context.folder, task.chunk)
    with atomic_file(path) as stream, pq.ParquetWriter(stream, schema, **options) as writer:
        for index in range(task.start, task.stop):
            report.pictures += 1
            if index in crashed:
                report.rejected.append(RejectedPicture(f"picture {index}", "worker_crashed", crashed[index]))
                continue
            row = _scan_picture(context, index, report)
            if row is not None:
                writer.write_table(pa.Table.from_pylist([row], schema=schema))
    about = {"identity": context.identity, "report": _REPORT.dump_python(report, mode="json")}
    write_sealed_json(path.with_suffix(".json"), {**about, "sha256": file_hash(path)})
    return report.pictures


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = ("source", "source_id", "content", "scene", "candidates", "options", "twin")
    pictures = [(name, pa.binary()) for name in ("image", "twin_image")]
    return pa.schema([("index", pa.int64()), *pictures, *((name, pa.string()) for name in text)])


def _scan_picture(context: ScanContext, index: int, report: ChunkReport) -> dict[str, Any] | None:
    """Return a picture's row, or ``None`` if it is unusable or has no clear pair; count what is skipped."""
    try:
        picture = context.source.load(index)
        _check_size(picture)
        row, abstained = _row_of(context, picture)
    except Exception as error:  # noqa: BLE001 - one picture must not stop the others; it is reported by name
        found = rejection_of(error, index)
        report.rejected.append(RejectedPicture(printable(found.source_id), found.reason, printable(found.detail)))
        return None
    for skipped in (*picture.skipped, *_unusable_names(picture.scene)):
        report.skipped[skipped.reason] += 1
        if report.skipped[skipped.reason] <= _SAMPLES_PER_REASON:
            sample = {"kind": "annotation", "source_id": printable(picture.source_id)}
            report.samples.append({**sample, "reason": skipped.reason, "detail": printable(skipped.detail)})
    _note_abstentions(picture, abstained, report)
    return row


def _row_of(context: ScanContext, picture: SourcePicture) -> tuple[dict[str, Any] | None, list[RelationResult]]:
    """Return the row of the work file (``None``: no clear pair), and the pairs without a clear relation."""
    candidates, abstained = find_candidates(picture.scene, context.rules, box_colour_words=context.box_colour_words)
    kept = _thinned(candidates, seeded_random(context.seed, picture.source_id))
    if not kept:
        return None, abstained
    inverted: dict[int, Candidate] = {}
    if picture.twin is not None:
        pairs = _inverted(candidates, picture.twin, context.rules)
        kept += [candidate for candidate, _ in pairs if candidate not in kept]
        inverted = {kept.index(candidate): other for candidate, other in pairs}
    options = [_summary_values(picture.scene, candidate) for candidate in kept]
    for position, other in inverted.items():
        assert picture.twin is not None
        options[position] += [_bits(kept[position].forms & other.forms), _guessed(picture.twin.scene, other)]
    row = {
        "index": picture.index,
        "image": picture.image,
        "source": picture.source,
        "source_id": printable(picture.source_id),
        "content": sha256(picture.image).hexdigest(),
        "scene": picture.scene.to_json(),
        "candidates": _CANDIDATES.dump_json(kept).decode(),
        "options": json.dumps(options),
    }
    if picture.twin is not None and inverted:
        twin = picture.twin
        about = {"scene": twin.scene.to_json(), "made_by": twin.made_by, "moved": twin.moved}
        about["candidates"] = _BY_POSITION.dump_json(inverted).decode()
        row |= {"twin": json.dumps(about), "twin_image": twin.image}
    return row, abstained


def _inverted(
    candidates: Sequence[Candidate], twin: TwinPicture, rules: RelationRules
) -> list[tuple[Candidate, Candidate]]:
    """Return the candidates whose relation is inverted in the twin, each with the twin's candidate."""
    found, _ = find_candidates(twin.scene, rules)
    there = {(c.axis, c.subject, c.reference, c.anchor): c for c in found}
    pairs = [(c, there.get((c.axis, c.subject, c.reference, c.anchor))) for c in candidates]
    return [(c, other) for c, other in pairs if other is not None and other.relation is c.relation.inverse]


def _unusable_names(scene: Scene) -> list[Skipped]:
    what = "is in the scene but not asked about: numbers, places and words of the question are no names"
    return [
        Skipped("unusable_name", f"object {item.id} {item.name!r} {what}")
        for item in scene.objects
        if not usable_name(item.name)
    ]


def _check_size(picture: SourcePicture) -> None:
    with opened(picture.image) as image:
        if image.format not in ("PNG", "JPEG"):
            detail = f"expected PNG or JPEG, got {image.format}"
            raise PictureRejected("unsupported_format", detail, source_id=picture.source_id)
        if image.size != (picture.scene.width, picture.scene.height):
            detail = f"the picture is {image.size}, its scene {(picture.scene.width, picture.scene.height)}"
            raise PictureRejected("size_mismatch", detail, source_id=picture.source_id)


def _note_abstentions(picture: SourcePicture, abstained: Sequence[RelationResult], report: ChunkReport) -> None:
    for result in abstained:
        key = f"{result.axis} {result.reason}"
        report.abstained[key] += 1
        if report.abstained[key] > 1:
            continue
        ids = {role: getattr(result, role) for role in ("subject", "reference", "anchor")}
        names = {role: None if i is None else picture.scene[i].name for role, i in ids.items()}
        report.samples.append(
            {
                "kind": "pair",
                "source_id": printable(picture.source_id),
                "reason": str(result.reason),
                "axis": result.axis.value,
                **names,
                "margin": round(result.margin, 4),
            }
        )


def _thinned(candidates: Sequence[Candidate], rng: random.Random) -> list[Candidate]:
    """Draw a random sample of the candidates of each axis, with unique names first."""
    kept: list[Candidate] = []
    for axis in AXES:
        group = [candidate for candidate in candidates if candidate.axis is axis]
        rng.shuffle(group)
        named = [c for c in group if len(c.forms) > 1]
        boxed = [c for c in group if len(c.forms) <= 1]
        room = max(2 * _CANDIDATES_PER_AXIS // 3, _CANDIDATES_PER_AXIS - len(boxed))
        named = named[:room]
        kept += named + boxed[: _CANDIDATES_PER_AXIS - len(named)]
    return kept


def _summary_values(scene: Scene, candidate: Candidate) -> list[Any]:
    """Return axis, forms as bits, nouns of smaller and larger value, object indices, rules of thumb that are right."""
    ids = [candidate.subject, candidate.reference]
    if candidate.anchor is not None:
        ids.append(candidate.anchor)
    places = [scene.index_of(object_id) for object_id in ids]
    nouns = [scene.objects[place].noun for place in places[:2]]
    if candidate.relation is not candidate.axis.relations[0]:
        nouns.reverse()
    return [AXES.index(candidate.axis), _bits(candidate.forms), *nouns, places, _guessed(scene, candidate)]


def _guessed(scene: Scene, candidate: Candidate) -> list[str]:
    anchor = None if candidate.anchor is None else scene[candidate.anchor]
    right = rules_right(candidate.relation, scene[candidate.subject], scene[candidate.reference], anchor)
    return [rule for rule, holds in right.items() if holds]


def _bits(forms: frozenset[Form]) -> int:
    return sum(1 << bit for bit, form in enumerate(FORMS) if form in forms)


_FORM_SETS = [frozenset(form for bit, form in enumerate(FORMS) if bits >> bit & 1) for bits in range(1 << len(FORMS))]


def read_report(path: Path, identity: str, *, whole: bool = True) -> ChunkReport | None:
    """Read a work file's report; return ``None`` if the file is absent, damaged, or belongs to another job.

    ``whole``: compare the file itself with its digest, not only its record.
    """
    record = read_sealed_json(path.with_suffix(".json"))
    try:
        if record is None or record["identity"] != identity:
            return None
        if whole and record["sha256"] != file_hash(path):
            return None
    except OSError:
        return None
    return _REPORT.validate_python(record["report"])


def read_contents(folder: Path, chunks: Iterable[int]) -> Iterator[str]:
    """Yield the digests of all scanned pictures, in order; raises :class:`OutputError` if a file is damaged."""
    for chunk in chunks:
        with _open(folder, chunk) as file:
            values = file.read(columns=["content"])["content"].to_pylist()
        yield from values


def read_summaries(folder: Path, chunks: Iterable[int]) -> Iterator[PictureSummary]:
    """Yield all scanned pictures, in order, without pixels; raises :class:`OutputError` if a file is damaged."""
    for chunk in chunks:
        with _open(folder, chunk) as file:
            table = file.read(columns=["index", "content", "options"])
        rows = zip(*(table[name].to_pylist() for name in ("index", "content", "options")), strict=True)
        for row, (index, content, options) in enumerate(rows):
            decoded = tuple(_summary(position, *values) for position, values in enumerate(json.loads(options)))
            yield PictureSummary(chunk, row, index, content, decoded)


def _summary(
    position: int,
    axis: int,
    forms: int,
    first: str,
    second: str,
    places: list[int],
    guessed: list[str],
    twin_forms: int = 0,
    twin_guessed: Sequence[str] = (),
) -> CandidateSummary:
    sets = (_FORM_SETS[forms], _FORM_SETS[twin_forms])
    rules = (tuple(guessed), tuple(twin_guessed))
    return CandidateSummary(position, AXES[axis], sets[0], first, second, tuple(places), sets[1], *rules)


def read_scanned_picture(folder: Path, chunk: int, row: int) -> ScannedPicture:
    """Read one scanned picture with its pixels. Raises :class:`OutputError` if the work file is damaged."""
    with _open(folder, chunk) as file:
        values = file.read_row_group(row).to_pylist()[0]
    return ScannedPicture(
        index=values["index"],
        source=values["source"],
        source_id=values["source_id"],
        image=values["image"],
        scene=Scene.from_json(values["scene"]),
        scene_json=values["scene"],
        candidates=tuple(_CANDIDATES.validate_json(values["candidates"])),
        twin=None if values["twin"] is None else _scanned_twin(json.loads(values["twin"]), values["twin_image"]),
    )


def _scanned_twin(about: dict[str, Any], image: bytes) -> ScannedTwin:
    return ScannedTwin(
        image=image,
        scene=Scene.from_json(about["scene"]),
        scene_json=about["scene"],
        made_by=about["made_by"],
        moved=about["moved"],
        candidates=_BY_POSITION.validate_json(about["candidates"]),
    )


@contextlib.contextmanager
def _open(folder: Path, chunk: int) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = chunk_path(folder, chunk)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise OutputError(
            f"a work file can't be read: {error}",
            where=str(path),
            fix="run the command again, which makes damaged work files again",
        ) from error
