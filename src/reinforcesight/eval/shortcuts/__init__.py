"""Baselines that do not look at the picture: simple rules, and a text classifier."""
