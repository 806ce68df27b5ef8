"""Data sets, benchmarks and checkpoints in the forms of other tools, one file a target."""
