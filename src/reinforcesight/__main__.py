"""The program ``reinforcesight``, also as ``python -m reinforcesight``."""

import sys


def main() -> None:
    try:
        from reinforcesight.cli import main as program  # the import takes long enough to be interrupted
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    program()


if __name__ == "__main__":
    main()
