"""Out of memory during training: save the last whole step and name a smaller batch."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from reinforcesight.errors import OutputError
from reinforcesight.tuning.checkpoints import complete_checkpoints


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory of the GPU or of the host is used up."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def save_after_out_of_memory(trainer: Any, other_fix: str) -> OutputError:
    """Save the last whole step; the error to raise names flags that need less memory.

    Args:
        trainer: The trainer, after the handler of the error has ended, so that no traceback holds activations.
        other_fix: What helps if the batch can't be divided further.
    """
    trainer.model.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    step, output = trainer.state.global_step, trainer.args.output_dir
    # With several processes the others wait in a collective call, so they can't save together.
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
    """Flags that divide a step into smaller batches of the same total; ``None`` for batches of one."""
    batch = arguments.per_device_train_batch_size
    smaller = next((size for size in range(batch // 2, 0, -1) if batch % size == 0), None)
    if smaller is None:
        return None
    return (
        f"run again with --per_device_train_batch_size {smaller} --gradient_accumulation_steps "
        f"{arguments.gradient_accumulation_steps * (batch // smaller)}, which resumes it"
    )
