"""GPU memory of a training: an estimate before it, and a saved checkpoint when memory runs out."""
