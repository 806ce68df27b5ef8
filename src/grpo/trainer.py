"""``python -m src.grpo.trainer --config configs/grpo_config.yaml`` is ``reinforcesight grpo …``."""

import sys

from reinforcesight.cli import main

if __name__ == "__main__":
    main(["grpo", *sys.argv[1:]])
