"""``python -m src.sft.trainer --config configs/sft_config.yaml`` is ``reinforcesight sft …``.

Without any flag it follows that file too.
"""

import sys
from pathlib import Path

from reinforcesight.cli import main

RECIPE = Path(__file__).parents[2] / "configs" / "sft_config.yaml"

if __name__ == "__main__":
    main(["sft", *(sys.argv[1:] or ["--config", str(RECIPE)])])
