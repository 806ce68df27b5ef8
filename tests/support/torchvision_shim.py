"""Lets a torchvision that was built for another torch be imported, for tests alone.

The wheel of torchvision fails beside a CPU build of torch, because its compiled operators are missing. Image
processors need none of them: names without an implementation let the package be imported.
"""

from __future__ import annotations

import importlib.util
import re

_KEPT = []


def importable_torchvision() -> bool:
    """Whether torchvision can be imported, after defining what it misses."""
    if importlib.util.find_spec("torchvision") is None:
        return False
    import torch

    for _ in range(30):
        try:
            import torchvision  # noqa: F401
        except (RuntimeError, AttributeError) as error:
            missing = re.search(r"torchvision::(\w+)|no attribute '(\w+)'", str(error))
            if missing is None:
                return False
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{missing[1] or missing[2]}(Tensor x) -> Tensor")
            _KEPT.append(library)  # a library that is freed takes its operators with it
        except ImportError:
            return False
        else:
            return True
    return False
