"""What can be answered without looking: simple rules, and a classifier of the text."""
