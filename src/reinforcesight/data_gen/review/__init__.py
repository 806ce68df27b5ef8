"""People check a sample of a data set by eye; the result bounds the fraction of wrong labels."""
