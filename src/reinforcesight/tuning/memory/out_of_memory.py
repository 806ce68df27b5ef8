"""Out of memory during training: save a checkpoint of the last complete step, and suggest a smaller batch."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from reinforcesight.errors import OutputError
from reinforcesight.tuning.records.checkpoints import complete_checkpoints


def save_after_out_of_memory(trainer: Any, other_fix: str) -> OutputError:
    """Save a checkpoint of the last complete step; return the error to raise, which names flags that need less memory.

    Args:
        trainer: The trainer, after the exception handler has ended, so that no traceback holds activations.
        other_fix: Suggestion if the batch can't be divided further.
    """
    trainer.model.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    step, output = trainer.state.global_step, trainer.args.output_dir
    # With several processes, saving is not possible, since the other processes wait in a collective call.
    if step > 0 and PartialState().num_processes == 1:
        trainer.save_now()
    kept = complete_checkpoints(Path(output))
    saved = f"; {kept[-1].name} is saved" if kept else ""
    return OutputError(
        f"memory ran out after step {step}{saved}",
        where=str(output),
        fix=_smaller_batches(trainer.args) or other_fix,
    )


def _smaller_batches(arguments: Any) -> str | None:
    """Return flags for smaller micro-batches with the same total batch; ``None`` if they already have one row."""
    batch = arguments.per_device_train_batch_size
    smaller = next((size for size in range(batch // 2, 0, -1) if batch % size == 0), None)
    if smaller is None:
        return None
    return (
        f"run again with --per_device_train_batch_size {smaller} --gradient_accumulation_steps "
        f"{arguments.gradient_accumulation_steps * (batch // smaller)}, which resumes it"
    )
