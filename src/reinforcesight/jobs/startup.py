"""Process settings that must be made before other libraries are loaded."""

from __future__ import annotations

import os
import sys
import warnings

_LIBRARIES = r"(torch|transformers|trl|peft|accelerate|datasets|huggingface_hub|bitsandbytes|sklearn)(\.|$)"


def settle_process() -> None:
    """Shorten the busy waiting of idle OpenMP threads, and hide library warnings meant for developers."""
    # By default, waiting threads spin for long and slow down working threads (docs/log/speed.md). torch's thread
    # library reads the variable when it is loaded, and child processes inherit it. A user's own setting wins.
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = "1000"
    if not sys.warnoptions:
        for category in (FutureWarning, DeprecationWarning):
            warnings.filterwarnings("ignore", category=category, module=_LIBRARIES)
