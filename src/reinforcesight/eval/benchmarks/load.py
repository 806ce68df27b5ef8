"""Find and read a benchmark: by name, from the hub, from a folder or from a file.

CV-Bench (Tong et al. 2024, Cambrian-1) is published as ``test_2d.parquet`` and ``test_3d.parquet`` with embedded
pictures, as ``test_2d.jsonl`` and ``test_3d.jsonl`` next to a folder of pictures, and in an older format as one
``test.parquet`` or ``test.jsonl``. All of them load from the hub or from disk. Other benchmarks: ``formats.py``.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reinforcesight.data_gen.dataset.folder import refuse_damaged
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.eval.benchmarks.formats import BENCHMARK_FORMATS, VLMEVALKIT, BenchmarkFormat, FileFormat
from reinforcesight.eval.benchmarks.reader import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, BenchmarkReader
from reinforcesight.eval.benchmarks.rows import ROW_FORMATS
from reinforcesight.eval.config import CV_BENCH, CV_BENCH_REVISION, EvaluateConfig, listed
from reinforcesight.eval.items import Benchmark, Item
from reinforcesight.hub import download_snapshot
from reinforcesight.jobs.files import file_hash, json_hash

HUB_ID = "nyu-visionx/CV-Bench"

_PUBLISHED_SOURCES = {"ADE20K", "COCO", "Omni3D"}
_OUR_SOURCES = {"rendered", "annotated", "image_folder", "localized_narratives", "vqasynth"}


def load_benchmark(
    where: str,
    *,
    tasks: Sequence[str] | None = None,
    limit: int | None = None,
    split: str = "test",
    revision: str | None = None,
    seed: int = 0,
    columns: Mapping[str, str] | None = None,
) -> Benchmark:
    """Read a benchmark.

    Args:
        where: A name such as ``cv-bench`` or ``blink`` (from the hub), ``NAME=PATH`` (its files on disk),
            ``owner/name@revision`` (another hub data set), or a folder or file.
        tasks: Tasks to keep; None keeps all but Count, which is not qualitative.
        limit: Number of items to keep; see :func:`spread_over_tasks`.
        split: Split of one of our own data sets, or of a folder of ``datasets.save_to_disk``.
        revision: Commit of a named benchmark on the hub, instead of the pinned one.
        columns: Names of columns in CV-Bench to those in the file; see :func:`parse_columns`.

    Raises:
        InputError: Files, columns or tasks are missing, or a file is truncated.
    """
    found = _locate(where, revision)
    name, root, columns = found.name, found.root, columns or {}
    published, base = found.published, root if root.is_dir() else root.parent
    reader = BenchmarkReader(base, tasks, columns)
    if published is None or columns:
        files, used_split = _find_files(root, split)
        refuse_damaged(root, files)
        published = VLMEVALKIT if not columns and all(file.suffix == ".tsv" for file in files) else None
        kinds: list[tuple[Path, FileFormat | None]] = [
            (file, published.files[0] if published else None) for file in files
        ]
    else:
        kinds, used_split = [*_published_files(root, published)], None
    for file, kind in kinds:
        if kind is None:
            reader.read(file)
        else:
            reader.read_published(file, kind)
    items, broken = reader.finish()
    if not items and not broken:
        known = ", ".join(sorted({task for _, task in reader.available})) or "none"
        raise InputError(
            f"no rows of the selected tasks ({', '.join(tasks) if tasks else 'all but Count'})",
            where=str(root),
            fix=f"the benchmark has: {known}; choose with --tasks",
        )
    if limit is not None:
        items = spread_over_tasks(items, limit, seed)
    if found.revision is None and found.published is None:
        name = _local_name(name, root, {source for source, _ in reader.available})
    if published and reader.left_out:
        reader.notes.append(f"{reader.left_out} rows are not asked: {published.not_asked or 'other tasks'}")
    fingerprint = json_hash([[i.item_key for i in items], [[b.id, b.problem] for b in broken]])
    return Benchmark(
        name=name,
        revision=found.revision,
        split=used_split,
        items=tuple(items),
        broken=tuple(broken),
        available=dict(reader.available),
        files={file.relative_to(base).as_posix() if published else file.name: file_hash(file) for file, _ in kinds},
        fingerprint=fingerprint,
        notes=tuple(reader.notes),
        figures=published.figures if published else (),
    )


def benchmark_of(config: EvaluateConfig, where: str | None = None) -> Benchmark:
    """Load the benchmark of an evaluation, or another one with its settings."""
    return load_benchmark(
        where or config.benchmark,
        tasks=parse_tasks(config.tasks),
        limit=config.limit,
        split=config.split,
        revision=config.benchmark_revision,
        seed=config.seed,
        columns=parse_columns(config.columns),
    )


def parse_columns(text: str | None) -> dict[str, str]:
    """Read ``--columns``: ``ours=theirs`` pairs; ``choices=A+B`` takes the choices from several columns."""
    if text is None:
        return {}
    pairs = [part.partition("=") for part in text.split(",")]
    known = {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS}
    for ours, sign, theirs in pairs:
        if not sign or ours.strip() not in known or not theirs.strip():
            raise ConfigError(
                f"expected ours=theirs, got {ours + sign + theirs!r}",
                where="--columns",
                fix=f"ours is one of {', '.join(sorted(known))}",
            )
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def parse_tasks(text: str | None) -> tuple[str, ...] | None:
    """Parse ``--tasks``: comma-separated names, ``all``, or None for the qualitative tasks."""
    if text is None:
        return None
    names = tuple(listed(text))
    if not names:
        raise ConfigError("no task is named", where="--tasks", fix="write --tasks Relation,Depth or --tasks all")
    return names


class _Found(NamedTuple):
    name: str
    revision: str | None  # commit on the hub; None on disk
    root: Path  # folder or file
    published: BenchmarkFormat | None  # None: CV-Bench's columns, or those of --columns


def _locate(where: str, revision: str | None) -> _Found:
    known, _, path = where.partition("=")
    key = known.lower()
    published = BENCHMARK_FORMATS.get(key)
    if path and (published or key == CV_BENCH):
        if not Path(path).exists():
            raise InputError("no such file or folder", where=where, fix=f"give the files of {known} as NAME=PATH")
        return _Found(published.title if published else Path(path).name, None, Path(path), published)
    if Path(where).exists():
        return _Found(Path(where).name, None, Path(where), None)
    if key in (CV_BENCH, HUB_ID.lower()):
        pinned = revision or CV_BENCH_REVISION
        return _Found("CV-Bench", pinned, _download(HUB_ID, pinned), None)
    if published:
        if published.hub is None:
            raise InputError(f"{published.title} is not on the hub", where=where, fix=published.local)
        root = download_snapshot(
            published.hub, revision or published.revision, published.hub_files, what="benchmark", kind="dataset"
        )
        commit = root.name if re.fullmatch("[0-9a-f]{40}", root.name) else revision or published.revision
        return _Found(published.title, commit or "main", root, published)
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)@([\w.-]+)", where)
    if match:
        return _Found(match[1], match[2], _download(match[1], match[2]), None)
    raise InputError(
        "no such benchmark",
        where=where,
        fix=f"give {CV_BENCH}, {', '.join(BENCHMARK_FORMATS)}, a folder, a file, or owner/name@revision on the hub",
    )


def _local_name(name: str, root: Path, sources: set[str]) -> str:
    """Return a local benchmark's name for reports; only CV-Bench's own rows are called CV-Bench."""
    if sources <= _PUBLISHED_SOURCES:
        return name
    if re.sub(r"\W|_", "", name.lower()).startswith("cvbench"):
        name = root.resolve().parent.name
    made = sorted(sources & _OUR_SOURCES)
    return f"{name} ({', '.join(made)})" if made else name


def _download(repository: str, revision: str) -> Path:
    patterns = ("*.parquet", "data/*.parquet")
    return download_snapshot(repository, revision, patterns, what="benchmark", kind="dataset")


def _published_files(root: Path, published: BenchmarkFormat) -> list[tuple[Path, FileFormat]]:
    if root.is_file() and root.suffix != ".zip":
        kinds = [kind for kind in published.files if any(root.match(p) for p in "|".join(kind.patterns).split("|"))]
        return [(root, (kinds or published.files)[0])]
    saved = _saved_files(root, published.splits)
    if saved:
        return [(file, published.files[0]) for file in saved]
    archives = [root] if root.is_file() else [root / name for name in published.hub_files if name.endswith(".zip")]
    folder = root.parent if root.is_file() else root
    found = _matching(folder, published)
    for archive in archives:
        if not found and archive.is_file():
            _unpack(archive)
            found = _matching(folder, published)
    if not found:
        names = " or ".join(kind.patterns[0].replace("|", ", ") for kind in published.files)
        raise InputError(f"the folder does not hold {published.title}", where=str(root), fix=f"expected {names}")
    return found


def _matching(folder: Path, published: BenchmarkFormat) -> list[tuple[Path, FileFormat]]:
    found = []
    for kind in published.files:
        for pattern in kind.patterns:
            files = sorted({file for part in pattern.split("|") for file in folder.glob(part) if file.is_file()})
            if files:
                found += [(file, kind) for file in files]
                break
    return found


def _unpack(archive: Path) -> None:
    """Unpack a zip file next to it; zipfile keeps its entries in that folder."""
    try:
        with zipfile.ZipFile(archive) as packed:
            # The list of questions last: an interrupted unpacking is begun again.
            names = sorted(packed.namelist(), key=lambda name: name.endswith(".json"))
            packed.extractall(archive.parent, names)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"can't be unpacked: {error}", where=str(archive), fix="unpack it by hand") from error


def _saved_files(root: Path, splits: Sequence[str]) -> list[Path]:
    """Return the Arrow files of a folder of ``datasets.save_to_disk``: a data set, or splits in folders."""
    folders = [root]
    if (root / "dataset_dict.json").is_file():
        folders = [root / name for name in splits if (root / name).is_dir()]
        if not folders:
            held = sorted(path.name for path in root.iterdir() if path.is_dir())
            raise InputError(
                f"the data set has no split {' or '.join(map(repr, splits))}, only {', '.join(held)}",
                where=str(root),
                fix="choose with --split",
            )
    files = []
    for folder in folders:
        if (folder / "state.json").is_file():
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            files += [folder / Path(str(entry["filename"])).name for entry in state["_data_files"]]
    return files


def _find_files(root: Path, split: str) -> tuple[list[Path], str | None]:
    """Return the files to read, and their split if they have one."""
    if root.is_file():
        if root.suffix not in ROW_FORMATS:
            raise InputError(
                f"a benchmark file is {', '.join(ROW_FORMATS[:-1])} or {ROW_FORMATS[-1]}, not {root.suffix!r}",
                where=str(root),
                fix="convert it",
            )
        return [root], None
    saved = _saved_files(root, [split])
    if saved:
        return saved, split if (root / "dataset_dict.json").is_file() else None
    data = root / "data"
    if data.is_dir():
        files = sorted(data.glob(f"{split}-*.parquet"))
        if files:
            return files, split
        found = sorted({p.name.split("-")[0] for p in data.glob("*-*.parquet")})
        if found:
            raise InputError(
                f"the data set has no split {split!r}, only {', '.join(found)}",
                where=str(data),
                fix="choose with --split",
            )
    for pattern in ("test*.parquet", "test*.jsonl", "*.parquet", "*.jsonl", "*.tsv", "*.json", "*.csv"):
        files = sorted(p for p in root.glob(pattern) if p.is_file())
        if files:
            return files, None
    raise InputError(
        "the folder holds no benchmark",
        where=str(root),
        fix="expected test*.parquet, test*.jsonl, data/test-*.parquet, or the folder of datasets.save_to_disk",
    )


def spread_over_tasks(items: list[Item], limit: int, seed: int) -> list[Item]:
    """Choose items, cycling through the tasks, in an order that depends on content and seed.

    The choice for a smaller limit is a subset of the choice for a larger one.
    """
    by_task: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: json_hash([seed, item.item_key])):
        by_task.setdefault(item.task, []).append(item)
    turns = [(turn, task, item) for task, group in by_task.items() for turn, item in enumerate(group)]
    chosen = sorted(turns, key=lambda entry: (entry[0], entry[1]))[:limit]
    return sorted((item for _, _, item in chosen), key=lambda item: item.row)
