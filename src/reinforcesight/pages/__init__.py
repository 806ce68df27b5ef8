"""What the project's HTML pages share."""
