"""Shapes of rendered objects, by kind."""
