"""Weights of a whole model back from a checkpoint.

Transformers' trainer looks for the names in the file among those of the model, and passes over what it does not find.
Models of this family are saved under other names than they have in memory, so that a run which trains all weights
would go on from its start model, with the optimizer of the model that was saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FILES = ("model.safetensors", "model.safetensors.index.json")


def is_whole_model(folder: Path) -> bool:
    """Whether a checkpoint holds all weights, and not an adapter's."""
    return any((folder / name).is_file() for name in _FILES)


def load_whole_weights(model: Any, folder: Path) -> None:
    """Put a checkpoint's weights into a model of the same class, through transformers, which knows how it saved them.

    Raises:
        RuntimeError: The checkpoint is of another model.
    """
    saved = type(model).from_pretrained(folder, dtype=model.dtype)
    model.load_state_dict(saved.state_dict())
