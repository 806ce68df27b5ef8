"""``python -m data_gen.generate_dataset`` from the repository root: the same as ``reinforcesight generate``."""

import sys

from reinforcesight.cli import main

if __name__ == "__main__":
    main(["generate", *sys.argv[1:]])
