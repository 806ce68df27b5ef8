"""Source ``vqasynth``: a data set directory that VQASynth wrote.

Only masks, captions, depth and focal length are read, never its questions and answers; see ``docs/vqasynth.md``.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.source import PictureRejected, SourcePicture
from reinforcesight.data_gen.sources.data_folder import digest_files
from reinforcesight.data_gen.sources.photographs import photograph_of_cell
from reinforcesight.data_gen.vqasynth.columns import read_row
from reinforcesight.data_gen.vqasynth.scenes import scene_of_row
from reinforcesight.errors import InputError

_NEEDED = ("masks", "bboxes_or_points", "captions")
_ERROR = "perception_error"  # written only by stages.py
_USED = (*_NEEDED, "depth_map", "focallength", "is_canonicalized", _ERROR)
_MARKS = ("dataset_dict.json", "state.json")
_PARTS = "part-*"


class VqasynthSource:
    """Rows of all splits of a data set directory (``save_to_disk``), or of a folder of such directories ``part-*``."""

    name = "vqasynth"

    def __init__(self, folder: Path, thresholds: DetectionThresholds | None = None) -> None:
        self.folder = Path(folder)
        self.thresholds = thresholds or DetectionThresholds()
        self._directories = _data_sets(self.folder)
        self._tables: list[tuple[str, Any, str]] | None = None
        self._ids: list[str] = []
        self._starts: list[int] = []
        names: Counter[str] = Counter()
        for label, table, _ in self._opened():
            self._starts.append(len(self._ids))
            for name in _row_names(label, table):
                names[name] += 1
                self._ids.append(name if names[name] == 1 else f"{name}#{names[name]}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tables": None}

    def count(self) -> int:
        return len(self._ids)

    def fingerprint(self) -> str:
        """Return SHA-256 over the data set's files (name, size, start and end) and the thresholds."""
        names = sorted(
            path.relative_to(self.folder).as_posix()
            for directory in self._directories
            for path in directory.rglob("*")
            if path.suffix in (".arrow", ".json")
        )
        parts = [digest_files(self.folder, names), self.thresholds.model_dump_json()]
        return sha256("\n".join(parts).encode()).hexdigest()

    def load(self, index: int) -> SourcePicture:
        """Load row ``index`` with its scene; detections that are not trusted are in ``skipped``.

        Raises:
            PictureRejected: The row can't be used.
        """
        source_id = self._ids[index]
        tables = self._opened()
        number = max(k for k, start in enumerate(self._starts) if start <= index)
        _, table, image_column = tables[number]
        record = table[index - self._starts[number] : index - self._starts[number] + 1]
        failure = record.column(_ERROR)[0].as_py() if _ERROR in record.column_names else None
        if failure:
            raise PictureRejected("vqasynth_failed", str(failure), source_id=source_id)
        cell = record.column(image_column)[0].as_py()
        picture = photograph_of_cell(cell, folder=self.folder, source_id=source_id)
        try:
            row = read_row(record)
        except ValueError as error:
            raise PictureRejected("unreadable_row", str(error), source_id=source_id) from error
        made = scene_of_row(
            row, width=picture.width, height=picture.height, source_id=source_id, rules=self.thresholds
        )
        return SourcePicture(index, self.name, source_id, made.scene, picture.data, made.skipped)

    def _opened(self) -> list[tuple[str, Any, str]]:
        """Return label, rows (sliced as Arrow tables) and picture column of each split."""
        if self._tables is None:
            self._tables = [split for directory in self._directories for split in _splits(directory)]
        return self._tables


def _data_sets(folder: Path) -> list[Path]:
    if any((folder / mark).is_file() for mark in _MARKS):
        return [folder]
    parts = sorted(part for part in folder.glob(_PARTS) if any((part / mark).is_file() for mark in _MARKS))
    if not parts:
        raise InputError(
            "expected a data set directory that VQASynth wrote, with dataset_dict.json or state.json",
            where=str(folder),
            fix="give <output_dir>/<data set name> of VQASynth, or the --output of data_gen.vqasynth_wrapper",
        )
    return parts


def _splits(directory: Path) -> list[tuple[str, Any, str]]:
    import pyarrow as pa
    from datasets import DatasetDict, load_from_disk

    try:
        loaded = load_from_disk(str(directory))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise InputError(
            f"the data set can't be read: {' '.join(str(error).split())[:300]}",
            where=str(directory),
            fix="run VQASynth again",
        ) from error
    named = loaded.items() if isinstance(loaded, DatasetDict) else [(directory.name, loaded)]
    found = []
    for label, data in named:
        missing = [column for column in _NEEDED if column not in data.column_names]
        if missing:
            raise InputError(
                f"columns are missing: {', '.join(missing)}",
                where=f"{directory}, {label}",
                fix="run VQASynth's location_refinement and scene_fusion stages on it",
            )
        image = _image_column(data, where=f"{directory}, {label}")
        kept = [c for c in data.column_names if c in (*_USED, image, "file_name")]
        # VQASynth's labels (prompts, truncated_prompts, messages) are not read.
        found.append((str(label), data.select_columns(kept).with_format("arrow"), image))
    return found


def _image_column(data: Any, *, where: str) -> str:
    from datasets import Image

    def holds_pictures(feature: Any) -> bool:
        inner = getattr(feature, "feature", feature[0] if isinstance(feature, list) and feature else feature)
        return isinstance(inner, Image)

    found = [name for name, feature in data.features.items() if holds_pictures(feature)]
    # The name is an option of VQASynth (--images). The depth maps of its depth stage are images, too.
    found = [name for name in found if name not in _USED]
    if "image" in found:
        return "image"
    if len(found) != 1:
        raise InputError(
            f"expected one column of pictures, found {', '.join(found) or 'none'}",
            where=where,
            fix="name the column 'image'",
        )
    return str(found[0])


def _row_names(label: str, table: Any) -> list[str]:
    if "file_name" in table.column_names:
        names = table.select_columns(["file_name"])[:].column("file_name").to_pylist()
        return [name if isinstance(name, str) and name else f"{label}/{i}" for i, name in enumerate(names)]
    return [f"{label}/{row}" for row in range(len(table))]
