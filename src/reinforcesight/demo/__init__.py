"""``reinforcesight demo``: ask one or two models about a picture, and check the claims of their reasoning."""
