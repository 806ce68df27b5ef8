"""The data set on disk: its columns, files, manifest and card."""
