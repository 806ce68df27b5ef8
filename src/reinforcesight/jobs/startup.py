"""What a process of ours settles before it loads other libraries."""

from __future__ import annotations

import os
import sys
import warnings

_LIBRARIES = r"(torch|transformers|trl|peft|accelerate|datasets|huggingface_hub|bitsandbytes|sklearn)(\.|$)"


def settle_process() -> None:
    """Let waiting threads sleep soon, and hide what libraries say to their own developers."""
    # By default they spin for long and take the processor from those that work (docs/log/speed.md). Read by torch's
    # thread library when it is loaded; child processes inherit it. A user's own setting wins.
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = "1000"
    if not sys.warnoptions:
        for category in (FutureWarning, DeprecationWarning):
            warnings.filterwarnings("ignore", category=category, module=_LIBRARIES)
