"""Memory of a training: an estimate beforehand, and a checkpoint when it runs out."""
