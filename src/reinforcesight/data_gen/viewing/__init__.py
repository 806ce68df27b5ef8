"""View a data set: gallery page and local browser."""
