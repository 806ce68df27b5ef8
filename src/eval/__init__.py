"""Forwards ``python -m src.eval.evaluate`` to the package."""
