"""``python -m data_gen.generate_dataset`` from the repository root: the same as ``reinforcesight generate``.

Without any flag it follows ``configs/config.yaml``.
"""

import sys
from pathlib import Path

from reinforcesight.cli import main

RECIPE = Path(__file__).parents[1] / "configs" / "config.yaml"

if __name__ == "__main__":
    main(["generate", *(sys.argv[1:] or ["--config", str(RECIPE)])])
