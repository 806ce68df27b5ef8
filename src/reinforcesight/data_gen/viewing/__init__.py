"""Look at a data set: the gallery page and the local browser."""
