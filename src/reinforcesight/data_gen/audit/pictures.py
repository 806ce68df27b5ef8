"""Check pictures: can they be decoded, are the boxes drawn, and is a picture in two splits or in CV-Bench.

Memory: about 400 bytes per picture, and digests of 8 bytes per row.
"""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from reinforcesight.data_gen.audit.findings import Findings
from reinforcesight.data_gen.audit.rows import Understood
from reinforcesight.data_gen.dataset.reader import StoredRow, column_names, parquet_rows
from reinforcesight.data_gen.dataset.rows import SPLITS
from reinforcesight.data_gen.dataset.twins import twin_name
from reinforcesight.data_gen.sources.data_folder import resolve_inside
from reinforcesight.data_gen.sources.photographs import list_photographs
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import PictureError, decode_rgb, read_rgb
from reinforcesight.pictures.drawing import BOX_COLOURS

# Two pictures with similar perceptual hashes are copies if their 16x16 grey versions differ by less than this on
# average (0 to 255): re-encoded pictures and thin drawn boxes are below, other views of a scene above.
_SAME_PICTURE = 4.0
_THUMB = 16
_HASH_CHUNK = 2048
_SEE = "see docs/audit.md"


def perceptual_hash(image: Image.Image) -> int:
    """Return the 64-bit pHash of a picture (imagehash's ``phash``)."""
    import imagehash

    return int(str(imagehash.phash(image)), 16)


@dataclass(slots=True)
class PictureSignature:
    """Features by which copies of a picture are recognised."""

    split: str
    source_id: str
    phash: int
    thumb: npt.NDArray[np.uint8]  # (16, 16) grey
    boxed: bool


def sign_picture(image: Image.Image, source_id: str, *, split: str = "", boxed: bool = False) -> PictureSignature:
    thumb = np.asarray(image.convert("L").resize((_THUMB, _THUMB), Image.Resampling.BOX))
    return PictureSignature(split, source_id, perceptual_hash(image), thumb.copy(), boxed)


def is_same_picture(first: PictureSignature, second: PictureSignature) -> bool:
    """Return whether two pictures with similar perceptual hashes are copies."""
    return bool(np.abs(first.thumb.astype(np.int16) - second.thumb).mean() < _SAME_PICTURE)


class PictureChecks:
    """Collects digests and perceptual hashes row by row; :meth:`finish` compares the splits."""

    def __init__(self, findings: Findings, *, distance: int, most: int) -> None:
        self._findings = findings
        self._distance = distance
        self._most = most
        self.decoded = 0
        self._splits_of: dict[tuple[str, bytes], tuple[str, str]] = {}
        self._ids: set[bytes] = set()
        self._questions: set[bytes] = set()
        self._good: set[bytes] = set()
        self._signatures: dict[tuple[str, str], PictureSignature] = {}
        self._leaks: set[tuple[str, str]] = set()

    @property
    def pictures(self) -> int:
        return len({key for kind, key in self._splits_of if kind == "source picture"})

    def check(self, stored: StoredRow, known: Understood | None) -> None:
        row = stored.row
        if not _new(self._ids, row.id):
            self._findings.add("duplicate_id", f"{stored.where}: {row.id}")
        content = _digest(row.image)
        # CV-Bench uses the same words for left/right and above/below; only the options differ. A question about boxes
        # depends on the drawn boxes, any other question only on the source picture.
        asked = "\n".join([row.question, *sorted(row.choices)])
        asked_again = not _new(self._questions, content, asked)
        if row.form != "cvbench_boxes":
            asked_again |= not _new(self._questions, row.source, row.source_id, asked)
        if asked_again:
            self._findings.add("duplicate_question", f"{stored.where} ({row.id}): {row.question}")
        self._note("source picture", _digest(row.source, row.source_id), row.source_id, stored.split)
        self._note("picture", content, row.source_id, stored.split)
        twins = twin_name(row.evidence)
        if twins is not None:
            self._note("twins", _digest(twins), row.source_id, stored.split)
        if known is not None and known.scene.objects:
            self._note("scene", _digest(row.scene), row.source_id, stored.split)
        self._look(stored, known, content)

    def _note(self, kind: str, key: bytes, source_id: str, split: str) -> None:
        first_split, first_id = self._splits_of.setdefault((kind, key), (split, source_id))
        if first_split != split and (source_id, kind) not in self._leaks:
            self._leaks.add((source_id, kind))
            example = f"{kind}: {source_id} in {split}, {first_id} in {first_split}"
            self._findings.add("split_leak", example)

    def _look(self, stored: StoredRow, known: Understood | None, content: bytes) -> None:
        """Decode a picture that was not decoded before, and check its size."""
        row = stored.row
        boxed = bool(known and known.boxed)
        signature = self._signatures.get((stored.split, row.source_id))
        needed = signature is None or (signature.boxed and not boxed)
        fresh = content not in self._good or (boxed and known is not None)
        if (self._most and self.decoded >= self._most) or not (needed or fresh):
            return
        self.decoded += 1
        try:
            image = decode_rgb(row.image)
        except PictureError as error:
            self._findings.add("unreadable_image", f"{stored.where} ({row.id}): {error.what}")
            return
        self._good.add(content)
        if known is not None:
            if image.size != (known.scene.width, known.scene.height):
                size = f"{known.scene.width}x{known.scene.height}"
                what = f"{image.width}x{image.height} pixels, its scene says {size}"
                self._findings.add("unreadable_image", f"{stored.where} ({row.id}): {what}")
                return
            for role, colour in known.boxed.items():
                if not box_is_drawn(image, known.objects[role].box, colour):
                    what = f"no {colour} box around {known.objects[role].name!r}"
                    self._findings.add("box_not_drawn", f"{stored.where} ({row.id}): {what}")
        if needed:
            signature = sign_picture(image, row.source_id, split=stored.split, boxed=boxed)
            self._signatures[stored.split, row.source_id] = signature

    def finish(self) -> None:
        by_split = {split: [s for s in self._signatures.values() if s.split == split] for split in SPLITS}
        for number, split in enumerate(SPLITS):
            for other in SPLITS[number + 1 :]:
                for first, second in near_pairs(by_split[split], by_split[other], self._distance):
                    if first.source_id == second.source_id:
                        continue  # already reported as a leak
                    rule = "near_duplicate" if is_same_picture(first, second) else "similar_pictures"
                    self._findings.add(rule, f"{first.source_id} in {split}, {second.source_id} in {other}")

    def compare_with_cv_bench(self, names: set[str], hashes: npt.NDArray[np.uint64]) -> None:
        """Search for pictures of CV-Bench by file name and perceptual hash."""
        for signature in self._signatures.values():
            if plain_stem(signature.source_id) in names:
                self._findings.add("cv_bench_overlap", f"{signature.source_id} (file name), {signature.split}")
            elif hashes.size and int(np.bitwise_count(hashes ^ np.uint64(signature.phash)).min()) <= self._distance:
                self._findings.add("cv_bench_overlap", f"{signature.source_id} (picture), {signature.split}")


def _digest(*parts: str | bytes) -> bytes:
    whole = sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.digest()[:8]


def _new(seen: set[bytes], *parts: str | bytes) -> bool:
    key = _digest(*parts)
    if key in seen:
        return False
    seen.add(key)
    return True


def near_pairs(
    first: list[PictureSignature], second: list[PictureSignature], distance: int
) -> Iterator[tuple[PictureSignature, PictureSignature]]:
    """Yield pairs whose perceptual hashes differ in at most ``distance`` of 64 bits."""
    others = np.array([s.phash for s in second], dtype=np.uint64)
    for start in range(0, len(first), _HASH_CHUNK):
        part = first[start : start + _HASH_CHUNK]
        mine = np.array([s.phash for s in part], dtype=np.uint64)
        rows, columns = np.nonzero(np.bitwise_count(mine[:, None] ^ others[None, :]) <= distance)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            yield part[row], second[column]


def box_is_drawn(image: Image.Image, box: tuple[float, float, float, float], colour: str) -> bool:
    """Return whether most of a box's outline has the colour (another box may cover some of it)."""
    pixels = np.asarray(image, dtype=np.int16)
    height, width = pixels.shape[:2]
    x0, y0 = max(0, round(box[0])), max(0, round(box[1]))
    x1, y1 = min(width, round(box[2])) - 1, min(height, round(box[3])) - 1
    if colour not in BOX_COLOURS or x1 <= x0 or y1 <= y0:
        return False
    outline = np.concatenate(
        [pixels[y0, x0 : x1 + 1], pixels[y1, x0 : x1 + 1], pixels[y0 : y1 + 1, x0], pixels[y0 : y1 + 1, x1]]
    )
    near = np.abs(outline - np.array(BOX_COLOURS[colour])).max(axis=1) < 100  # JPEG smears thin lines
    return float(near.mean()) > 0.4


def plain_stem(name: str) -> str:
    """Return a picture's name without folder, suffix, and COCO's split prefix, for comparison."""
    stem = re.split(r"[/\\]", name)[-1].rsplit(".", 1)[0].casefold()
    return re.sub(r"^coco_(?:train|val|test)\d{4}_", "", stem)


def read_name_list(path: Path) -> set[str]:
    """Read the names of CV-Bench's source files, in the form of :func:`plain_stem`.

    Args:
        path: Text with one name per line; CSV, JSON lines or Parquet with the columns ``source_filename`` or
            ``filename``; or a folder of pictures.

    Raises:
        InputError: The path can't be read, or contains no name.
    """
    columns = ("source_filename", "filename")
    found: list[Any] = []
    with _reading(path):
        if path.is_dir():
            found = [*list_photographs(path)]
        elif path.suffix == ".parquet":
            have = [name for name in columns if name in column_names(path)]
            for row in parquet_rows(path, have):
                found += row.values()
        elif path.suffix in (".jsonl", ".csv"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)
                for row in rows:
                    found += [row[name] for name in columns if name in row]
        else:
            found = path.read_text(encoding="utf-8-sig").splitlines()
    names = {plain_stem(name.strip()) for name in found if isinstance(name, str) and name.strip()}
    if not names:
        raise InputError("no file name in it", where=str(path), fix=_SEE)
    return names


def read_hash_list(path: Path) -> npt.NDArray[np.uint64]:
    """Return the perceptual hashes of CV-Bench's pictures, shape (N,).

    Args:
        path: Folder of pictures; Parquet with the column ``image``; or text with a hash of 16 hexadecimal digits at
            the start of each line.

    Raises:
        InputError: The path can't be read, or contains no picture.
    """
    hashes: list[int] = []
    with _reading(path):
        if path.is_dir():
            hashes = [perceptual_hash(read_rgb(resolve_inside(path, name))) for name in list_photographs(path)]
        elif path.suffix == ".parquet":
            hashes = [perceptual_hash(decode_rgb(row["image"]["bytes"])) for row in parquet_rows(path, ["image"])]
        else:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            hashes = [int(line.split()[0], 16) for line in lines if line.strip()]
    if not hashes or max(hashes) >= 2**64 or min(hashes) < 0:
        raise InputError("no picture, or no hash of 64 bits, in it", where=str(path), fix=_SEE)
    return np.array(sorted(set(hashes)), dtype=np.uint64)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"it can't be read: {error}", where=str(path), fix=_SEE) from error
