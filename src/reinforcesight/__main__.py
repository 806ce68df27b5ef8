"""``python -m reinforcesight``: the same as the ``reinforcesight`` command."""

from reinforcesight.cli import main

main()
