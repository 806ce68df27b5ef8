"""The whole story in one command: ``reinforcesight run``, its run folder and its report."""
