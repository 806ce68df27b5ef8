"""Source ``annotated``: COCO annotations with pictures and depth maps, and checks of them as a whole."""
