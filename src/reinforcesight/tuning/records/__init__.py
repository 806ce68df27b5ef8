"""Files of a training run: checkpoints, the run record with its sessions, and the report."""
