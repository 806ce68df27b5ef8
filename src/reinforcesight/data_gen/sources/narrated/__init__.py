"""Source ``localized_narratives``: pictures with spoken descriptions and pointer traces."""
