"""``reinforcesight demo``: ask one or two models about a picture, and see which of their claims hold."""
