"""People check a sample of a data set; what they find bounds the share of wrong labels."""
