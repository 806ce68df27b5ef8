"""How strict the rules must be for a wanted label error, measured on pictures whose depth is known."""
