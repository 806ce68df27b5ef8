"""Long jobs: atomic files, locks, signals, progress, events, worker and child processes, and run records."""
