"""Models: loading, processor, the one chat format, tiny models, asking and exporting."""
