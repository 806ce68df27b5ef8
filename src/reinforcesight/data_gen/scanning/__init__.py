"""Convert pictures to scenes with possible questions, in work files that survive a kill."""
