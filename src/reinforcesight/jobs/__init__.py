"""Long work: atomic files, signals, progress, worker processes, child processes, and the record of a run."""
