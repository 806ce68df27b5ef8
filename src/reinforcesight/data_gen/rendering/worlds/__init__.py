"""Layouts of the two worlds: rooms and streets, and the toys of nano."""
