"""Find pictures of a benchmark that are also in a training set, by source id and by appearance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from reinforcesight.data_gen.audit.pictures import (
    PictureSignature,
    is_same_picture,
    near_pairs,
    plain_stem,
    sign_picture,
)
from reinforcesight.data_gen.dataset.reader import find_files, parquet_rows
from reinforcesight.errors import InputError
from reinforcesight.eval.items import Item
from reinforcesight.eval.results import Overlap
from reinforcesight.jobs.progress import Progress
from reinforcesight.jobs.record import RunRecord
from reinforcesight.pictures.decode import PictureError, decode_rgb

_DISTANCE = 6  # maximum number of differing hash bits, of 64, as in the audit
_MOST = 20_000  # maximum number of pictures compared on each side, chosen by hash
_EXAMPLES = 5


def training_set_of(model_path: str | None) -> Path | None:
    """Return the data set in the record of the model's folder, or ``None`` if it is unknown or not on this machine."""
    record = RunRecord.load(Path(model_path)) if model_path and Path(model_path).is_dir() else None
    path = Path(str((record.content.get("data") or {}).get("path") or "")) if record else Path()
    return path if (path / "data").is_dir() else None


def find_overlap(items: Sequence[Item], dataset: Path) -> Overlap:
    """Find the benchmark pictures that are also in a data set's training or validation split.

    Two pictures are the same if their source ids are, or if their perceptual hashes and small grey versions are nearly
    equal, which also finds re-encoded pictures and pictures with drawn boxes.
    """
    files = tuple((file.path, file.path.stat().st_mtime_ns) for file in find_files(dataset) if file.split != "test")
    n_trained, ids, theirs = _training_side(files)
    asked = {item.cluster: item.read_picture for item in items}
    by_source = {name for name in asked if plain_stem(name) in ids}
    ours = _signed(asked, lambda name: asked[name](), "benchmark pictures")
    by_looks = {
        mine.source_id for mine, other in near_pairs(ours, theirs, _DISTANCE) if is_same_picture(mine, other)
    } - by_source
    both = by_source | by_looks
    return Overlap(
        dataset=str(dataset),
        pictures=len(asked),
        training_pictures=n_trained,
        same_source=len(by_source),
        same_looks=len(by_looks),
        questions=sum(item.cluster in both for item in items),
        examples=tuple(sorted(both)[:_EXAMPLES]),
        complete=len(ours) == len(asked) and len(theirs) == n_trained,
    )


@lru_cache(maxsize=1)
def _training_side(files: tuple[tuple[Path, int], ...]) -> tuple[int, set[str], list[PictureSignature]]:
    """Return number, names and hashes of the training pictures; cached for all models and benchmarks of a run."""
    pictures = {
        str(row["source_id"]): (row["image"] or {}).get("bytes") or b""
        for path, _ in files
        for row in parquet_rows(path, ["source_id", "image"])
    }
    return (
        len(pictures),
        {plain_stem(name) for name in pictures},
        _signed(pictures, pictures.__getitem__, "training pictures"),
    )


def _signed(pictures: Iterable[str], read: Callable[[str], bytes], what: str) -> list[PictureSignature]:
    names = sorted(pictures, key=lambda name: sha256(name.encode("utf-8", "surrogatepass")).digest())[:_MOST]

    def sign(name: str) -> PictureSignature | None:
        try:
            return sign_picture(decode_rgb(read(name)), source_id=name)
        except (InputError, PictureError):
            return None

    found = []
    with ThreadPoolExecutor() as pool, Progress(what, len(names)) as progress:
        for signature in pool.map(sign, names):
            progress.advance()
            if signature is not None:
                found.append(signature)
    return found
