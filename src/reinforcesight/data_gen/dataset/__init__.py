"""Data set on disk: columns, files, manifest and card."""
