"""Weights of a whole model back from a checkpoint.

Transformers' trainer looks for the names in the file among those of the model, and passes over what it does not find.
Models of this family are saved under other names than they have in memory, so that a run which trains all weights
would go on from its start model, with the optimizer of the model that was saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FILES = ("model.safetensors", "model.safetensors.index.json")


class ResumesWholeWeights:
    """For a transformers trainer, to stand before it among the bases."""

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        """As ever, but all weights of a model that was saved as a whole come through transformers."""
        folder = Path(resume_from_checkpoint)
        sharded = self.is_fsdp_enabled or self.is_deepspeed_enabled
        if sharded or not any((folder / name).is_file() for name in _FILES):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = type(self.model).from_pretrained(folder, dtype=self.model.dtype)
        self.model.load_state_dict(saved.state_dict())
