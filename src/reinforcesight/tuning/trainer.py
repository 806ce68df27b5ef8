"""Additions to both TRL trainers: exact resuming, saving on request, no card in checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from trl.trainer import utils as trl_utils

from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.records.checkpoints import checkpoint_folder, is_complete
from reinforcesight.tuning.settings.config import TrainingConfig

_trl: Any = trl_utils
_WHOLE_MODEL = ("model.safetensors", "model.safetensors.index.json")


@contextlib.contextmanager
def unchanged_random_state(device: torch.device) -> Iterator[None]:
    """Restore the random state of the CPU and of ``device`` at the end."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


@contextlib.contextmanager
def labelled_positions_only() -> Iterator[None]:
    """Let TRL's fused output layer leave out positions without a label on a CPU too, as it does on a GPU.

    TRL computes them where there is no Triton, so that all batches have the same shapes, which a CPU does not need.
    Values and gradients are the same.
    """
    compacts = getattr(_trl, "_use_triton", None)
    if compacts is None:  # another version of TRL: slower, but right
        yield
        return
    _trl._use_triton = lambda device: device.type == "cpu" or compacts(device)
    try:
        yield
    finally:
        _trl._use_triton = compacts


def cpu_has_bf16() -> bool:
    """Return whether the model runs on a CPU with bfloat16 in hardware; on others it is slower than float32."""
    found = torch.cpu.get_capabilities()
    return not torch.cuda.is_available() and bool(found.get("avx512_bf16") or found.get("amx_bf16"))


class ResumableTrainer:
    """Mixin for TRL's trainers; must come before the TRL class."""

    def __init__(self, *args: Any, config: TrainingConfig, stop: StopOnSignal, **kwargs: Any) -> None:
        self.run_config: Any = config
        self.stop = stop
        super().__init__(*args, **kwargs)

    def loss_precision(self: Any) -> torch.autocast:
        """Return the context of the loss: bfloat16 if ``cpu_bf16`` asks for it and the processor has it."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.run_config.cpu_bf16 and cpu_has_bf16())

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
