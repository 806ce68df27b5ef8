"""What a training writes: checkpoints, the run record with its sessions, and the report."""
