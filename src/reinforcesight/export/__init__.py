"""Data sets, benchmarks and checkpoints in the formats of other tools, one file per target."""
