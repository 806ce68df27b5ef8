"""Checks of annotated input as a whole: boxes, depth and cameras in another form than they should have."""
