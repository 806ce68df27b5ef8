"""Freed memory is kept for the next tensors, unless the user has chosen otherwise."""

import os
import platform
import subprocess
import sys

import pytest

# Pages that a tensor of 48 MiB needs anew, after one of 64 MiB was freed. (One of the same size would do no better:
# aligned, it needs a little more than itself.)
SCRIPT = """
import resource, torch
from reinforcesight.model.memory import keep_freed_memory
print(keep_freed_memory())
for size in (64, 48):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(size << 18).fill_(1.0)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages)
"""


def run(**variables: str) -> list[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MALLOC_") and name != "GLIBC_TUNABLES"
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**kept, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is known")
def test_freed_memory_is_kept_where_nothing_else_is_chosen():
    done, pages = run()
    assert done == "True"
    assert int(pages) < 1000
    # A setting of the user's own, here one that changes nothing, is left as it is.
    done, pages = run(MALLOC_PERTURB_="0")
    assert done == "False"
    assert int(pages) > 10_000
    assert run(GLIBC_TUNABLES="glibc.malloc.perturb=0")[0] == "False"
