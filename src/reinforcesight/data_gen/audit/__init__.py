"""Check a data set: balance, labels, leakage, shortcuts."""
