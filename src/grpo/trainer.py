"""``python -m src.grpo.trainer --config configs/grpo_config.yaml`` is ``reinforcesight grpo …``.

Without any flag it follows that file too.
"""

import sys
from pathlib import Path

from reinforcesight.cli import main

RECIPE = Path(__file__).parents[2] / "configs" / "grpo_config.yaml"

if __name__ == "__main__":
    main(["grpo", *(sys.argv[1:] or ["--config", str(RECIPE)])])
