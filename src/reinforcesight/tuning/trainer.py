"""Additions to both TRL trainers: exact resuming, saving on request, no card in checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.records.checkpoints import checkpoint_folder, is_complete
from reinforcesight.tuning.settings.config import TrainingConfig

_WHOLE_MODEL = ("model.safetensors", "model.safetensors.index.json")


@contextlib.contextmanager
def unchanged_random_state(device: torch.device) -> Iterator[None]:
    """Restore the random state of the CPU and of ``device`` at the end."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


class ResumableTrainer:
    """Mixin for TRL's trainers; must come before the TRL class."""

    def __init__(self, *args: Any, config: TrainingConfig, stop: StopOnSignal, **kwargs: Any) -> None:
        self.run_config: Any = config
        self.stop = stop
        super().__init__(*args, **kwargs)

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load a checkpoint of all weights through ``from_pretrained``.

        Qwen-VL models have other parameter names on disk than in memory. The Trainer skips names that it doesn't find,
        and would continue from the start model (huggingface/transformers#43701).
        """
        folder = Path(resume_from_checkpoint)
        sharded = self.is_fsdp_enabled or self.is_deepspeed_enabled
        if sharded or not any((folder / name).is_file() for name in _WHOLE_MODEL):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = type(self.model).from_pretrained(folder, dtype=self.model.dtype)
        self.model.load_state_dict(saved.state_dict())

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no card for checkpoints; the published model gets one made from the run record."""

    def save_now(self: Any) -> None:
        """Save a checkpoint of the last complete step, unless there is one."""
        if not is_complete(checkpoint_folder(Path(self.args.output_dir), self.state.global_step)):
            self._save_checkpoint(self.model, None)
            self.callback_handler.on_save(self.args, self.state, self.control)
