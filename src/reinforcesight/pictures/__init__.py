"""Read pictures and draw boxes on them; used by all commands."""
