"""TRL's arguments for supervised fine-tuning."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import click
import torch
from accelerate import PartialState

from reinforcesight.sft.config import SftConfig
from reinforcesight.tuning.arguments import trl_arguments

# Batches from data workers pass through shared memory, and the usual 64 MiB of a container are too few.
_SHARED_MEMORY = Path("/dev/shm")
_ENOUGH_SHARED_MEMORY = 1 << 30


def sft_arguments(config: SftConfig, has_validation: bool) -> Any:
    """TRL's ``SFTConfig``.

    Raises:
        ConfigError: TRL or transformers refuse a name or a value.
    """
    arguments = trl_arguments(
        config,
        best_metric="accuracy" if has_validation else None,
        max_length=None,  # truncation would cut picture tokens
        completion_only_loss=True,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    if "dataloader_num_workers" not in config.trainer:
        arguments.dataloader_num_workers = _worker_count()
    if "dataloader_persistent_workers" not in config.trainer:
        arguments.dataloader_persistent_workers = arguments.dataloader_num_workers > 0
    return arguments


def _worker_count() -> int:
    """Data workers: none on a CPU, whose cores the model needs, nor if shared memory is too small."""
    if not torch.cuda.is_available():
        return 0
    if _SHARED_MEMORY.is_dir() and (size := shutil.disk_usage(_SHARED_MEMORY).total) < _ENOUGH_SHARED_MEMORY:
        if PartialState().is_main_process:
            click.echo(
                f"shared memory is {size >> 20} MiB, too small for data workers: pictures are decoded in the training "
                "process (enlarge it with docker run --shm-size 8g, or set --dataloader_num_workers)",
                err=True,
            )
        return 0
    return min(8, max(1, (os.cpu_count() or 1) // max(1, torch.cuda.device_count()) - 1))
