"""Measure how strict the rules must be for a requested label error, on pictures with known depth."""
