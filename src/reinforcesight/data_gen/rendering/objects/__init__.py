"""The shapes of rendered objects, by kind."""
