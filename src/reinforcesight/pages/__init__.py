"""Shared parts of all HTML pages: base template, style, pictures with boxes, charts, question cards."""
