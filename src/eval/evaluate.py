"""``python -m src.eval.evaluate --model_path … --output …`` is ``reinforcesight evaluate …``."""

import sys

from reinforcesight.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
