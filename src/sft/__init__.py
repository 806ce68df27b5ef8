"""Forwards ``python -m src.sft.trainer`` to the package."""
