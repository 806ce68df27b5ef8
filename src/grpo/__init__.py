"""Forwards ``python -m src.grpo.trainer`` to the package."""
