"""``python -m src.sft.trainer --config configs/sft_config.yaml`` is ``reinforcesight sft …``."""

import sys

from reinforcesight.cli import main

if __name__ == "__main__":
    main(["sft", *sys.argv[1:]])
