"""``reinforcesight run``: all stages from data set to evaluation in one command, with its run folder and report."""
