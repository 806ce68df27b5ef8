"""The short form of benchmarks/chaos.py: a few injuries of the commands that need no model."""

from __future__ import annotations

import forked


def test_injured_commands_give_the_same_result_or_name_the_damage() -> None:
    arguments = ["--rounds", "4", "--seed", "2", "--no_mounts", "--commands", "generate,evaluate"]
    done = forked.run("chaos", *arguments, imports=forked.GENERATE, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "4 rounds, 0 failed" in done.stdout
