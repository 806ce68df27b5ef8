"""Where scenes come from: rendered, annotated, image folders, localized narratives."""
