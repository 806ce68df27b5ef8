"""Sources of scenes: rendered, annotated, image folders, localized narratives."""
