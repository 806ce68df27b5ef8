"""Store results of model calls on disk, under a digest of picture, model and settings.

Each result is one compressed ``.npz`` without pickle, with a digest of its arrays. Files are written atomically; a
damaged file counts as absent. Nothing is removed: the folder may be deleted at any time, and results are then computed
again.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reinforcesight.data_gen.perception.protocols import DepthKind, DepthPrediction, GroundedBox, SegmentedMask
from reinforcesight.jobs.files import atomic_file

_FORMAT = 1  # increase it when the meaning of a stored result changes

_DIGEST = "digest"

Arrays = Mapping[str, npt.NDArray[np.generic]]


def result_key(stage: str, picture: bytes, identity: str, inputs: object = None) -> str:
    """Return a digest of all that decides a result: stage, encoded picture, model, other inputs (JSON values)."""
    text = json.dumps([_FORMAT, stage, sha256(picture).hexdigest(), identity, inputs], sort_keys=True)
    return sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class ResultCache:
    """Folder of results. Several processes may share it, since equal keys have equal content."""

    folder: Path

    def path(self, stage: str, key: str) -> Path:
        return self.folder / stage / key[:2] / f"{key}.npz"

    def read(self, stage: str, key: str) -> dict[str, npt.NDArray[np.generic]] | None:
        try:
            with np.load(self.path(stage, key), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        # A changed header can also ask for more memory than there is, or for a compression that Python lacks.
        except (OSError, ValueError, EOFError, KeyError, SyntaxError, MemoryError, NotImplementedError, RuntimeError):
            return None
        except (zipfile.BadZipFile, zlib.error):
            return None
        digest = arrays.pop(_DIGEST, None)
        # Results of earlier versions have none.
        return arrays if digest is None or str(digest) == _digest_of(arrays) else None

    def write(self, stage: str, key: str, arrays: Arrays) -> None:
        """Store a result. Raises :class:`OutputError` if the disk is full, or the folder can't be written to."""
        # The digest comes first, so that a table of contents that lost its end has it.
        with atomic_file(self.path(stage, key)) as stream:
            np.savez_compressed(stream, allow_pickle=False, **{_DIGEST: np.array(_digest_of(arrays)), **arrays})


def _digest_of(arrays: Arrays) -> str:
    digest = sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def pack_depth(result: DepthPrediction) -> dict[str, npt.NDArray[np.generic]]:
    focal = np.array([] if result.focal is None else [result.focal], dtype=np.float64)
    views = {f"view_{number}": view for number, view in enumerate(result.views)}
    return {"values": result.values, "kind": np.array(result.kind), "focal": focal, **views}


def unpack_depth(arrays: Arrays) -> DepthPrediction:
    """Reverse :func:`pack_depth`; raise KeyError or ValueError if the arrays are not such a result."""
    kinds: dict[str, DepthKind] = {"metric": "metric", "scale": "scale", "inverse": "inverse"}
    kind = str(arrays["kind"])
    if kind not in kinds:
        raise ValueError(f"unknown kind of depth {kind!r}")
    focal = np.asarray(arrays["focal"], dtype=np.float64)
    values = np.asarray(arrays["values"], dtype=np.float32)
    views: list[npt.NDArray[np.float32]] = []
    while f"view_{len(views)}" in arrays:
        views.append(np.asarray(arrays[f"view_{len(views)}"], dtype=np.float32))
    return DepthPrediction(values, kinds[kind], float(focal[0]) if focal.size else None, tuple(views))


def pack_boxes(result: Sequence[GroundedBox]) -> dict[str, npt.NDArray[np.generic]]:
    nowhere = (math.nan, math.nan)
    return {
        "points": np.array([found.point or nowhere for found in result], dtype=np.float64).reshape(-1, 2),
        "phrases": np.array([found.phrase for found in result], dtype=np.int64),
        "boxes": np.array([found.box for found in result], dtype=np.float64).reshape(-1, 4),
        "scores": np.array([found.score for found in result], dtype=np.float64),
    }


def unpack_boxes(arrays: Arrays) -> list[GroundedBox]:
    """Reverse :func:`pack_boxes`; raise KeyError or ValueError if the arrays are not such a result."""
    boxes = np.asarray(arrays["boxes"], dtype=np.float64)
    # Older stored results have no points.
    absent = np.full((len(boxes), 2), math.nan)
    points = np.asarray(arrays.get("points", absent), dtype=np.float64)
    rows = zip(np.asarray(arrays["phrases"]), boxes, np.asarray(arrays["scores"]), points, strict=True)
    return [
        GroundedBox(
            int(phrase),
            (float(b[0]), float(b[1]), float(b[2]), float(b[3])),
            float(score),
            None if math.isnan(point[0]) else (float(point[0]), float(point[1])),
        )
        for phrase, b, score, point in rows
    ]


def pack_masks(result: Sequence[SegmentedMask]) -> dict[str, npt.NDArray[np.generic]]:
    shape = result[0].mask.shape if result else (0, 0)
    masks = np.array([found.mask for found in result], dtype=bool).reshape(len(result), *shape)
    return {
        "shape": np.array(masks.shape, dtype=np.int64),
        "bits": np.packbits(masks),
        "scores": np.array([found.score for found in result], dtype=np.float64),
    }


def unpack_masks(arrays: Arrays) -> list[SegmentedMask]:
    """Reverse :func:`pack_masks`; raise KeyError or ValueError if the arrays are not such a result."""
    shape = tuple(int(side) for side in np.asarray(arrays["shape"]))
    bits = np.unpackbits(np.asarray(arrays["bits"], dtype=np.uint8), count=int(np.prod(shape)))
    masks = bits.astype(bool).reshape(shape)
    return [SegmentedMask(mask, float(score)) for mask, score in zip(masks, np.asarray(arrays["scores"]), strict=True)]
