"""Pretrain the embedded model from random weights, or from a model's: see docs/nano.md.

python dev/pretrain_nano.py --config dev/nano/nano.yaml
"""

from __future__ import annotations

import sys

from reinforcesight.cli import CommandSpec, build_command, run

SPEC = CommandSpec(
    "nano.config:PretrainConfig", "nano.pretrain:pretrain_nano", "Pretrain the embedded model on rendered scenes."
)

if __name__ == "__main__":
    sys.exit(run(command=build_command("pretrain_nano", SPEC)))
