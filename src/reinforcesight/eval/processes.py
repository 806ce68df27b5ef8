"""The processes of an evaluation over several GPUs."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from reinforcesight.errors import ConfigError, require_module


class Processes:
    """This process and the other processes that ``accelerate launch`` or ``torchrun`` started.

    Attributes:
        rank: Zero-based index of this process.
    """

    def __init__(self) -> None:
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0")) if self.world > 1 else 0
        self._state: Any = None
        if self.world > 1:
            accelerate = require_module("accelerate", extra="train")
            torch = require_module("torch", extra="train")
            # One process may take hours longer than another; the default timeout of ten minutes would end the run.
            self._state = accelerate.PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=7))
            if self._state.num_processes != self.world:
                raise ConfigError(
                    f"expected {self.world} processes, found {self._state.num_processes}",
                    where="WORLD_SIZE",
                    fix="start them with 'accelerate launch', or unset WORLD_SIZE",
                )

    @property
    def is_main(self) -> bool:
        """Whether this process merges the answers and writes the results."""
        return self.rank == 0

    def wait(self) -> None:
        if self._state is not None:
            self._state.wait_for_everyone()
