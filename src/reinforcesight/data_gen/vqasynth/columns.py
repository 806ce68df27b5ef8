"""Read columns of a VQASynth data set directly from Arrow; via Python lists, masks take seconds per picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reinforcesight.arrays import BoolArray, Float32Array
from reinforcesight.data_gen.vqasynth.scenes import VqasynthRow

_Numbers = npt.NDArray[np.integer | np.floating | np.bool_]


def read_row(record: Any) -> VqasynthRow:
    """Read the columns of a ``pyarrow.Table`` with one row; depth and camera columns may be absent.

    Raises:
        ValueError: A column does not have VQASynth's format; the message names it.
    """

    def cell(name: str) -> Any:
        return record.column(name).combine_chunks()[0] if name in record.column_names else None

    prompts = _unwrapped(_plain(cell("bboxes_or_points")), levels=2)
    captions = _unwrapped(_plain(cell("captions")), levels=1)
    for prompt in prompts or []:
        if not isinstance(prompt, list) or len(prompt) not in (2, 4) or any(v is None for v in prompt):
            raise ValueError(f"bboxes_or_points: expected two or four numbers, got {prompt!r}"[:200])
    if any(caption is not None and not isinstance(caption, str) for caption in captions or []):
        raise ValueError("captions: expected texts")
    focal = _unwrapped(_plain(cell("focallength")), levels=0)
    canonicalized = _unwrapped(_plain(cell("is_canonicalized")), levels=0)
    return VqasynthRow(
        masks=_masks(cell("masks")),
        prompts=[[float(v) for v in prompt] for prompt in prompts or []],
        captions=list(captions or []),
        depth=_depth(cell("depth_map")),
        focal=float(focal) if isinstance(focal, int | float) else None,
        canonicalized=canonicalized is True,
    )


def _numbers_of(cell: Any, *, column: str) -> _Numbers | None:
    """Convert a cell of nested lists to an array; ``None`` for null.

    Raises:
        ValueError: The lists differ in length, or contain nulls or values that are not numbers.
    """
    import pyarrow as pa

    if cell is None or not cell.is_valid:
        return None
    if isinstance(cell, pa.ExtensionScalar):  # Array2D and similar types
        cell = cell.value
    if not isinstance(cell, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar):
        raise ValueError(f"{column}: expected nested lists of numbers, got {cell.type}")
    values = cell.values
    shape = [len(values)]
    while isinstance(values, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        if values.null_count:
            raise ValueError(f"{column}: a list holds nulls")
        lengths = values.value_lengths().to_numpy(zero_copy_only=False)
        if lengths.size and lengths.min() != lengths.max():
            raise ValueError(f"{column}: lists of {lengths.min()} to {lengths.max()} entries")
        shape.append(int(lengths[0]) if lengths.size else 0)
        values = values.flatten()
    if values.null_count:
        raise ValueError(f"{column}: a list holds nulls")
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        if len(values):
            raise ValueError(f"{column}: expected numbers, got {kind}")
        return np.zeros(shape, dtype=np.float32)
    array: _Numbers = values.to_numpy(zero_copy_only=False).reshape(shape)
    return array


def _masks(cell: Any) -> BoolArray | None:
    """Return masks as bool (N, H, W), or ``None``. For several boxes, SAM 2 adds an axis of size 1 before H."""
    values = _numbers_of(cell, column="masks")
    if values is None or values.size == 0:
        return None
    if values.ndim == 4 and 1 in values.shape[:2]:
        values = values.squeeze(axis=1 if values.shape[1] == 1 else 0)
    if values.ndim != 3:
        raise ValueError(f"masks: expected N masks of height and width, got the shape {values.shape}")
    half = 127 if values.max() > 1 else 0
    found: BoolArray = values > half
    return found


def _depth(cell: Any) -> Float32Array | None:
    """Return depth as float32 (h, w), or ``None``; further axes of size 1 are removed."""
    import pyarrow as pa

    if isinstance(cell, pa.StructScalar):
        # docker/depth_stage writes 16-bit images in millimetres, which overflow beyond 65.5 metres.
        raise ValueError("depth_map: expected numbers, got pictures; run VQASynth's scene_fusion stage")
    values = _numbers_of(cell, column="depth_map")
    if values is None or values.size == 0:
        return None
    values = values.squeeze()
    if values.ndim != 2:
        raise ValueError(f"depth_map: expected height and width, got the shape {values.shape}")
    return values.astype(np.float32)


def _plain(cell: Any) -> Any:
    return None if cell is None else cell.as_py()


def _unwrapped(value: Any, *, levels: int) -> Any:
    """Return a value of ``levels`` nested lists without the one-item list that ``apply_transform`` adds around it."""
    found, inner = 0, value
    while isinstance(inner, list):
        found += 1
        inner = inner[0] if inner else None
    return value[0] if found > levels and isinstance(value, list) and len(value) == 1 else value
