"""The device that a model runs on."""

from __future__ import annotations

import os

from reinforcesight.errors import ConfigError


def pick_device(device: str) -> str:
    """Resolve ``auto`` to this process's GPU (``LOCAL_RANK``), else Apple's GPU, else the CPU.

    Raises:
        ConfigError: There is no such device.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(f"unknown device {device!r}", fix="use auto, cpu, cuda or mps") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError("no CUDA GPU is visible to torch", where=f"device {device}", fix="use device cpu")
    return device
