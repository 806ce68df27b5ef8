"""Read pictures and draw boxes on them, the same way in every command."""
